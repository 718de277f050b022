"""isync's mbsync, a client that keeps a copy of an account in a Maildir; and what is needed to run such programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


class Mbsync:
    """One account in `folder`/mail, both ways; what it knows of the server is beside the copy."""

    def __init__(self, folder: Path, account: tuple[str, str]) -> None:
        self.mail = folder / "mail"
        self.mail.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._account = account

    def sync(self, address: tuple[str, int]) -> str:
        """What it says. Asserts that it was content."""
        host, port = address
        config = self._folder / "mbsyncrc"
        config.write_text(
            f"""IMAPAccount server
Host {host}
Port {port}
User "{self._account[0]}"
Pass "{self._account[1]}"
SSLType None
AuthMechs LOGIN

IMAPStore far
Account server

MaildirStore near
Path {self.mail}/
Inbox {self.mail}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
"""
        )
        return quiet(["mbsync", "-c", str(config), "-a"], self._folder)


ALONE_AND_CLUSTERED = pytest.mark.parametrize("any_server", ["sqlite+files", "mysql+s3+redis-2-nodes"], indirect=True)
"""For clients that take their time; what differs between installations is the matter of other tests."""


def needs(program: str) -> pytest.MarkDecorator:
    """In CI a missing client is a failure, elsewhere a skip with a reason."""
    missing = shutil.which(program) is None and not os.environ.get("CI")
    return pytest.mark.skipif(missing, reason=f"{program} is not installed (make test installs it from Debian)")


def folder_state(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.parent.name in ("cur", "new")
    }


def quiet(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "HOME": str(folder)}, capture_output=True, text=True, timeout=110
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output
