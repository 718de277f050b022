"""Limits of a server with several workers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.server import LightMailServer

pytestmark = pytest.mark.integration

ADDRESS_CONNECTIONS = 5


def welcome(server: LightMailServer, connections: int) -> int:
    """How many of so many connections at once are."""
    with contextlib.ExitStack() as stack:
        found = [
            stack.enter_context(socket.create_connection(server.address("imap"), timeout=60))
            for _ in range(connections)
        ]
        return sum(connection.recv(4096).startswith(b"* OK") for connection in found)


def test_workers_count_together(tmp_path: Path) -> None:
    config = {
        "server": {"workers": 3},
        "limits": {"networks": {}, "address_connections": ADDRESS_CONNECTIONS},
    }
    with LightMailServer(tmp_path / "data", config) as server:
        assert welcome(server, 12) == ADDRESS_CONNECTIONS
        assert eventually(lambda: welcome(server, 8) == ADDRESS_CONNECTIONS), "those have gone"
        with contextlib.ExitStack() as stack:
            for _ in range(ADDRESS_CONNECTIONS):
                connection = stack.enter_context(socket.create_connection(server.address("imap"), timeout=60))
                assert connection.recv(4096)
            for pid in server.process_ids()[1:]:
                os.kill(pid, signal.SIGKILL)
            assert eventually(lambda: served(server)), "what killed workers held is held by nobody"


def served(server: LightMailServer) -> bool:
    try:
        return welcome(server, 1) == 1
    except OSError:
        return False  # nobody listens for a moment
