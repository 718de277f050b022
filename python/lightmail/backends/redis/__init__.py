"""Redis: hints of changes, small hot values, counts, and who is connected where. Nothing that matters lives only here
(law 4).
"""

from __future__ import annotations

from lightmail.backends.redis.cache import RedisCache
from lightmail.backends.redis.check import check
from lightmail.backends.redis.connection import RedisConnection
from lightmail.backends.redis.feed import RedisChangeFeed
from lightmail.backends.redis.rates import RedisRates
from lightmail.backends.redis.sessions import RedisSessions

__all__ = ["RedisCache", "RedisChangeFeed", "RedisConnection", "RedisRates", "RedisSessions", "check"]
