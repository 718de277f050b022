"""Connections to a test's Redis, under a prefix of their own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis as Client

from lightmail.backends.redis import RedisConnection
from lightmail.config import sections
from lightmail.config.addresses import parse_redis


def new_prefix() -> str:
    return f"test-{secrets.token_hex(6)}"


@asynccontextmanager
async def connected(url: str, *, prefix: str = "", **options: Any) -> AsyncIterator[RedisConnection]:
    """prefix: two with the same one share what they keep. options: as in `config.Redis`."""
    redis = await RedisConnection.open(parse_redis(url), sections.Redis(prefix=prefix or new_prefix(), **options))
    try:
        yield redis
    finally:
        await redis.close()


@asynccontextmanager
async def raw(url: str, **options: Any) -> AsyncIterator[Client]:
    """The library's client, to look at what is there and to interfere."""
    client = Client.from_url(url, protocol=2, **options)
    try:
        yield client
    finally:
        await client.aclose()


async def grow_older(client: Client, prefix: str, seconds: float) -> None:
    """Everything under the prefix has so much less time to live."""
    async for key in client.scan_iter(f"{prefix}:*"):
        remaining_ms = await client.pttl(key)
        if remaining_ms >= 0:
            await client.pexpire(key, max(0, int(remaining_ms - seconds * 1000)))
