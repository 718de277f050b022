"""`lightmail repair` beside a server: a client that has the mailbox open is told what has become of it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.server import LightMailServer
from tests.support.trust import assert_sound
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration


def test_an_open_mailbox_follows(tmp_path: Path) -> None:
    with LightMailServer(tmp_path / "data") as server, ImapClient(server.address("imap")) as client:
        client.login(*server.add_user())
        for _ in range(3):
            assert client.command(b"APPEND INBOX {}", b"Subject: x\r\n\r\nbody\r\n").ok
        assert client.command(b"SELECT INBOX").ok
        with closing(sqlite3.connect(server.data / "lightmail.sqlite", timeout=60)) as database, database:
            database.execute(
                "INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid)"
                " SELECT id, 1, 2, 2 FROM mailboxes WHERE name = 'INBOX'"
            )
            database.execute("UPDATE mailboxes SET messages = 9, uid_next = 2 WHERE name = 'INBOX'")
        before = json.loads(server.command("check", "--json").stdout)
        assert before["counts"] == {"counters": 1, "uid-next": 1, "uid-reused": 1}
        done = json.loads(server.command("repair", "--yes", "--json").stdout)
        assert (done["done"]["messages_renumbered"], done["after"]["sound"]) == (1, True)
        heard: list[bytes] = []

        def told() -> bool:
            heard.extend(client.command(b"NOOP").untagged)
            return any(b"EXPUNGE" in line for line in heard) and any(b"EXISTS" in line for line in heard)

        assert eventually(told), heard
        assert b"".join(client.command(b"UID SEARCH ALL").untagged).split()[-3:] == [b"1", b"3", b"4"]
        assert client.command(b"STATUS INBOX (MESSAGES UIDNEXT)").untagged[-1].strip() == (
            b"* STATUS INBOX (MESSAGES 3 UIDNEXT 5)"
        )
        assert client.command(b"APPEND INBOX {}", b"Subject: x\r\n\r\nbody\r\n").tagged.startswith(b"OK [APPENDUID")
    assert_sound(server)
