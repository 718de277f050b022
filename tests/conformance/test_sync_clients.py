"""isync (mbsync) and offlineimap sync an account both ways, twice: the second run changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation
from tests.support.mbsync import ALONE_AND_CLUSTERED, Mbsync, folder_state, needs, quiet
from tests.support.wire import ImapClient, literal_of

pytestmark = pytest.mark.integration


Account = tuple[str, str, ImapClient]


@pytest.fixture
def account(any_server: Installation) -> Iterator[Account]:
    """An account, and a connection that is logged in to it."""
    user, password = any_server.add_user()
    with ImapClient(any_server.address("imap")) as client:
        client.login(user, password)
        yield user, password, client


def message(number: int, where: str) -> bytes:
    return (
        f"From: a@example.org\r\nSubject: {where} {number}\r\nMessage-ID: <{where}-{number}@example.org>\r\n"
        f"Date: Mon, 1 Jan 2024 00:00:{number:02} +0000\r\n\r\nmessage {number} of {where}\r\n"
    ).encode()


def fill(client: ImapClient) -> None:
    for name in (b"INBOX", b"Archive", b"Projects/Deep/Er"):
        client.command(b"CREATE %s" % name)
        for number in range(20):
            flags = b"\\Seen" if number % 2 else b"\\Flagged"
            assert client.command(b"APPEND %s (%s) {}" % (name, flags), message(number, name.decode())).ok


def state(client: ImapClient, mailbox: bytes) -> list[tuple[bytes, bytes]]:
    """(flags, octets) of each message of a mailbox, \\Recent left out."""
    assert client.command(b"EXAMINE %s" % mailbox).ok
    found = []
    for response in client.command(b"UID FETCH 1:* (FLAGS BODY.PEEK[])").fetched():
        flags = response[response.index(b"FLAGS (") + 7 :].partition(b")")[0]
        names = b" ".join(sorted(flag for flag in flags.split() if flag != b"\\Recent"))
        found.append((names, literal_of(response)))
    return found


def modseqs(client: ImapClient) -> dict[bytes, bytes]:
    """HIGHESTMODSEQ of every mailbox: equal before and after means that nothing was changed."""
    answer = client.command(b'LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT HIGHESTMODSEQ))')
    return {line.split()[2]: line for line in answer.untagged if line.startswith(b"* STATUS")}


@needs("mbsync")
def test_mbsync_both_ways_twice(any_server: Installation, account: Account, tmp_path: Path) -> None:
    user, password, client = account
    fill(client)
    mail = tmp_path / "mail"
    sync = Mbsync(tmp_path, (user, password)).sync
    sync(any_server.address("imap"))
    near = folder_state(mail)
    assert len(near) == 60
    # changes on both sides: a new message here, a flag and a removal there
    (mail / "Archive" / "cur" / "new-here:2,S").write_bytes(message(99, "here").replace(b"\r\n", b"\n"))
    assert client.command(b"SELECT INBOX").ok
    assert client.command(b"UID STORE 1 +FLAGS (\\Answered)").ok
    assert client.command(b"UID STORE 2 +FLAGS (\\Deleted)").ok
    assert client.command(b"UID EXPUNGE 2").ok
    sync(any_server.address("imap"))
    archive = state(client, b"Archive")
    assert len(archive) == 21
    assert b"Message-ID: <here-99@example.org>" in archive[-1][1]
    near = folder_state(mail)
    assert len(near) == 60
    assert any(path.startswith("INBOX/") and path.rpartition(",")[2] == "FR" for path in near)
    # nothing is left to do
    before = modseqs(client)
    sync(any_server.address("imap"))
    assert folder_state(mail) == near
    assert modseqs(client) == before


@ALONE_AND_CLUSTERED
@needs("offlineimap")
def test_offlineimap_both_ways_twice(any_server: Installation, account: Account, tmp_path: Path) -> None:
    user, password, client = account
    fill(client)
    host, port = any_server.address("imap")
    mail = tmp_path / "mail"
    config = tmp_path / "offlineimaprc"
    config.write_text(
        f"""[general]
accounts = test
metadata = {tmp_path}/metadata
ui = basic

[Account test]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {mail}

[Repository far]
type = IMAP
remotehost = {host}
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = no
starttls = no
auth_mechanisms = PLAIN
"""
    )
    sync = ["offlineimap", "-c", str(config), "-o"]
    quiet(sync, tmp_path)
    assert len(folder_state(mail)) == 60
    (mail / "Archive" / "new" / "new-here").write_bytes(message(99, "here").replace(b"\r\n", b"\n"))
    assert client.command(b"SELECT INBOX").ok
    assert client.command(b"UID STORE 1 +FLAGS (\\Answered)").ok
    quiet(sync, tmp_path)
    assert len(state(client, b"Archive")) == 21
    near = folder_state(mail)
    assert len(near) == 61
    before = modseqs(client)
    quiet(sync, tmp_path)
    assert folder_state(mail) == near
    assert modseqs(client) == before
