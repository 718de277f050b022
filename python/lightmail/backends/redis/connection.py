"""The way to Redis, and whether it is there: one state per process, told once when it changes.

While Redis is away nobody waits for it: whatever is asked of it fails at once, and one task tries to reach it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from redis import exceptions
from redis.asyncio import Redis

from lightmail.backends.redis.clients import Clients, make_clients
from lightmail.backends.redis.faults import AWAY, unavailable
from lightmail.config import sections
from lightmail.config.addresses import RedisUrl
from lightmail.errors import NeedsOperator, Unavailable
from lightmail.obs.metrics import Counts, counts

_log = structlog.get_logger("lightmail.redis")

T = TypeVar("T")

CONNECTIONS = 8
"""For commands, of one process; the subscriber has one more."""
_GRACE_S = 0.05
"""The answer may be there already, when it was this process that was too busy to look."""
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 2.0


class RedisConnection:
    """Shared by all that a process keeps in Redis. Bound to the loop it was opened on."""

    def __init__(self, clients: Clients, options: sections.Redis, nodes: int) -> None:
        """Called by `open`. nodes: sentinels or members that may have to be asked one after the other."""
        self.prefix = options.prefix
        self.timeout_s = options.timeout_s
        self.present = False
        self.errors = 0
        """Questions that Redis did not answer, or refused."""
        self._clients = clients
        self._ping_timeout_s = options.timeout_s * (nodes + 1)
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listeners: list[Callable[[bool], None]] = []
        self._away_since_s: float | None = None
        self._problem = Unavailable("Redis")
        """While it is away: why."""
        self._trying: asyncio.Task[None] | None = None
        self._complaints: set[str] = set()
        self._closed = False

    @classmethod
    async def open(cls, url: RedisUrl, options: sections.Redis) -> RedisConnection:
        """options: paths in it are absolute, or relative to the working directory.

        Never fails because Redis is away; takes as long as finding that out.
        """
        made = cls(make_clients(url, options), options, max(1, len(url.nodes)))
        try:
            await made._ping()
        except (exceptions.RedisError, *AWAY) as error:
            made.lost(error)
        else:
            made.present = True
        made.count(counts)
        return made

    def count(self, told: Counts) -> None:
        told.source("redis_connected", "Processes that Redis answers", lambda: float(self.present))
        told.source("redis_errors_total", "What Redis did not answer, or refused", lambda: self.errors)

    @property
    def bus(self) -> Redis:
        """For a connection of one's own that subscribes."""
        return self._clients.bus

    def listen(self, listener: Callable[[bool], None]) -> None:
        """Called when Redis goes (False) and comes back (True); must not block."""
        self._listeners.append(listener)

    async def ask(self, question: Callable[[Any], Awaitable[T]], *, bus: bool = False) -> T:
        """question: is given the client for keys, or the one for the bus.

        Raises Unavailable: at once while Redis is away, after `timeout_s` otherwise. May be called where there is no
        current task (see net/eager.py). What was asked may have been done all the same.
        """
        if not self.present:
            raise self._gone()
        task = asyncio.get_running_loop().create_task(self._answer(question, bus))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        if not await self.in_time(task):
            task.cancel()
            self.lost(TimeoutError(f"no answer within {self.timeout_s:g} s"))
            raise self._gone()
        if task.cancelled():  # by `close`
            raise self._gone()
        try:
            return task.result()
        except AWAY as error:
            self.lost(error)
            raise self._gone() from error
        except exceptions.RedisError as error:
            self.refused(error)
            raise unavailable(error) from error

    async def in_time(self, answer: asyncio.Future[Any]) -> bool:
        """Whether it is done within `timeout_s`."""
        for wait_s in (self.timeout_s, _GRACE_S):
            done, _ = await asyncio.wait({answer}, timeout=wait_s)
            if done:
                return True
        return False

    def lost(self, error: BaseException) -> None:
        """Somebody has found that Redis is away. Told and logged the first time."""
        self.errors += 1
        if self._closed or self._trying is not None:
            return
        self._tell_why(error)
        self.present = False
        self._away_since_s = time.monotonic()
        self._trying = asyncio.get_running_loop().create_task(self._return())
        self._tell(False)

    def refused(self, error: BaseException) -> None:
        """It answers, and says no (permissions, memory): logged once for each reason."""
        self.errors += 1
        reason = str(error).split(" ", 1)[0]
        if reason not in self._complaints:
            self._complaints.add(reason)
            problem = unavailable(error)
            _log.warning("Redis refuses what it is asked", problem=problem.what, way_out=problem.way_out)

    async def close(self) -> None:
        """Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self.present = False
        tasks = [*self._tasks, *([self._trying] if self._trying is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(exceptions.RedisError, *AWAY):
            await self._clients.close()

    async def _answer(self, question: Callable[[Any], Awaitable[T]], bus: bool) -> T:
        async with self._free:
            return await question(self._clients.bus if bus else self._clients.data)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may have gone

    async def _ping(self) -> None:
        async with asyncio.timeout(self._ping_timeout_s):
            await self._clients.ping()

    async def _return(self) -> None:
        pause_s = FIRST_RETRY_S
        while not self._closed:  # the library may lose a cancellation
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, LONGEST_RETRY_S)
            try:
                await self._ping()
            except (exceptions.RedisError, *AWAY):
                continue
            except Exception:
                # Whoever gives up here leaves Redis away for ever.
                _log.exception("it cannot be found out whether Redis is back")
                continue
            break
        if self._closed:
            return
        self._trying = None
        self.present = True
        assert self._away_since_s is not None
        _log.info("Redis is back", away_s=round(time.monotonic() - self._away_since_s, 1))
        self._tell(True)

    def _tell_why(self, error: BaseException) -> None:
        problem = self._problem = unavailable(error)
        if isinstance(problem, NeedsOperator):
            event, log = "Redis cannot be used", _log.error
        else:
            event, log = "Redis is away", _log.warning
        log(f"{event}; changes of other processes are polled for", problem=problem.what, way_out=problem.way_out)

    def _gone(self) -> Unavailable:
        return type(self._problem)(self._problem.what, self._problem.way_out)

    def _tell(self, present: bool) -> None:
        for listener in self._listeners:
            try:
                listener(present)
            except Exception:
                _log.exception("a listener to the state of Redis failed")
