"""The SQLite database of a process: its writer, a connection for short reads on the loop thread, and reader threads.

A point read takes some ten microseconds, less than handing it to a thread and back; what may read many rows goes to a
reader thread. In WAL mode readers neither wait for the writer nor hold it up.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lightmail.backends.local import SystemClock
from lightmail.backends.sqlite.connection import Row, Statements, Values, connect, told_plainly
from lightmail.backends.sqlite.schema import migrate
from lightmail.backends.sqlite.turns import Turns
from lightmail.backends.sqlite.writer import Verb, Writer
from lightmail.errors import Unavailable
from lightmail.ports.clock import Clock

T = TypeVar("T")

READERS = 2
BUSY_TIMEOUT_S = 10.0
"""One group of writes of another process takes milliseconds; an upgrade of the schema may take longer."""
_READ_TIMEOUT_S = 1.0
"""Readers wait for nobody in WAL mode, but for recovery after a crash."""


class SqliteDatabase:
    """Shared by the SqliteMetadata and the SqliteDirectory of a process. Bound to the loop it was opened on."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        write: Statements,
        turns: Turns,
        reconnect: Callable[[], sqlite3.Connection],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Called by `open`."""
        self.clock = clock
        self._path = path
        self._loop = loop
        self._point = self._reader()
        self._write = write
        self._turns = turns
        self.writer = Writer(write, turns, loop, reconnect)
        self._local = threading.local()
        self._bulk: list[Statements] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")
        self._closed = False

    @classmethod
    async def open(
        cls, path: Path, clock: Clock | None = None, *, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> SqliteDatabase:
        """Open or create the file and bring its schema up to date.

        busy_timeout_s: how long a write waits for another process before it is Unavailable.

        Raises Unavailable, SchemaMismatch, ConfigError (SQLite too old).
        """
        clock = clock or SystemClock()
        loop = asyncio.get_running_loop()

        writing = functools.partial(connect, path, busy_timeout_s=busy_timeout_s, cache_kib=16384)

        def prepare() -> tuple[Statements, Turns]:
            connection = writing()
            try:
                with told_plainly():
                    migrate(connection, clock.now_s())
                return Statements(connection), Turns(path, busy_timeout_s)
            except BaseException:
                connection.close()
                raise

        return cls(path, clock, *await loop.run_in_executor(None, prepare), writing, loop)

    @property
    def statements(self) -> int:
        """SQL statements run so far, without transaction control and polls; for tests that guard costs (law 5)."""
        return self._point.count + self._write.count + sum(reader.count for reader in self._bulk)

    # ---- short reads, on the loop thread

    def one(self, statement: str, values: Values = ()) -> Row | None:
        """Raises Unavailable."""
        with told_plainly():
            return self._point.one(statement, values)

    def all(self, statement: str, values: Values = ()) -> list[Row]:
        """Raises Unavailable."""
        with told_plainly():
            return self._point.all(statement, values)

    # ---- anything else

    async def read(self, question: Callable[[Statements], T]) -> T:
        """Ask in a reader thread, all of it seeing one state of the database. Raises Unavailable."""
        if self._closed:
            raise Unavailable("the metadata database (closed)")
        return await self._loop.run_in_executor(self._readers, self._ask, question)

    async def write(self, verb: Verb[T], *, although_sealed: bool = False) -> T:
        """One durable transaction (see `Writer.run`)."""
        return await self.writer.run(verb, although_sealed=although_sealed)

    async def data_version(self) -> int:
        """Changes when another process has committed."""
        return await self.writer.ask(_data_version)

    async def close(self) -> None:
        """Finish what is queued, then let go of the file. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        await self._loop.run_in_executor(None, self._stop)

    def _stop(self) -> None:
        self.writer.close()
        self._readers.shutdown()
        for statements in (self._point, *self._bulk, self._write):
            statements.connection.close()
        self._turns.close()

    def _ask(self, question: Callable[[Statements], T]) -> T:
        statements: Statements | None = getattr(self._local, "statements", None)
        if statements is None:
            statements = self._local.statements = self._reader()
            self._bulk.append(statements)
        with told_plainly():
            statements.connection.execute("BEGIN")
            try:
                return question(statements)
            finally:
                statements.connection.execute("ROLLBACK")

    def _reader(self) -> Statements:
        return Statements(connect(self._path, busy_timeout_s=_READ_TIMEOUT_S, cache_kib=4096, query_only=True))


def _data_version(statements: Statements) -> int:
    (version,) = statements.connection.execute("PRAGMA data_version").fetchone()
    return int(version)
