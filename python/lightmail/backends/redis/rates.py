"""Counts of events in Redis, over all nodes."""

from __future__ import annotations

from typing import Any

from lightmail.backends.local import LocalRates, SystemClock
from lightmail.backends.local.rates import estimate, place
from lightmail.backends.redis.connection import RedisConnection
from lightmail.errors import Unavailable
from lightmail.ports.clock import Clock


class RedisRates:
    """Implements `ports.rates.RateLimiter`: `PREFIX:rate:KEY` is a hash of counts by the number of their window.

    Whoever counts here counts in this process too, so that it goes on when Redis goes away.
    """

    def __init__(self, redis: RedisConnection, clock: Clock | None = None) -> None:
        self._redis = redis
        self._clock = clock or SystemClock()
        self._local = LocalRates(self._clock)

    async def hit(self, key: str, *, window_s: float) -> int:
        alone = await self._local.hit(key, window_s=window_s)
        name, at = self._name(key), place(self._clock.now_s(), window_s)

        async def add(client: Any) -> tuple[int, int]:
            pipeline = client.pipeline(transaction=False)
            pipeline.hincrby(name, str(at.number), 1)
            pipeline.hget(name, str(at.number - 1))
            pipeline.hdel(name, str(at.number - 2))
            pipeline.pexpire(name, int(window_s * 2000))
            current, previous, *_ = await pipeline.execute()
            return int(current), int(previous or 0)

        try:
            return estimate(*await self._redis.ask(add), at)
        except Unavailable:
            return alone

    async def count(self, key: str, *, window_s: float) -> int:
        name, at = self._name(key), place(self._clock.now_s(), window_s)

        async def read(client: Any) -> tuple[int, int]:
            current, previous = await client.hmget(name, [str(at.number), str(at.number - 1)])
            return int(current or 0), int(previous or 0)

        try:
            return estimate(*await self._redis.ask(read), at)
        except Unavailable:
            return await self._local.count(key, window_s=window_s)

    async def forget(self, key: str) -> None:
        await self._local.forget(key)
        try:
            await self._redis.ask(lambda client: client.delete(self._name(key)))
        except Unavailable:
            return

    async def close(self) -> None:
        """The connection is its maker's to close."""

    def _name(self, key: str) -> str:
        return f"{self._redis.prefix}:rate:{key}"
