"""The audit log: what is in it, and what never is."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from lightmail.obs.audit import Audit, audit
from tests.unit.imap.desk import Desk


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "audit.log"
    audit.configure(file)
    yield file
    audit.configure(None)


def events(file: Path) -> list[dict[str, Any]]:
    """Without what differs each time."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        assert row.pop("time").endswith("Z") and row.pop("pid") > 0
    return rows


def test_a_session(written: Path) -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect(tls=True, host="192.0.2.7")
        assert b"a NO" in await client.say(b"a LOGIN ann@example.org hunter2")
        assert b"b OK" in await client.say(b"b LOGIN ann@example.org secret")
        for number in range(3):
            await client.say(b"c APPEND INBOX (\\Deleted) {%d+}" % 20, b"Subject: private %d\r\n" % number)
        await client.say(b"d SELECT INBOX", b"e UID EXPUNGE 1", b"f EXPUNGE", b"g EXPUNGE", b"h CREATE old/plans")
        await client.say(b"i DELETE old/plans", b"j DELETE nowhere", b"k UNAUTHENTICATE")
        await client.say(b"l LOGIN ann@example.org secret", b"m LOGOUT")
        await client.hang_up()
        await desk.close()

    asyncio.run(scenario())
    rows = events(written)
    sessions = list(dict.fromkeys(row["session"] for row in rows if "session" in row))
    assert len(sessions) == 2
    told = [(row["event"], row.get("mailbox"), row.get("messages"), row.get("reason")) for row in rows]
    assert told == [
        ("login failed", None, None, "AuthenticationFailed"),
        ("login", None, None, None),
        ("messages expunged", "INBOX", 1, None),
        ("messages expunged", "INBOX", 2, None),
        ("mailbox deleted", "old/plans", None, None),
        ("logout", None, None, None),
        ("login", None, None, None),
        ("logout", None, None, None),
    ]
    assert all((row["user"], row["peer"]) == ("ann@example.org", "192.0.2.7") for row in rows)
    assert rows[1] == {
        "event": "login",
        "user": "ann@example.org",
        "peer": "192.0.2.7",
        "session": sessions[0],
        "protocol": "imap",
        "tls": True,
        "mechanism": "LOGIN",
    }
    text = written.read_text()
    assert not any(secret in text for secret in ("hunter2", "secret", "private"))
    assert written.stat().st_mode & 0o777 == 0o600


def test_who_acts_for_another_account(written: Path) -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        directory = desk.house.mail.directory
        await directory.set_administrator(desk.house.user.id, True)
        await desk.house.mail.accounts.create("bob@example.org", "")
        client = desk.connect(tls=True, host=None)
        proof = base64.b64encode(b"bob@example.org\0ann@example.org\0secret")
        assert b"a OK" in await client.say(b"a AUTHENTICATE PLAIN " + proof)
        await client.say(b"b DELETE Archive", b'c SETQUOTA "" (MESSAGE 10)')
        await client.hang_up()
        await desk.close()

    asyncio.run(scenario())
    rows = events(written)
    assert {(row["user"], row["by"]) for row in rows} == {("bob@example.org", "ann@example.org")}
    assert [row["event"] for row in rows] == ["login", "mailbox deleted", "logout"], "bob may set no quota"


def test_the_file_may_be_moved_away(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    telling = Audit()
    telling("nobody asked")
    telling.configure(file)
    telling("one", line="a\nb")
    file.rename(tmp_path / "audit.log.1")
    telling("two")
    telling("three", nothing=None, empty="", number=0)
    telling.configure(None)
    telling("four")
    assert [row["event"] for row in events(tmp_path / "audit.log.1")] == ["one"]
    assert events(file) == [{"event": "two"}, {"event": "three", "number": 0}]


def test_a_file_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    telling = Audit()
    telling.configure(tmp_path / "no folder" / "audit.log")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            telling("one")
    assert [line["event"] for line in logs] == ["the audit log cannot be written"]
