"""SEARCH in the mail store: cheapest first, exact always (RFC 9051 §6.4.4, law 5)."""

from __future__ import annotations

import asyncio

import pytest

from lightmail._core import imap
from lightmail._core.index import UidSet
from lightmail.errors import BodyMissing, Unavailable
from tests.support.aio import run
from tests.unit.mail.house import House


def program(keys: str) -> imap.SearchProgram:
    decoder = imap.Decoder(imap.Limits())
    decoder.feed(f"a SEARCH {keys}\r\n".encode())
    command = decoder.next()
    assert isinstance(command, imap.Search)
    return command.program


async def search(house: House, keys: str) -> list[int]:
    inbox = await house.inbox()
    live = await house.mail.open(inbox.id)
    try:
        found, _ = await house.mail.search(
            program(keys), live.snapshot, saved=UidSet([2]), recent_from=live.snapshot.uid_next
        )
        return list(found)
    finally:
        live.release()


def test_columns_need_neither_statement_nor_object() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=5)
        await search(house, "ALL")
        house.metadata.calls.clear()
        house.blobs.calls.clear()
        assert await search(house, "UNSEEN UID 2:4 LARGER 1") == [2, 3, 4]
        assert await search(house, "$") == [2]
        assert house.metadata.calls == [] and house.blobs.calls == []
        await house.close()

    run(scenario())


def test_headers_come_from_summaries_in_bulk() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=30)
        fresh = await house.again()
        assert await search(fresh, "SUBJECT 7") == [7, 17, 27]
        assert fresh.metadata.count("summaries") == 1
        assert fresh.blobs.calls == []
        assert await search(fresh, "SUBJECT 8") == [8, 18, 28]
        assert fresh.metadata.count("summaries") == 1
        await fresh.close()
        await house.close()

    run(scenario())


def test_fuzzy_searches_leave_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are compared on a worker thread, so many messages at a time: others go on meanwhile."""
    monkeypatch.setattr("lightmail.mail.search._FUZZY_AT_ONCE", 7)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=30)
        await search(house, "SUBJECT nowhere")
        going_on = asyncio.ensure_future(others())
        assert await search(house, "SUBJECT 7") == [7, 17, 27]
        assert turns == 0
        assert await search(house, "FUZZY SUBJECT nubmer") == list(range(1, 31))
        assert turns >= 30 // 7
        going_on.cancel()
        await house.close()

    run(scenario())


def test_bodies_are_read_only_where_nothing_else_decides() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=30)
        fresh = await house.again()
        assert await search(fresh, 'BODY "body of 2" UID 1:25') == [2, 20, 21, 22, 23, 24, 25]
        read = fresh.blobs.count("read") + fresh.blobs.count("read_nowait")
        assert fresh.metadata.count("body_locations") == 1
        assert 25 <= read <= 50
        assert await search(fresh, "TEXT ann@example.org") == list(range(1, 31))
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_body_that_cannot_be_read_fails_the_search() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=3)
        fresh = await house.again()
        await fresh.blobs.delete(await fresh.objects())
        with pytest.raises(BodyMissing):
            await search(fresh, "BODY number")
        assert await search(fresh, "SUBJECT number") == [1, 2, 3]
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_scan_that_fails_leaves_nothing_under_way() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=10)
        fresh = await house.again(slow_bodies=True)
        fresh.blobs.hold("read")
        fresh.blobs.fail("read", Unavailable("the body store"))
        with pytest.raises(Unavailable):
            await search(fresh, "TEXT nowhere")
        assert fresh.blobs.count("read") == 10
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await fresh.close()
        await house.close()

    run(scenario())
