"""INPROGRESS (RFC 9585): commands that take long say how far they are."""

from __future__ import annotations

import asyncio

import pytest

from lightmail.imap import progress
from tests.support.aio import run
from tests.unit.imap.client import Client, lines
from tests.unit.mail.house import Handled, House


async def _told(client: Client, command: bytes, port: Handled, call: str) -> list[str]:
    """What is answered to a command one of whose calls takes until progress has been told."""
    port.hold(call)
    running = asyncio.ensure_future(client.send(command))
    await port.reached(call)
    taken = b""
    while b"INPROGRESS" not in taken:
        await asyncio.sleep(0)
        taken += client.output.take()
    port.let_go(call)
    return lines(taken + await running)


@pytest.mark.parametrize(
    ("command", "call", "state"),
    [
        ("SEARCH SUBJECT 2", "summaries", "NIL NIL"),
        ("SORT (SUBJECT) UTF-8 ALL", "summaries", "NIL NIL"),
        ("THREAD ORDEREDSUBJECT UTF-8 ALL", "summaries", "NIL NIL"),
        ("ESEARCH IN (mailboxes INBOX) SUBJECT 2", "summaries", "NIL NIL"),
        ("COPY 1:2 INBOX", "copy", "NIL NIL"),
        ("MOVE 1 INBOX", "move", "NIL NIL"),
    ],
)
def test_who_takes_long_says_so(monkeypatch: pytest.MonkeyPatch, command: str, call: str, state: str) -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=3)
        fresh = await house.again()
        client = Client(fresh)
        await client.ok("SELECT INBOX")
        monkeypatch.setattr(progress, "INTERVAL_S", 0.0)
        answer = await _told(client, f"long {command}\r\n".encode(), fresh.metadata, call)
        assert answer[0] == f'* OK [INPROGRESS ("long" {state})] Still at it'
        assert answer[-1].startswith("long OK")
        # Nothing is told behind the answer.
        for _ in range(10):
            await asyncio.sleep(0)
        assert client.output.take() == b""
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_tag_that_would_end_the_response_code_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=3)
        fresh = await house.again()
        client = Client(fresh)
        await client.ok("SELECT INBOX")
        monkeypatch.setattr(progress, "INTERVAL_S", 0.0)
        answer = await _told(client, b"a]b SEARCH SUBJECT 2\r\n", fresh.metadata, "summaries")
        assert answer[0] == "* OK [INPROGRESS (NIL NIL NIL)] Still at it"
        assert answer[-1].startswith("a]b OK")
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_search_says_how_many_it_has_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second batch of summaries is on its way: a thousand messages are decided."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=1_201)
        fresh = await house.again()
        client = Client(fresh)
        await client.ok("SELECT INBOX")
        monkeypatch.setattr(progress, "INTERVAL_S", 0.0)
        fresh.metadata.hold("summaries")
        fresh.metadata.release_next("summaries")
        running = asyncio.ensure_future(client.send(b"long SEARCH SUBJECT nowhere\r\n"))
        await fresh.metadata.reached("summaries")
        taken = b""
        while b"1000 1201" not in taken:
            await asyncio.sleep(0)
            taken += client.output.take()
        fresh.metadata.let_go("summaries")
        assert b'* OK [INPROGRESS ("long" 1000 1201)] ' in taken
        assert (await running).endswith(b"* SEARCH\r\nlong OK Searched\r\n")
        await fresh.close()
        await house.close()

    run(scenario())
