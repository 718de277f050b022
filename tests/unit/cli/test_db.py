"""`lightmail db` on SQLite."""

from __future__ import annotations

import sqlite3

import pytest

from lightmail.backends.sqlite.schema import CURRENT, MIGRATIONS
from tests.unit.cli.runner import Command


def _sql(lightmail: Command, *statements: str) -> None:
    connection = sqlite3.connect(lightmail.data / "lightmail.sqlite")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_database_that_is_not_there_is_told_and_not_made(lightmail: Command) -> None:
    called = lightmail("db", "status", "--json")
    assert (called.code, called.err) == (1, "")
    row = called.json
    assert (row["found"], row["expected"], row["usable"]) == (0, CURRENT, False)
    assert row["pending"] == list(range(1, CURRENT + 1))
    assert row["server"].startswith("SQLite 3.")
    assert not lightmail.data.exists()
    assert lightmail.ok("db", "check").out == "no problems\n"


def test_upgrade_makes_the_schema_once(lightmail: Command) -> None:
    assert lightmail.ok("db", "upgrade").out == f"schema version {CURRENT} made\n"
    assert lightmail.ok("db", "upgrade").out == f"schema version {CURRENT}: nothing to do\n"
    row = lightmail.ok("db", "status", "--json").json
    assert (row["found"], row["pending"], row["usable"], row["advice"]) == (CURRENT, [], True, "usable")
    told = lightmail.ok("db", "status").out
    assert "Pending migrations  none\n" in told
    assert lightmail.ok("user", "list", "--json").json == []


def test_an_older_schema_is_brought_up_to_date(lightmail: Command) -> None:
    lightmail.ok("db", "upgrade")
    undone = (_undone(statement) for statement in reversed(MIGRATIONS[-1].statements))
    _sql(lightmail, f"DELETE FROM schema_version WHERE version = {CURRENT}", *filter(None, undone))
    called = lightmail("db", "status")
    assert called.code == 1
    assert "too old; `lightmail db upgrade` brings what is missing" in called.out
    done = lightmail.ok("db", "upgrade", "--json").json
    assert (done["before"], done["after"], done["applied"]) == (CURRENT - 1, CURRENT, [CURRENT])
    assert lightmail.ok("db", "status").code == 0


def _undone(statement: str) -> str:
    """What takes back a statement of a migration; "": goes with another one."""
    match statement.split():
        case ["ALTER", "TABLE", table, "ADD", "COLUMN", column, *_]:
            return f"ALTER TABLE {table} DROP COLUMN {column}"
        case ["CREATE", "TABLE", table, *_]:
            return f"DROP TABLE {table}"
        case ["CREATE", "INDEX", index, *_]:
            return f"DROP INDEX {index}"
    return ""


def test_a_schema_of_a_later_release(lightmail: Command) -> None:
    lightmail.ok("db", "upgrade")
    later = CURRENT + 2
    _sql(lightmail, f"INSERT INTO schema_version VALUES ({later}, {later}, 0)")
    called = lightmail("db", "status", "--json")
    assert called.code == 1
    assert called.json["advice"] == f"of a later release; programs older than schema version {later} cannot use it"
    refused = lightmail("db", "upgrade")
    assert refused.code == 1
    assert refused.err == (
        f"lightmail: the database has schema version {later}, this program needs {CURRENT}; "
        "use a newer release of LightMail\n"
    )


def test_damage_is_found(lightmail: Command) -> None:
    lightmail.ok("db", "upgrade")
    _sql(lightmail, "PRAGMA foreign_keys = OFF", "INSERT INTO aliases VALUES ('a@example.org', 77)")
    called = lightmail("db", "check")
    assert called.code == 1
    assert "problem: SQLite:" in called.err
    assert "a row of aliases names one of users that is not there" in called.err
    (lightmail.data / "lightmail.sqlite").write_bytes(b"no database" * 1000)
    told = lightmail("db", "check", "--json")
    assert told.code == 1
    text = "the metadata database (the file is not a database) cannot be used; keep a copy of it and of its -wal, "
    assert told.json["findings"][0]["text"].startswith(text)
    assert lightmail("db", "status").err.startswith(f"lightmail: {text}")


@pytest.mark.parametrize("what", ["status", "upgrade", "check"])
def test_memory_is_no_database(lightmail: Command, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setenv("LIGHTMAIL_STORAGE__METADATA", "memory://")
    monkeypatch.setenv("LIGHTMAIL_STORAGE__BODIES", "memory://")
    called = lightmail("db", what)
    assert called.code == 1
    assert called.err == ("lightmail: memory://: storage.metadata: it is no database; expected sqlite:// or mysql://\n")
