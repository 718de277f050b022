"""Migrations: forward only, all or nothing, side by side with the release before (law 11)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightmail.backends.sqlite import SqliteDatabase
from lightmail.backends.sqlite.schema import CURRENT, MIGRATIONS, Migration, migrate
from lightmail.errors import SchemaMismatch
from tests.support.aio import run

EXPANDS = Migration(CURRENT + 1, 1, ("ALTER TABLE users ADD COLUMN quota INTEGER NOT NULL DEFAULT 0",))
CONTRACTS = Migration(CURRENT + 2, CURRENT + 1, ("DROP TABLE aliases",))
BREAKS = Migration(CURRENT + 1, 1, ("CREATE TABLE new (id INTEGER)", "ALTER TABLE nothing ADD COLUMN x"))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "test.sqlite", isolation_level=None)
    yield connection
    connection.close()


def versions(connection: sqlite3.Connection) -> list[tuple[int, int, int]]:
    return connection.execute("SELECT version, usable_from, applied_s FROM schema_version ORDER BY version").fetchall()


def test_a_new_database_gets_every_migration(connection: sqlite3.Connection) -> None:
    migrate(connection, 77)
    assert versions(connection) == [(one.version, one.usable_from, 77) for one in MIGRATIONS]
    migrate(connection, 99)
    assert versions(connection) == [(one.version, one.usable_from, 77) for one in MIGRATIONS]


def test_an_old_database_gets_what_is_new(connection: sqlite3.Connection) -> None:
    migrate(connection, 77)
    connection.execute("INSERT INTO users (address, password_hash, created_s) VALUES ('ann', '', 0)")
    migrate(connection, 88, migrations=(*MIGRATIONS, EXPANDS))
    assert connection.execute("SELECT address, quota FROM users").fetchall() == [("ann", 0)]
    assert versions(connection)[-1] == (EXPANDS.version, 1, 88)


def test_this_release_works_on_what_the_next_has_expanded(connection: sqlite3.Connection) -> None:
    migrate(connection, 77, migrations=(*MIGRATIONS, EXPANDS))
    migrate(connection, 88)
    assert versions(connection)[-1] == (EXPANDS.version, 1, 77)


def test_a_database_that_is_too_new_is_refused(connection: sqlite3.Connection, tmp_path: Path) -> None:
    migrate(connection, 77, migrations=(*MIGRATIONS, EXPANDS, CONTRACTS))
    with pytest.raises(SchemaMismatch) as refused:
        migrate(connection, 88)
    assert (refused.value.found, refused.value.expected) == (CONTRACTS.version, CURRENT)

    async def open_it() -> None:
        with pytest.raises(SchemaMismatch):
            await SqliteDatabase.open(tmp_path / "test.sqlite")

    run(open_it())


def test_a_migration_that_fails_leaves_nothing(connection: sqlite3.Connection) -> None:
    migrate(connection, 77)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, 88, migrations=(*MIGRATIONS, BREAKS))
    assert versions(connection)[-1][0] == CURRENT
    assert connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'new'").fetchone() is None


def test_settings_that_durability_rests_on(tmp_path: Path) -> None:
    async def test() -> None:
        database = await SqliteDatabase.open(tmp_path / "test.sqlite")

        def pragmas(names: tuple[str, ...]) -> dict[str, object]:
            return {name: database.all(f"PRAGMA {name}")[0][0] for name in names}

        written = await database.writer.ask(
            lambda statements: {
                name: statements.all(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "foreign_keys")
            }
        )
        assert written == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        assert pragmas(("journal_mode", "query_only")) == {"journal_mode": "wal", "query_only": 1}
        await database.close()

    run(test())
