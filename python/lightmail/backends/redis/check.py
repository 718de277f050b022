"""`lightmail db check` on Redis: whether it is there, and lets us do what we need."""

from __future__ import annotations

import asyncio
import secrets

from redis import exceptions

from lightmail.backends.redis.clients import make_clients
from lightmail.backends.redis.faults import AWAY, unavailable
from lightmail.config import sections
from lightmail.config.addresses import RedisUrl
from lightmail.model import Finding

WHERE = "Redis"


async def check(url: RedisUrl, options: sections.Redis) -> list[Finding]:
    """Leaves nothing behind. What is away is a finding, too."""
    clients = make_clients(url, options)
    key = f"{options.prefix}:check:{secrets.token_hex(8)}"
    try:
        async with asyncio.timeout(options.timeout_s * (len(url.nodes) + 1)):
            await clients.ping()
            await clients.data.set(key, b"", px=10_000)
            await clients.data.delete(key)
            await clients.bus.publish(key, b"")
    except (exceptions.RedisError, *AWAY) as error:
        return [Finding(WHERE, f"{unavailable(error)}; everything works without it, by polling")]
    finally:
        await clients.close()
    return []
