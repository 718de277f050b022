"""interimap keeps two accounts alike, over QRESYNC alone: it lists no mailbox whole a second time."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conformance.test_sync_clients import fill, message, modseqs, state
from tests.support.installation import Installation
from tests.support.mbsync import ALONE_AND_CLUSTERED, needs
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration


WARNED = ("No match for modified", "Couldn't create mailbox")
"""What it warns of that it has brought about itself: a message whose \\Deleted it was told of is gone once it has expunged
it; the parent of a mailbox that it creates first is there already.
"""


class Interimap:
    """Two accounts of one server, as "local" and "remote"."""

    def __init__(self, folder: Path, server: Installation, accounts: list[tuple[str, str]]) -> None:
        sides = zip(("local", "remote"), accounts, strict=True)
        host, port = server.address("imap")
        self._folder = folder
        self._log = folder / "log"
        (folder / "config").write_text(
            f"database = {folder}/both.db\nlogfile = {self._log}\n\n"
            + "\n".join(
                f"[{side}]\ntype = imap\nhost = {host}\nport = {port}\nSTARTTLS = NO\nusername = {user}\npassword = {password}\n"
                for side, (user, password) in sides
            )
        )

    def sync(self, *arguments: str) -> str:
        """What was said on the wire, literals left out. Asserts that it was content."""
        self._log.unlink(missing_ok=True)
        done = subprocess.run(
            ["interimap", f"--config={self._folder}/config", "--debug", *arguments],
            env={**os.environ, "HOME": str(self._folder)},
            capture_output=True,
            text=True,
            timeout=110,
        )
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        assert done.returncode == 0, done.stdout + done.stderr + log[-4000:]
        warnings = [line for line in log.splitlines() if "WARNING" in line]
        assert [line for line in warnings if not any(text in line for text in WARNED)] == []
        return log


@ALONE_AND_CLUSTERED
@needs("interimap")
def test_two_accounts_become_alike(any_server: Installation, tmp_path: Path) -> None:
    accounts = [any_server.add_user(), any_server.add_user()]
    both = Interimap(tmp_path, any_server, accounts)
    with ImapClient(any_server.address("imap")) as near, ImapClient(any_server.address("imap")) as far:
        near.login(*accounts[0])
        far.login(*accounts[1])
        fill(far)
        both.sync()
        mailboxes = (b"INBOX", b"Archive", b"Projects/Deep/Er")
        assert [state(near, name) for name in mailboxes] == [state(far, name) for name in mailboxes]
        assert len(state(near, b"Archive")) == 20
        # changes on both sides: flags, expunges, a message
        assert near.command(b"SELECT INBOX").ok
        assert near.command(b"UID STORE 1:3 +FLAGS (\\Answered $Label1)").ok
        assert near.command(b"UID STORE 5,7:9 +FLAGS (\\Deleted)").ok
        assert near.command(b"UID EXPUNGE 5,7:9").ok
        assert far.command(b"SELECT INBOX").ok
        assert far.command(b"UID STORE 20 FLAGS (\\Deleted)").ok
        assert far.command(b"EXPUNGE").ok
        assert far.command(b"APPEND Archive (\\Seen) {}", message(99, "there")).ok
        log = both.sync()
        assert re.search(r"SELECT INBOX \(QRESYNC \(\d+ \d+", log), log
        assert re.search(r"VANISHED \(EARLIER\) (5,7:9|5,7,8,9)", log), log
        for name in mailboxes:
            assert sorted(state(near, name)) == sorted(state(far, name)), name
        assert len(state(near, b"INBOX")) == 15
        assert len(state(near, b"Archive")) == 21
        # nothing is left to do, and interimap finds nothing to repair
        before = modseqs(near), modseqs(far)
        assert ": C: " in (log := both.sync()) and " SELECT INBOX " not in log
        assert " APPEND INBOX " not in both.sync("--repair")
        assert (modseqs(near), modseqs(far)) == before
