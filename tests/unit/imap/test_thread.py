"""THREAD (RFC 5256 §3, §4)."""

from __future__ import annotations

import re

from lightmail._core.index import UidSet
from lightmail.model import FlagOp
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House


async def selected(house: House) -> Client:
    """Messages with UIDs 2 to 5, none of which is a reply; 3 is seen."""
    inbox = await house.inbox(messages=5)
    await house.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Deleted",))
    await house.mail.expunge(inbox.id)
    await house.mail.set_flags(inbox.id, UidSet([3]), FlagOp.ADD, ("\\Seen",))
    client = Client(house)
    await client.ok("SELECT INBOX")
    house.metadata.calls.clear()
    house.blobs.calls.clear()
    return client


def test_numbers_and_uids() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        for algorithm in ("REFERENCES", "REFS", "ORDEREDSUBJECT"):
            assert await client.ok(f"THREAD {algorithm} UTF-8 ALL") == ["* THREAD (1)(2)(3)(4)"]
            assert await client.ok(f"UID THREAD {algorithm} UTF-8 UNSEEN") == ["* THREAD (2)(4)(5)"]
            assert await client.ok(f"THREAD {algorithm} US-ASCII ANSWERED") == ["* THREAD"]
        assert "BADCHARSET" in (await client.do("THREAD REFS X-NONE ALL"))[-1]
        await house.close()

    run(scenario())


def test_headers_are_read_once_for_sort_and_thread() -> None:
    async def scenario() -> None:
        house = await House.build(summary_cache_octets=0)
        client = await selected(house)
        await client.ok("THREAD REFERENCES UTF-8 ALL")
        assert house.metadata.calls
        house.metadata.calls.clear()
        await client.ok("SORT (SUBJECT) UTF-8 ALL")
        await client.ok("THREAD REFS UTF-8 ALL")
        assert house.metadata.calls == [] and house.blobs.calls == []
        await house.close()

    run(scenario())


def test_many_messages() -> None:
    async def scenario() -> None:
        house = await House.build(summary_cache_octets=0)
        await house.inbox(messages=200)
        client = Client(house)
        await client.ok("SELECT INBOX")
        (told,) = await client.ok("UID THREAD REFERENCES UTF-8 ALL")
        assert sorted(int(uid) for uid in re.findall(r"\((\d+)\)", told)) == list(range(1, 201))
        await house.close()

    run(scenario())
