"""The command line beside a running server: both on one data folder, each seeing what the other does."""

from __future__ import annotations

import imaplib
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.server import LightMailServer
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LightMailServer]:
    with LightMailServer(tmp_path_factory.mktemp("cli") / "data") as server:
        yield server


def ok(server: LightMailServer, *arguments: str, stdin: bytes = b"") -> Any:
    """What a command prints with --json."""
    done = server.command(*arguments, "--json", stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_an_account_can_log_in_as_soon_as_it_is_made(server: LightMailServer) -> None:
    made = ok(server, "user", "add", "new@example.org", "--generate")
    with imaplib.IMAP4(*server.address("imap")) as client:
        assert client.login("new@example.org", made["password"])[0] == "OK"


def test_a_changed_password_and_a_disabled_account_count_at_once(server: LightMailServer) -> None:
    user, password = server.add_user()
    with imaplib.IMAP4(*server.address("imap")) as client:
        client.login(user, password)
    ok(server, "user", "passwd", user, "--password-stdin", stdin=b"another\n")
    with imaplib.IMAP4(*server.address("imap")) as client:
        with pytest.raises(imaplib.IMAP4.error):
            client.login(user, password)
        client.login(user, "another")
    ok(server, "user", "disable", user)
    with imaplib.IMAP4(*server.address("imap")) as client, pytest.raises(imaplib.IMAP4.error):
        client.login(user, "another")


def test_an_idle_client_hears_of_a_message_delivered_by_another_process(server: LightMailServer) -> None:
    user, password = server.add_user()
    with closing(ImapClient(server.address("imap"))) as client:
        client.login(user, password)
        assert client.command(b"SELECT INBOX").ok
        client.send(b"i IDLE\r\n")
        assert (client.response() or b"").startswith(b"+ ")
        ok(server, "deliver", "--user", user, stdin=b"Subject: hello\n\nbody\n")
        assert client.response() == b"* 1 EXISTS"


def test_mail_imported_beside_a_selected_mailbox_is_seen(server: LightMailServer, tmp_path: Path) -> None:
    user, password = server.add_user()
    box = tmp_path / "box.mbox"
    box.write_bytes(
        b"".join(b"From a@b Thu Aug 22 12:36:23 2002\nSubject: %d\n\n>From me\n\n" % number for number in range(600))
    )
    report = ok(server, "import", str(box), "--user", user, "--mailbox", "Old")
    assert (report["imported"], report["refused"]) == (600, [])
    assert ok(server, "import", str(box), "--user", user, "--mailbox", "Old")["already_imported"] == 600
    with closing(ImapClient(server.address("imap"))) as client:
        client.login(user, password)
        answer = client.command(b"SELECT Old")
        assert b"* 600 EXISTS" in answer.untagged
        (fetched,) = client.command(b"FETCH 600 (INTERNALDATE BODY.PEEK[])").fetched()
        assert b'INTERNALDATE "22-Aug-2002 12:36:23 +0000"' in fetched
        assert b"Subject: 599\r\n\r\nFrom me\r\n" in fetched


def test_a_mailbox_made_and_deleted_elsewhere(server: LightMailServer) -> None:
    user, password = server.add_user()
    with closing(ImapClient(server.address("imap"))) as client:
        client.login(user, password)
        assert not client.command(b"SELECT Fresh").ok
        ok(server, "mailbox", "create", "Fresh", "--user", user)
        assert eventually(lambda: client.command(b"SELECT Fresh").ok)
        assert client.command(b"UNSELECT").ok
        ok(server, "mailbox", "delete", "Fresh", "--user", user, "--yes")
        assert eventually(lambda: not client.command(b"SELECT Fresh").ok)


def test_an_import_that_is_killed_is_finished_by_the_next(server: LightMailServer, tmp_path: Path) -> None:
    user, _ = server.add_user()
    box = tmp_path / "box.mbox"
    box.write_bytes(
        b"".join(b"From a@b Thu Aug 22 12:36:23 2002\nSubject: %d\n\nbody\n\n" % number for number in range(3000))
    )
    process = subprocess.Popen(
        server.command_line("import", str(box), "--user", user),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert eventually(lambda: any((server.data / "imports").glob("*.journal")) or process.poll() is not None)

    def some() -> bool:
        return bool(ok(server, "mailbox", "status", "INBOX", "--user", user)["messages"]) or process.poll() is not None

    assert eventually(some)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    report = ok(server, "import", str(box), "--user", user)
    assert report["imported"] + report["already_imported"] == 3000
    assert ok(server, "mailbox", "status", "INBOX", "--user", user)["messages"] == 3000
