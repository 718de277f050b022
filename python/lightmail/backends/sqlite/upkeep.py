"""`lightmail db` on SQLite: the schema's version, migrations by hand, a look at the file's health. Blocking."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from lightmail.backends.sqlite.connection import connect, told_plainly
from lightmail.backends.sqlite.schema import CURRENT, migrate, versions_found
from lightmail.model import Finding, SchemaState

_TIMEOUT_S = 30.0
_MOST_FINDINGS = 20


def schema_state(path: Path) -> SchemaState:
    """Nothing is made or changed. Raises Unavailable, ConfigError (SQLite too old)."""
    found, usable_from = 0, 0
    if path.exists():
        with closing(_reader(path)) as connection, told_plainly():
            found, usable_from = versions_found(connection)
    return SchemaState(f"SQLite {sqlite3.sqlite_version}", found, usable_from, CURRENT)


def upgrade(path: Path, now_s: int) -> None:
    """Apply what is pending; a file that is not there is made. Raises Unavailable, SchemaMismatch, ConfigError."""
    with closing(connect(path, busy_timeout_s=_TIMEOUT_S, cache_kib=4096)) as connection, told_plainly():
        migrate(connection, now_s)


def check(path: Path) -> list[Finding]:
    """Reads the whole file. Raises Unavailable, ConfigError."""
    if not path.exists():
        return []
    with closing(_reader(path)) as connection, told_plainly():
        damages = connection.execute(f"PRAGMA quick_check({_MOST_FINDINGS})").fetchall()
        orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(_MOST_FINDINGS)
    found = [Finding("SQLite", f"{path}: {text}") for (text,) in damages if text != "ok"]
    found += [
        Finding("SQLite", f"{path}: a row of {table} names one of {parent} that is not there")
        for table, _, parent, _ in orphans
    ]
    return found


def _reader(path: Path) -> sqlite3.Connection:
    return connect(path, busy_timeout_s=_TIMEOUT_S, cache_kib=4096, query_only=True)
