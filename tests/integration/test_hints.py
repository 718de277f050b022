"""A change made in one process is told to a client that idles in another, and how soon."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.installation import KINDS, Installation, Sections
from tests.support.services import Services
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration

CHANGES = 20
MESSAGE = b"Subject: one\r\n\r\nHello\r\n"


def delays_s(idler: ImapClient, changer: ImapClient) -> list[float]:
    """From the octets of a STORE to the FETCH that the other is told, ascending."""
    number = idler.send_command(b"IDLE")
    assert (idler.response() or b"").startswith(b"+")
    delays = []
    for change in range(CHANGES):
        began_s = time.perf_counter()
        sign = b"-" if change % 2 else b"+"
        assert changer.command(b"STORE 1 %bFLAGS.SILENT (\\Flagged)" % sign).ok
        told = idler.response() or b""
        delays.append(time.perf_counter() - began_s)
        assert told.startswith(b"* 1 FETCH (") and (b"\\Flagged" in told) is (sign == b"+")
    idler.send(b"DONE\r\n")
    assert idler.answer(number).ok
    return sorted(delays)


def worst_delay_s(kind: str, folder: Path, services: Services, config: Sections) -> float:
    """The 95th percentile, of that of five clients for which it is greatest."""
    with Installation(KINDS[kind], folder, services, config) as installation:
        account = installation.add_user()
        clients = []
        for _ in range(6):
            client = ImapClient(installation.address("imap"))
            client.login(*account)
            clients.append(client)
        assert clients[0].command(b"APPEND INBOX {}", MESSAGE).ok
        for client in clients:
            assert client.command(b"SELECT INBOX").ok
        # Some are with the same process as the first, most are not.
        worst = max(delays_s(clients[0], changer)[int(CHANGES * 0.95)] for changer in clients[1:])
        for client in clients:
            client.close()
    print(f"\n{kind}: {worst * 1000:.0f} ms")
    return worst


@pytest.mark.parametrize(("kind", "poll_s"), [("mysql+s3+redis-2-nodes", 3600.0), ("mysql+files-3-workers", 0.1)])
def test_an_idle_client_of_another_process(kind: str, poll_s: float, tmp_path: Path, services: Services) -> None:
    """Every change is told: by a hint of Redis, or by asking MySQL now and then."""
    worst_delay_s(kind, tmp_path, services, {"changes": {"poll_s": poll_s}})


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "within_s"), [("mysql+s3+redis-2-nodes", 0.2), ("mysql+files-3-workers", 0.5)])
def test_how_soon(kind: str, within_s: float, tmp_path: Path, services: Services) -> None:
    """On a machine that does nothing else: with Redis 200 ms; by polling the interval, here 100 ms, and what the statements
    take.
    """
    assert worst_delay_s(kind, tmp_path, services, {}) < within_s
