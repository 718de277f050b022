"""`lightmail sessions` beside running servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.installation import KINDS, Installation
from tests.support.services import Services
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration


def listed(installation: Installation, *options: str) -> list[dict[str, Any]]:
    answer = installation.command("sessions", "--json", *options)
    assert answer.returncode == 0, answer.stderr.decode()
    rows: list[dict[str, Any]] = json.loads(answer.stdout)
    return rows


@pytest.mark.parametrize("kind", ["sqlite+files", "mysql+files-3-workers", "mysql+s3+redis-2-nodes"])
def test_who_is_connected_is_seen(kind: str, tmp_path: Path, services: Services) -> None:
    with Installation(KINDS[kind], tmp_path, services) as installation:
        accounts = [installation.add_user() for _ in range(2)]
        assert listed(installation) == []
        clients = [ImapClient(installation.address("imap")) for _ in range(4)]
        for client, account in zip(clients, [*accounts, *accounts], strict=True):
            client.login(*account)
        lurker = ImapClient(installation.address("imap"))  # not logged in
        expected = sorted(address for address, _ in [*accounts, *accounts])
        assert eventually(lambda: [row["address"] for row in listed(installation)] == expected)
        rows = listed(installation, "--user", accounts[0][0].upper())
        assert [row["address"] for row in rows] == [accounts[0][0]] * 2
        assert {(row["peer"], row["protocol"]) for row in rows} == {("127.0.0.1", "imap")}
        assert len({row["session"] for row in listed(installation)}) == 4
        for client in clients[:3]:
            client.close()
        assert eventually(lambda: [row["address"] for row in listed(installation)] == [accounts[1][0]])
        table = installation.command("sessions").stdout.decode().splitlines()
        assert [line.split("\t")[0] for line in table] == [accounts[1][0]]
        # An orderly end takes its sessions along.
        installation.stop()
        assert listed(installation) == []
        lurker.close()
        clients[3].close()


def test_nobody_there(tmp_path: Path, services: Services) -> None:
    with Installation(KINDS["sqlite+files"], tmp_path, services) as installation:
        answer = installation.command("sessions")
        assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"nobody is connected\n")
        assert not list(tmp_path.rglob("sessions.sqlite-wal"))
