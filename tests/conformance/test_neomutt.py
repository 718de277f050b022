"""neomutt with a header cache: CONDSTORE and QRESYNC tell it what has changed since it last looked."""

from __future__ import annotations

import contextlib
import mailbox
import re
from pathlib import Path

import pytest

from tests.conformance.test_sync_clients import message
from tests.support.installation import Installation
from tests.support.mbsync import ALONE_AND_CLUSTERED, needs
from tests.support.terminal import in_terminal
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration

Seen = list[tuple[str, str]]


class Neomutt:
    """Of one account; what it knows of the server is in a header cache of its own."""

    def __init__(self, folder: Path, server: Installation, account: tuple[str, str]) -> None:
        self._folder = folder
        self._address = server.address("imap")
        """Always the same, or the header cache is another server's."""
        self._account = account
        self._runs = 0

    def look(self, *keys: str, read_only: bool = True) -> tuple[Seen, str]:
        """Open INBOX, press keys, leave: (subject, flags as mbox has them) of all messages it has in the end, and what
        was said on the wire.
        """
        self._runs += 1
        host, port = self._address
        copy, log, rc = (self._folder / f"{name}{self._runs}" for name in ("copy", "log", "rc"))
        user, password = self._account
        pressed = [*keys, "<tag-pattern>~A<enter>", f"<tag-prefix><copy-message>{copy}<enter>"]
        rc.write_text(
            "\n".join(
                [
                    f'set imap_user="{user}" imap_pass="{password}" folder="imap://{host}:{port}/" spoolfile="=INBOX"',
                    "set ssl_starttls=no ssl_force_tls=no imap_condstore=yes imap_qresync=yes",
                    f"set header_cache={self._folder}/cache/ message_cachedir={self._folder}/bodies/",
                    f'set tmpdir={self._folder} from="{user}" sendmail=/bin/false record="" postponed="" trash=""',
                    "set quit=yes delete=yes confirmappend=no confirmcreate=no wait_key=no mail_check=3600 sort=mailbox-order",
                    "set sleep_time=0",
                    f'push "{"".join(pressed)}<quit>"',
                ]
            )
        )
        command = ["neomutt", "-n", "-F", str(rc), "-d", "2", "-l", str(log), *(["-R"] if read_only else [])]
        code, drawn = in_terminal(command, {"HOME": str(self._folder), "LANG": "C.UTF-8"})
        assert code == 0, drawn
        with contextlib.closing(mailbox.mbox(copy, create=False)) as copied:
            found = [(each["Subject"], each.get_flags().replace("O", "")) for each in copied]
        return found, log.with_name(f"{log.name}0").read_text(errors="replace")  # the newest of several


@ALONE_AND_CLUSTERED
@needs("neomutt")
def test_what_has_changed_since_the_last_look(any_server: Installation, tmp_path: Path) -> None:
    account = any_server.add_user()
    neomutt = Neomutt(tmp_path, any_server, account)
    with ImapClient(any_server.address("imap")) as other:
        other.login(*account)
        for number in range(20):
            assert other.command(b"APPEND INBOX (\\Seen) {}", message(number, "mutt")).ok
        found, log = neomutt.look()
        assert found == [(f"mutt {number}", "R") for number in range(20)]
        assert "ENABLE QRESYNC" in log or "ENABLE UTF8=ACCEPT QRESYNC" in log, log
        assert other.command(b"SELECT INBOX").ok
        assert other.command(b"UID STORE 3 +FLAGS (\\Flagged)").ok
        assert other.command(b"UID STORE 5,7 +FLAGS (\\Deleted)").ok
        assert other.command(b"UID EXPUNGE 5,7").ok
        assert other.command(b"APPEND INBOX {}", message(99, "late")).ok
        found, log = neomutt.look()
        expected = [(f"mutt {number}", "RF" if number == 2 else "R") for number in range(20) if number not in (4, 6)]
        assert found == [*expected, ("late 99", "")]
        assert re.search(r"UID FETCH 1:\d+ \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)", log), log
        assert len(re.findall(r"Subject: mutt \d+", log)) <= 18
