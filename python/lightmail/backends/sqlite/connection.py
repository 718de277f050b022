"""One connection to the SQLite file: how it is set up, how its errors are told, how its statements are counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from lightmail.backends.disks import FULL
from lightmail.errors import ConfigError, NeedsOperator, StoreReadOnly, Unavailable

OLDEST_SQLITE = (3, 38, 0)
"""STRICT tables, RETURNING, UPDATE FROM, ->>, format()."""

Values: TypeAlias = Mapping[str, Any] | Sequence[Any]
Row: TypeAlias = tuple[Any, ...]

DATABASE = "the metadata database"
_PERMISSIONS = "the file, its -wal and -shm beside it, and their folder must be this user's, and writable"
_DAMAGED = "keep a copy of it and of its -wal, then see docs/troubleshooting.md"
_CAUSES: dict[int, tuple[type[Unavailable], str, str]] = {
    sqlite3.SQLITE_BUSY: (Unavailable, "locked by another process", ""),
    sqlite3.SQLITE_LOCKED: (Unavailable, "locked", ""),
    sqlite3.SQLITE_FULL: (Unavailable, *FULL),
    # It could not make the file longer that its processes share.
    sqlite3.SQLITE_IOERR_SHMSIZE: (Unavailable, *FULL),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, "the file cannot be written", _PERMISSIONS),
    sqlite3.SQLITE_IOERR: (Unavailable, "an I/O error", "see the log of the system: its disk may be failing"),
    sqlite3.SQLITE_CANTOPEN: (NeedsOperator, "the file cannot be opened", _PERMISSIONS),
    sqlite3.SQLITE_PERM: (NeedsOperator, "permission denied", _PERMISSIONS),
    sqlite3.SQLITE_CORRUPT: (NeedsOperator, "the file is damaged", _DAMAGED),
    sqlite3.SQLITE_NOTADB: (NeedsOperator, "the file is not a database", _DAMAGED),
    sqlite3.SQLITE_NOMEM: (Unavailable, "out of memory", ""),
    sqlite3.SQLITE_INTERRUPT: (Unavailable, "interrupted", ""),
}
"""By extended code, or by primary code: what is raised, its cause, the way out."""
_PRIMARY_CODE = 0xFF


def unavailable(error: sqlite3.Error, what: str = DATABASE) -> Unavailable | None:
    """The condition behind an error of SQLite; None when it is a mistake of ours (a constraint, a statement)."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return Unavailable(f"{what} (closed)") if "closed database" in str(error) else None
    found = _CAUSES.get(code) or _CAUSES.get(code & _PRIMARY_CODE)
    if found is None:
        return None
    kind, cause, way_out = found
    return kind(f"{what} ({cause})", way_out)


@contextmanager
def told_plainly(what: str = DATABASE) -> Iterator[None]:
    """Turns errors of SQLite into Unavailable where they are such."""
    try:
        yield
    except sqlite3.Error as error:
        told = unavailable(error, what)
        if told is None:
            raise
        raise told from error


def connect(
    path: Path, *, busy_timeout_s: float, cache_kib: int, query_only: bool = False, what: str = DATABASE
) -> sqlite3.Connection:
    """A connection in autocommit mode, usable from any one thread at a time. Raises Unavailable, ConfigError.

    what: for the words of an error.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise ConfigError("storage", "metadata", f"SQLite {wanted} or newer is needed, not {sqlite3.sqlite_version}")
    with told_plainly(what):
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

    def renew(self, connection: sqlite3.Connection) -> None:
        """Another connection takes the place of the one there was, which is closed."""
        self.connection.close()
        self.connection = connection
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
