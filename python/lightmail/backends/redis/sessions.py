"""Who is connected where, in Redis: a hash of sessions for each process, which ends when the process is not heard of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from lightmail.backends.local import SystemClock
from lightmail.backends.redis.connection import RedisConnection
from lightmail.model import ClientSession
from lightmail.ports.clock import Clock
from lightmail.ports.sessions import EXPIRES_S

_KEEP_PROCESS_S = 10 * EXPIRES_S
"""The list of processes only says where to look, by clocks that need not agree; the hashes expire by Redis' own."""


class RedisSessions:
    """Implements `ports.sessions.SessionTable`: `PREFIX:sessions:PROCESS` and, to find them, `PREFIX:processes`."""

    def __init__(self, redis: RedisConnection, clock: Clock | None = None) -> None:
        self._redis = redis
        self._clock = clock or SystemClock()
        self._processes = f"{redis.prefix}:processes"

    async def beat(
        self, process: str, opened: Sequence[ClientSession], closed: Sequence[str], *, all_ids: Sequence[str]
    ) -> bool:
        name, now_s = self._name(process), self._clock.now_s()

        async def say(client: Any) -> int:
            pipeline = client.pipeline(transaction=False)
            if len(opened) == len(all_ids):
                pipeline.delete(name)
            elif closed:
                pipeline.hdel(name, *closed)
            if opened:
                pipeline.hset(name, mapping={each.id: msgspec.json.encode(each) for each in opened})
            pipeline.pexpire(name, int(EXPIRES_S * 1000))
            pipeline.zadd(self._processes, {process: now_s})
            pipeline.zremrangebyscore(self._processes, "-inf", now_s - _KEEP_PROCESS_S)
            pipeline.hlen(name)
            return int((await pipeline.execute())[-1])

        return await self._redis.ask(say) == len(all_ids)

    async def list(self, *, address: str | None = None) -> list[ClientSession]:
        async def read(client: Any) -> list[list[bytes]]:
            processes = await client.zrange(self._processes, 0, -1)
            pipeline = client.pipeline(transaction=False)
            for process in processes:
                pipeline.hvals(self._name(process.decode()))
            values: list[list[bytes]] = await pipeline.execute() if processes else []
            return values

        sessions = [
            msgspec.json.decode(value, type=ClientSession) for values in await self._redis.ask(read) for value in values
        ]
        found = [each for each in sessions if address is None or each.address == address]
        return sorted(found, key=lambda each: (each.address, each.since_s, each.id))

    async def forget(self, process: str) -> None:
        async def remove(client: Any) -> None:
            pipeline = client.pipeline(transaction=False)
            pipeline.delete(self._name(process))
            pipeline.zrem(self._processes, process)
            await pipeline.execute()

        await self._redis.ask(remove)

    async def close(self) -> None:
        """The connection is its maker's to close."""

    def _name(self, process: str) -> str:
        return f"{self._redis.prefix}:sessions:{process}"
