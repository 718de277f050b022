"""What servers do in the background: bodies that nobody needs go, also when the process that did it is dead."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.installation import KINDS, Installation
from tests.support.services import Services
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration

BUSY = {"upkeep": {"interval_s": 0.2, "grace_s": 0, "sweep_interval_s": 1}}
MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


def report(installation: Installation, *options: str) -> dict[str, Any]:
    answer = installation.command("gc", "--sweep", "--dry-run", "--grace", "0", "--json", *options)
    assert answer.returncode == 0, answer.stderr.decode()
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def store_and_expunge(installation: Installation, account: tuple[str, str]) -> None:
    """Two messages, of which one stays."""
    client = ImapClient(installation.address("imap"))
    with contextlib.closing(client):
        client.login(*account)
        for flags in (b"(\\Deleted)", b"()"):
            assert client.command(b"APPEND INBOX " + flags + b" {}", MESSAGE).ok
        assert client.command(b"SELECT INBOX").ok
        assert client.command(b"EXPUNGE").ok


def all_gone(installation: Installation, left: int) -> bool:
    """Objects and rows, but for those that messages have."""
    found = report(installation)
    return found["collected"]["bodies"] == 0 and found["swept"]["bodies"] == found["swept"]["objects"] == left


@pytest.mark.parametrize("kind", ["sqlite+files-3-workers", "mysql+s3+redis-2-nodes"])
def test_bodies_go_in_the_background(kind: str, tmp_path: Path, services: Services) -> None:
    with Installation(KINDS[kind], tmp_path, services, BUSY) as installation:
        account = installation.add_user()
        store_and_expunge(installation, account)
        assert eventually(lambda: all_gone(installation, 1))
        installation.nodes[-1].kill9()
        if not any(node.running for node in installation.nodes):
            installation.start()
        # It may have had the lease: it has not ended it.
        store_and_expunge(installation, account)
        assert eventually(lambda: all_gone(installation, 2))


@pytest.mark.parametrize("kind", ["sqlite+files-3-workers", "mysql+s3+redis-2-nodes"])
def test_a_server_that_stops_leaves_manifests_of_everything(kind: str, tmp_path: Path, services: Services) -> None:
    """Mail that came until then is where it was, should the database be lost."""
    with Installation(KINDS[kind], tmp_path, services, {"upkeep": {"interval_s": 0.2}}) as installation:
        account = installation.add_user()
        store_and_expunge(installation, account)
        assert eventually(lambda: manifests_written(installation) is None), "a server has the lease"
        store_and_expunge(installation, account)
        installation.stop()
        assert manifests_written(installation) == 0, "nothing has been left to tell"


def manifests_written(installation: Installation) -> int | None:
    """By this command; None: somebody else is at it."""
    answer = installation.command("gc", "--json")
    assert answer.returncode == 0, answer.stderr.decode()
    written: int | None = (json.loads(answer.stdout).get("manifests") or {}).get("written")
    return written
