"""Where password hashes are made: in threads, so many at a time, so many waiting (law 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from lightmail.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class Hashing:
    """Use it from one loop."""

    def __init__(self, concurrent: int, queued: int) -> None:
        self._threads = ThreadPoolExecutor(concurrent, thread_name_prefix="argon2")
        self._most = concurrent + queued
        self._under_way = 0
        self._checks: dict[bytes, asyncio.Future[bool]] = {}

    async def check(self, key: bytes, check: Callable[P, bool], *args: P.args, **kwargs: P.kwargs) -> bool:
        """One check for any number of sessions that ask the same at the same time (a client opens several at once).

        key: the same for the same question. Raises Unavailable: too many are waiting; what the check raises.
        """
        running = self._checks.get(key)
        if running is None:
            running = self._checks[key] = self._start(lambda: check(*args, **kwargs))
            running.add_done_callback(lambda _: self._checks.pop(key, None))
        return await asyncio.shield(running)  # a session that goes away takes nothing from the others

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises Unavailable: too many are waiting; what the work raises."""
        return await self._start(lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Checks that wait are dropped; those that run finish."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        if self._under_way >= self._most:
            raise Unavailable("password checking")
        self._under_way += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: asyncio.Future[T]) -> None:
        self._under_way -= 1
