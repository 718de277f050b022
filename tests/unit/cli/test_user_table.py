"""Accounts in a table of the operator's, through the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.cli.runner import Command

LOGIN = "SELECT password FROM people WHERE address = '%u'"


@pytest.fixture
def table(lightmail: Command, tmp_path: Path) -> Command:
    with closing(sqlite3.connect(tmp_path / "people.sqlite")) as connection:
        connection.executescript(
            "CREATE TABLE people (address, password); INSERT INTO people VALUES ('ann@example.org', '{PLAIN}x'), ('bob', '')"
        )
    configure(tmp_path, LOGIN)
    return lightmail


def configure(folder: Path, password_query: str, more: str = "") -> None:
    (folder / "lightmail.toml").write_text(
        f'[auth.sql]\nurl = "sqlite://{folder}/people.sqlite"\npassword_query = "{password_query}"\n'
        f'iterate_query = "SELECT address FROM people"\n{more}'
    )


def test_everybody_of_the_table_gets_an_account(table: Command) -> None:
    assert table.ok("user", "sync", "--dry-run", "--json").json["made"] == ["ann@example.org", "bob"]
    assert "2 accounts in the table, 2 made" in table.ok("user", "sync").out
    assert [row["address"] for row in table.ok("user", "list", "--json").json] == ["ann@example.org", "bob"]
    assert "Drafts" in table.ok("mailbox", "list", "--user", "bob").out
    table.ok("deliver", "--user", "ann@example.org", stdin=b"Subject: 1\n\nbody\n")
    with closing(sqlite3.connect("people.sqlite")) as connection:
        connection.executescript("DELETE FROM people WHERE address = 'bob'")
    assert "bob is not in the table" in table.ok("user", "sync").out
    table.ok("user", "delete", "bob", "--yes")
    assert table.ok("user", "sync", "--json").json["left"] == []
    refused = table("user", "add", "new@example.org", "--generate")
    assert refused.code == 1 and "passwords are kept in the table of auth.sql" in refused.err


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (LOGIN, ""),
        ("SELECT secret FROM people WHERE address = %u", "no such column: secret"),
        ("SELECT address FROM people WHERE address = %u", "returns no column password, but address"),
        ("SELECT password FROM people WHERE address = %u OR 1 LIMIT 1", "has a row for nobody@lightmail.invalid"),
        ("SELECT password FROM people", "expected a place for the address: %u"),
        ("SELECT password FROM people WHERE '/%u' = address", "stands inside the text"),
    ],
)
def test_the_configuration_is_checked_with_its_queries(table: Command, tmp_path: Path, query: str, told: str) -> None:
    configure(tmp_path, query)
    called = table("config", "check")
    assert called.code == (1 if told else 0) and told in called.err
    shown = table("config", "show", "--changed").out
    assert "[auth.sql]" in shown and "lightmail.toml:3" in shown


def test_keys_of_the_section_may_come_from_the_environment(
    lightmail: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTMAIL_AUTH__SQL__URL", "mysql://u:secret@127.0.0.1:1/d")
    monkeypatch.setenv("LIGHTMAIL_AUTH__SQL__PASSWORD_QUERY", "SELECT password FROM t WHERE a = %u")
    shown = lightmail.ok("config", "show", "--changed").out
    assert "LIGHTMAIL_AUTH__SQL__URL" in shown and "secret" not in shown
    called = lightmail("config", "check")
    assert called.code == 1 and "the user table" in called.err and "secret" not in called.err
