"""Small hot values in Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightmail.backends.redis.connection import RedisConnection
from lightmail.errors import Unavailable


class RedisCache:
    """Implements `ports.cache.Cache`: `PREFIX:cache:KEY`, each with its end."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        if not keys:
            return {}

        async def read(client: Any) -> list[bytes | None]:
            pipeline = client.pipeline(transaction=False)  # MGET cannot be, over several members of a cluster
            for key in keys:
                pipeline.get(self._name(key))
            values: list[bytes | None] = await pipeline.execute()
            return values

        try:
            values = await self._redis.ask(read)
        except Unavailable:
            return {}
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    async def put(self, values: Mapping[str, bytes], *, keep_s: float) -> None:
        keep_ms = int(keep_s * 1000)
        if not values or keep_ms <= 0:
            return

        async def write(client: Any) -> None:
            pipeline = client.pipeline(transaction=False)
            for key, value in values.items():
                pipeline.set(self._name(key), value, px=keep_ms)
            await pipeline.execute()

        try:
            await self._redis.ask(write)
        except Unavailable:
            return

    async def close(self) -> None:
        """The connection is its maker's to close."""

    def _name(self, key: str) -> str:
        return f"{self._redis.prefix}:cache:{key}"
