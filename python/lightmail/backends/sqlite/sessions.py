"""Who is connected, for the processes of one machine: a file of its own beside the database, without a fsync.

In the database itself each beat would wait for the disk, hold up writers, and make the other processes look for changes
(`data_version`). What is here may be lost, and the file may be deleted while nothing runs (docs/adr/0008).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lightmail.backends.local import SystemClock
from lightmail.backends.records import SESSION_COLUMNS, session, session_row
from lightmail.backends.sqlite.connection import connect, told_plainly
from lightmail.errors import Unavailable
from lightmail.model import ClientSession
from lightmail.ports.clock import Clock
from lightmail.ports.sessions import EXPIRES_S

T = TypeVar("T")

_TABLE = "the table of sessions"
_BUSY_TIMEOUT_S = 5.0
_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS processes (
        process TEXT    NOT NULL PRIMARY KEY,
        seen_s  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS sessions (
        id       TEXT    NOT NULL PRIMARY KEY,
        process  TEXT    NOT NULL REFERENCES processes (process) ON DELETE CASCADE,
        user_id  INTEGER NOT NULL,
        address  TEXT    NOT NULL,
        protocol TEXT    NOT NULL,
        peer     TEXT    NOT NULL,
        node     TEXT    NOT NULL,
        since_s  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS sessions_process ON sessions (process)",
)
DELETE_SILENT = "DELETE FROM processes WHERE seen_s <= ?"
DELETE_PROCESS = "DELETE FROM processes WHERE process = ?"
SEEN = (
    "INSERT INTO processes (process, seen_s) VALUES (?, ?) ON CONFLICT (process) DO UPDATE SET seen_s = excluded.seen_s"
)
DELETE_SESSION = "DELETE FROM sessions WHERE id = ?"
INSERT_SESSION = f"INSERT OR REPLACE INTO sessions ({SESSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
COUNT_SESSIONS = "SELECT count(*) FROM sessions WHERE process = ?"
SELECT_SESSIONS = f"""
    SELECT {SESSION_COLUMNS}
    FROM sessions JOIN processes USING (process)
    WHERE seen_s > :since_s AND (:address IS NULL OR address = :address)
    ORDER BY address, since_s, id
"""


class SqliteSessions:
    """Implements `ports.sessions.SessionTable`. Opens nothing before it is used."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._path = path
        self._clock = clock or SystemClock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-sessions")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def beat(
        self, process: str, opened: Sequence[ClientSession], closed: Sequence[str], *, all_ids: Sequence[str]
    ) -> bool:
        now_s = self._clock.now_s()

        def write(connection: sqlite3.Connection) -> int:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(DELETE_SILENT, (int(now_s - EXPIRES_S),))
                if len(opened) == len(all_ids):
                    connection.execute(DELETE_PROCESS, (process,))
                connection.execute(SEEN, (process, now_s))
                connection.executemany(DELETE_SESSION, [(name,) for name in closed])
                connection.executemany(INSERT_SESSION, map(session_row, opened))
                (count,) = connection.execute(COUNT_SESSIONS, (process,)).fetchone()
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            return int(count)

        return await self._run(write) == len(all_ids)

    async def list(self, *, address: str | None = None) -> list[ClientSession]:
        values = {"since_s": int(self._clock.now_s() - EXPIRES_S), "address": address}
        rows = await self._run(lambda connection: connection.execute(SELECT_SESSIONS, values).fetchall())
        return [session(row) for row in rows]

    async def forget(self, process: str) -> None:
        await self._run(lambda connection: connection.execute(DELETE_PROCESS, (process,)))

    async def close(self) -> None:
        """Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._thread.shutdown()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise Unavailable(f"{_TABLE} (closed)")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with told_plainly(_TABLE):
            if self._connection is None:
                self._connection = self._open()
            return work(self._connection)

    def _open(self) -> sqlite3.Connection:
        connection = connect(self._path, what=_TABLE, busy_timeout_s=_BUSY_TIMEOUT_S, cache_kib=256)
        # In WAL mode: no commit waits for the disk, and a crash damages nothing.
        connection.execute("PRAGMA synchronous = NORMAL")
        for statement in _TABLES:
            connection.execute(statement)
        return connection

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
