"""A real server and one client, sockets and disk included; test_mailbox.py has the same without them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tests.support import messages

from benches.python.conftest import Place
from benches.python.raw import RawClient

HEADERS = b"BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups)]"
FETCHES = {
    "FLAGS": b"FETCH 1:* (UID FLAGS)",
    "headers": b"FETCH 1:* (UID %s)" % HEADERS,
    "ENVELOPE": b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
}
SEARCHES = {
    "UNSEEN": b"SEARCH UNSEEN",
    "SUBJECT": b"SEARCH SUBJECT fox",
    "TEXT": b"SEARCH TEXT unfindable",
}
MESSAGE = messages.plain("appended", b"The quick brown fox jumps over the lazy dog, again and again.\r\n" * 160)


def test_select(benchmark: Any, place: Place, size: int) -> None:
    """A mailbox that the server has in memory; the one selected before is left."""
    with place.login() as client:
        names = itertools.cycle([b"%d" % size, b"INBOX"])
        assert benchmark(lambda: client.command(b"SELECT " + next(names)) + client.command(b"SELECT " + next(names)))


def test_select_cold(benchmark: Any, place: Place, size: int) -> None:
    """The first SELECT after a start of the server."""
    clients: list[RawClient] = []

    def restart() -> None:
        for client in clients:
            client.close()
        place.server.stop()
        place.server.start()
        clients[:] = [place.login()]

    answered = benchmark.pedantic(lambda: clients[0].command(b"SELECT %d" % size), setup=restart, rounds=3)
    assert answered
    clients[0].close()


@pytest.mark.parametrize("what", FETCHES)
def test_fetch_all(benchmark: Any, selected: RawClient, size: int, what: str) -> None:
    octets = benchmark.pedantic(selected.command, (FETCHES[what],), rounds=5, warmup_rounds=1)
    assert octets > size * 20
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["MB/s"] = round(octets / benchmark.stats["mean"] / 1e6)


def test_fetch_one_body(benchmark: Any, selected: RawClient, size: int) -> None:
    """Here and there in the mailbox."""
    numbers = itertools.cycle(range(1, size, 997))
    assert benchmark(lambda: selected.command(b"FETCH %d (BODY.PEEK[])" % next(numbers)))


@pytest.mark.parametrize("what", SEARCHES)
def test_search(benchmark: Any, selected: RawClient, what: str) -> None:
    assert benchmark.pedantic(selected.command, (SEARCHES[what],), rounds=5, warmup_rounds=1)


def test_store(benchmark: Any, selected: RawClient, size: int) -> None:
    """One flag of one message, back and forth."""
    numbers = itertools.cycle(range(1, size, 997))
    signs = itertools.cycle(b"+-")
    assert benchmark(lambda: selected.command(b"UID STORE %d %cFLAGS (\\Flagged)" % (next(numbers), next(signs))))


def test_append(benchmark: Any, place: Place, size: int) -> None:
    """10 KB, durable when answered."""
    command = b"APPEND %d {%d+}\r\n%s" % (size, len(MESSAGE), MESSAGE)
    with place.login() as client:
        assert benchmark(client.command, command)
