"""The connections of a process: at most so many, handed out in the order they were asked for, looked after in between.

    acquire → one that idles | a new one | wait in line          release → the next in line | idle | closed

A connection that idled for a while is asked whether it still lives before somebody relies on it; one that is old is
made anew, so that servers behind one name share the load again after one of them was away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

from lightmail.backends.mysql.connection import Connection
from lightmail.backends.mysql.errors import DATABASE, Lost, Refused, told
from lightmail.errors import NeedsOperator

_log = logging.getLogger(__name__)

CHECK_AFTER_S = 15.0
"""A connection that idled longer is pinged before it is used."""
RECYCLE_AFTER_S = 1800.0
"""A connection lives no longer."""


class Pool:
    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        connections: int,
        wait_s: float,
        ping_timeout_s: float,
        check_after_s: float = CHECK_AFTER_S,
        recycle_after_s: float = RECYCLE_AFTER_S,
        what: str = DATABASE,
    ) -> None:
        """connections: at most. wait_s: in line for one of them. what: this is, in words."""
        self._what = what
        self._connect = connect
        self._free_slots = connections
        self._wait_s = wait_s
        self._ping_timeout_s = ping_timeout_s
        self._check_after_s = check_after_s
        self._recycle_after_s = recycle_after_s
        self._idle: list[Connection] = []
        self._line: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False
        self.unreachable_since_s: float | None = None
        """Monotonic; since when no connection could be made. None: the last attempt succeeded."""
        self._complaint = ""
        self._reached = False
        """A connection has been made. Before that it is for who opens the store to tell that there is none."""

    async def acquire(self) -> Connection:
        """To be given back by `release`. Raises Lost, Refused."""
        while True:
            if self._closed:
                raise Lost("closed")
            if self._idle:
                connection = self._idle.pop()
            elif self._free_slots:
                self._free_slots -= 1
                return await self._open()
            else:
                waited = await self._wait()
                if waited is None:
                    return await self._open()
                connection = waited
            if await self._usable(connection):
                return connection
            self.release(connection)

    def release(self, connection: Connection) -> None:
        """One that is closed, or in the middle of a transaction, makes room for a new one."""
        if connection.in_transaction or connection.busy:
            connection.close("left in the middle")
        if self._closed or time.monotonic() - connection.since_s > self._recycle_after_s:
            connection.quit()
        if connection.closed:
            self._hand_over(None)
            return
        connection.used_s = time.monotonic()
        self._hand_over(connection)

    def drop_idle(self) -> None:
        """After a sign that the server behind the name has changed."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.quit()
            self._hand_over(None)

    async def close(self) -> None:
        """Nobody gets a connection any more; those in use are closed when they come back. Safe to call twice."""
        self._closed = True
        idle = list(self._idle)
        self.drop_idle()
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done():
                waiter.set_exception(Lost("closed"))
        for connection in idle:
            await connection.gone()

    async def _usable(self, connection: Connection) -> bool:
        """Raises Lost when the server holds the connection and does not answer."""
        if connection.closed:
            return False
        if time.monotonic() - connection.used_s <= self._check_after_s:
            return True
        try:
            await connection.ping(self._ping_timeout_s)
        except (Lost, Refused) as error:
            connection.close("the ping failed")
            if isinstance(error, Lost) and error.timed_out:
                self.release(connection)
                raise
            return False
        except BaseException:
            self.release(connection)
            raise
        return True

    async def _open(self) -> Connection:
        """In a slot that is ours already."""
        try:
            if asyncio.current_task() is None:
                await asyncio.sleep(0)  # a first step outside any task (net/eager.py); `asyncio.timeout` needs one
            connection = await self._connect()
        except BaseException as error:
            if isinstance(error, Lost | Refused):
                self._unreachable(error)
            self._hand_over(None)
            raise
        if self._reached and self.unreachable_since_s is not None:
            away_s = time.monotonic() - self.unreachable_since_s
            _log.info("%s is reached again, after %.1f s", self._what, away_s)
        self.unreachable_since_s = None
        self._complaint = ""
        self._reached = True
        return connection

    def _unreachable(self, error: Lost | Refused) -> None:
        if self.unreachable_since_s is None:
            self.unreachable_since_s = time.monotonic()
        # Once for each cause: a server that comes back may refuse the password.
        problem = told(error, self._what)
        if self._reached and str(problem) != self._complaint:
            self._complaint = str(problem)
            level = logging.ERROR if isinstance(problem, NeedsOperator) else logging.WARNING
            _log.log(level, "no connection: %s", problem)

    async def _wait(self) -> Connection | None:
        """A connection, or None for a slot. Raises Lost when the wait is too long."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._line.append(waiter)
        expiry = loop.call_later(self._wait_s, _give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # It was given to us in the same moment.
                given = waiter.result()
                if given is None:
                    self._hand_over(None)
                else:
                    self.release(given)
            raise
        finally:
            expiry.cancel()

    def _hand_over(self, connection: Connection | None) -> None:
        """A connection, or the slot of one that is gone, to who waits longest."""
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._free_slots += 1
        else:
            self._idle.append(connection)


def _give_up(waiter: asyncio.Future[Connection | None]) -> None:
    if not waiter.done():
        waiter.set_exception(Lost("all connections are busy"))
