"""SELECT, FETCH, SEARCH, STORE and APPEND on mailboxes of 10,000 and 100,000 messages: a session without its socket.

Decoder, dispatcher, handlers and rendering are the real ones; the memory backend stands for the stores.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from tests.unit.imap.client import Client
from tests.unit.mail.house import House, message_octets

from lightmail._core.index import UidSet

BATCH = 10_000
COMMANDS = {
    "SELECT": b"SELECT INBOX",
    "FETCH flags": b"FETCH 1:* (UID FLAGS)",
    "FETCH summary": b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
    "FETCH fields": b"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID)])",
    "FETCH of one body": b"UID FETCH 777 BODY.PEEK[]",
    "SEARCH UNSEEN": b"SEARCH UNSEEN",
    "SEARCH SUBJECT": b"SEARCH SUBJECT 9999",
}


class Desk:
    """A mailbox of so many messages and a session that has selected it, on a loop of their own."""

    def __init__(self, messages: int) -> None:
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.house, self.client = self.runner.run(self._build(messages))

    async def _build(self, messages: int) -> tuple[House, Client]:
        house = await House.build(summary_cache_octets=2**30)
        inbox = await house.inbox(messages=BATCH)
        # Copies share bodies, as in a mailbox that has been filed from another.
        for _ in range(messages // BATCH - 1):
            await house.mail.copy(inbox.id, UidSet(range(1, BATCH + 1)), inbox.id)
        client = Client(house)
        await client.ok("SELECT INBOX")
        return house, client

    def send(self, octets: bytes) -> bytes:
        answer = b""

        async def talk() -> None:
            nonlocal answer
            answer = await self.client.send(octets)

        # A task whose result is a large answer takes ten times as long as the answer itself: uvloop prints it.
        self.runner.run(talk())
        return answer

    def close(self) -> None:
        self.runner.run(self.house.close())
        self.runner.close()


@pytest.fixture(scope="module", params=[10_000, 100_000], ids=["10k", "100k"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk(request.param)
    yield desk
    desk.close()


@pytest.mark.parametrize("name", COMMANDS)
def test_command(benchmark: Any, desk: Desk, name: str) -> None:
    answer = benchmark(desk.send, b"a " + COMMANDS[name] + b"\r\n")
    assert b"a OK" in answer[-80:]


def test_append(benchmark: Any, desk: Desk) -> None:
    octets = message_octets(1, octets=8_000)
    answer = benchmark.pedantic(
        desk.send, (b"a APPEND Sent {%d+}\r\n" % len(octets) + octets + b"\r\n",), rounds=200, warmup_rounds=5
    )
    assert answer.startswith(b"a OK [APPENDUID ")
