"""One connection to the SQLite file: how it is set up, how its errors are told, how its statements are counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from lightmail.errors import ConfigError, Unavailable

OLDEST_SQLITE = (3, 38, 0)
"""STRICT tables, RETURNING, UPDATE FROM, ->>, format()."""

Values: TypeAlias = Mapping[str, Any] | Sequence[Any]
Row: TypeAlias = tuple[Any, ...]

_CAUSES = {
    sqlite3.SQLITE_BUSY: "locked by another process",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_IOERR: "an I/O error",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_PERM: "permission denied",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_INTERRUPT: "interrupted",
}
_PRIMARY_CODE = 0xFF


def unavailable(error: sqlite3.Error) -> Unavailable | None:
    """The condition behind an error of SQLite; None when it is a mistake of ours (a constraint, a statement)."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return Unavailable("the metadata database (closed)") if "closed database" in str(error) else None
    cause = _CAUSES.get(code & _PRIMARY_CODE)
    return None if cause is None else Unavailable(f"the metadata database ({cause})")


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns errors of SQLite into Unavailable where they are such."""
    try:
        yield
    except sqlite3.Error as error:
        told = unavailable(error)
        if told is None:
            raise
        raise told from error


def connect(path: Path, *, busy_timeout_s: float, cache_kib: int, query_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, usable from any one thread at a time. Raises Unavailable, ConfigError."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise ConfigError("storage", "metadata", f"SQLite {wanted} or newer is needed, not {sqlite3.sqlite_version}")
    with told_plainly():
        connection = sqlite3.connect(
            path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                "temp_store = MEMORY",
                f"cache_size = -{cache_kib}",
                "mmap_size = 134217728",
                "journal_size_limit = 67108864",
                "secure_delete = FAST",
                f"query_only = {'ON' if query_only else 'OFF'}",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except BaseException:
            connection.close()
            raise
    return connection


class Statements:
    """A connection that counts what it is asked. Blocking; belongs to one thread at a time."""

    __slots__ = ("_execute", "connection", "count")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.count = 0
        """Statements run so far; transaction control and polls are not among them."""
        self._execute = connection.execute

    def one(self, statement: str, values: Values = ()) -> Row | None:
        """The first row."""
        self.count += 1
        row: Row | None = self._execute(statement, values).fetchone()
        return row

    def all(self, statement: str, values: Values = ()) -> list[Row]:
        self.count += 1
        return self._execute(statement, values).fetchall()

    def run(self, statement: str, values: Values = ()) -> int:
        """How many rows were changed."""
        self.count += 1
        return self._execute(statement, values).rowcount

    def insert(self, statement: str, values: Values = ()) -> int:
        """The rowid of the new row."""
        self.count += 1
        rowid = self._execute(statement, values).lastrowid
        assert rowid is not None
        return rowid

    def many(self, statement: str, rows: Sequence[Values]) -> None:
        """One statement, prepared once, for all rows."""
        self.count += 1
        self.connection.executemany(statement, rows)
