"""A user table in an SQLite file, which is only read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from lightmail.backends.usertable.table import Found, Refusal
from lightmail.config.userqueries import UserQuery
from lightmail.errors import Unavailable

_AWAY = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
)


class SqliteQuestions:
    """Implements `table.Questions`. The file is opened for each question: it may be replaced by another at any time."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="user-table")

    async def ask(self, query: UserQuery, values: dict[str, str]) -> Found:
        bound = [values[name] for name in query.places]
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, "?".join(query.texts), bound)

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self, text: str, values: Sequence[str]) -> Found:
        try:
            with closing(sqlite3.connect(self._uri, uri=True, timeout=self._timeout_s)) as connection:
                cursor = connection.execute(text, values)
                return [column[0] for column in cursor.description or ()], cursor.fetchall()
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _AWAY:
                raise Unavailable(f"the user table ({error})", "check auth.sql.url") from error
            raise Refusal(str(error)) from error
