"""Client libraries of other languages and of Python: each plays an ordinary session, in a program of its own.

The programs in `clients/` connect as the environment says (IMAP_HOST, IMAP_PORT, IMAPS_PORT, IMAP_USER, IMAP_PASSWORD),
assert what they see, and end with an error when it is not as it should be.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.installation import Installation
from tests.support.mbsync import ALONE_AND_CLUSTERED

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent / "clients"


@dataclass(frozen=True, slots=True)
class Program:
    """command: without the file. module: what must be there for it to run, of Python or as a path."""

    command: tuple[str, ...]
    file: str
    needs: str

    @property
    def missing(self) -> bool:
        if shutil.which(self.command[0]) is None:
            return True
        if self.needs.isidentifier():
            return importlib.util.find_spec(self.needs) is None
        return not (HERE / self.needs).exists()


PROGRAMS = {
    "imapflow": Program(("node",), "imapflow/session.mjs", "imapflow/node_modules/imapflow"),
    "IMAPClient": Program((sys.executable,), "imapclient_session.py", "imapclient"),
    "aioimaplib": Program((sys.executable,), "aioimaplib_session.py", "aioimaplib"),
    "Mail::IMAPClient": Program(("perl",), "mail_imapclient.pl", "/usr/share/perl5/Mail/IMAPClient.pm"),
    "Horde_Imap_Client": Program(("php",), "horde.php", "/usr/share/php/Horde/Imap/Client/Socket.php"),
}


@ALONE_AND_CLUSTERED
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_session(name: str, any_server: Installation) -> None:
    program = PROGRAMS[name]
    if program.missing and not os.environ.get("CI"):
        pytest.skip(f"{name} is not installed (make test installs it)")
    user, password = any_server.add_user()
    host, port = any_server.address("imap")
    done = subprocess.run(
        [*program.command, str(HERE / program.file)],
        env={
            **os.environ,
            "IMAP_HOST": host,
            "IMAP_PORT": str(port),
            "IMAPS_PORT": str(any_server.address("imaps")[1]),
            "IMAP_USER": user,
            "IMAP_PASSWORD": password,
        },
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
