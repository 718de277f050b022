"""SORT (RFC 5256; RFC 5957; RFC 5267 §3; RFC 7162 §3.1.6)."""

from __future__ import annotations

import pytest

from lightmail._core.index import UidSet
from lightmail.model import FlagOp
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House


async def selected(house: House) -> Client:
    """Messages with UIDs 2, 3 and 5 to 7; their subjects differ, 3 and 6 are seen."""
    inbox = await house.inbox(messages=7)
    await house.mail.set_flags(inbox.id, UidSet([1, 4]), FlagOp.ADD, ("\\Deleted",))
    await house.mail.expunge(inbox.id)
    await house.mail.set_flags(inbox.id, UidSet([3, 6]), FlagOp.ADD, ("\\Seen",))
    client = Client(house)
    await client.ok("SELECT INBOX")
    house.metadata.calls.clear()
    house.blobs.calls.clear()
    return client


def test_numbers_and_uids() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        assert await client.ok("SORT (REVERSE SUBJECT) UTF-8 ALL") == ["* SORT 5 4 3 2 1"]
        assert await client.ok("UID SORT (REVERSE SUBJECT) UTF-8 SEEN") == ["* SORT 6 3"]
        assert await client.ok("SORT (SUBJECT) UTF-8 ANSWERED") == ["* SORT"]
        await house.close()

    run(scenario())


def test_rev2_answers_sort_too() -> None:
    """RFC 9051 §6.4.4 speaks of SEARCH alone."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        await client.ok("ENABLE IMAP4rev2")
        assert await client.ok("UID SORT (REVERSE SUBJECT) UTF-8 SEEN") == ["* SORT 6 3"]
        await house.close()

    run(scenario())


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ("()", "ALL 7,6,5,3,2"),
        ("(MIN)", "MIN 7"),
        ("(MAX)", "MAX 2"),
        ("(COUNT ALL)", "COUNT 5 ALL 7,6,5,3,2"),
        ("(PARTIAL 2:3 COUNT)", "COUNT 5 PARTIAL (2:3 6,5)"),
        ("(PARTIAL -1:-2)", "PARTIAL (-1:-2 3,2)"),
        ("(PARTIAL 6:9)", "PARTIAL (6:9 NIL)"),
    ],
)
def test_return_options(options: str, answer: str) -> None:
    """RFC 5267 §3.1."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        told = await client.ok(f"UID SORT RETURN {options} (REVERSE SUBJECT) UTF-8 ALL")
        assert told == [f'* ESEARCH (TAG "t2") UID {answer}']
        await house.close()

    run(scenario())


def test_headers_are_read_once() -> None:
    """The mailbox knows dates and sizes; what headers tell is kept, beyond the summaries themselves."""

    async def scenario() -> None:
        house = await House.build(summary_cache_octets=0)
        client = await selected(house)
        await client.ok("SORT (ARRIVAL REVERSE DATE SIZE) UTF-8 ALL")
        assert house.metadata.calls == [] and house.blobs.calls == []
        await client.ok("SORT (SUBJECT) UTF-8 ALL")
        assert house.metadata.calls
        house.metadata.calls.clear()
        await client.ok("SORT (FROM DISPLAYTO) UTF-8 ALL")
        assert house.metadata.calls == [] and house.blobs.calls == []
        await house.close()

    run(scenario())


def test_many_messages_and_a_cache_of_nothing() -> None:
    """Keys are made off the loop, batch by batch, and one ordering has all of them whatever the caches hold."""

    async def scenario() -> None:
        house = await House.build(summary_cache_octets=0, sort_cache_octets=0)
        await house.inbox(messages=300)
        client = Client(house)
        await client.ok("SELECT INBOX")
        backwards = " ".join(sorted((str(number) for number in range(1, 301)), reverse=True))
        assert await client.ok("SORT (FROM REVERSE ARRIVAL REVERSE SUBJECT REVERSE SIZE) UTF-8 1") == ["* SORT 1"]
        assert await client.ok("SORT (REVERSE ARRIVAL REVERSE SUBJECT) UTF-8 ALL") == [f"* SORT {backwards}"]
        await house.close()

    run(scenario())


def test_what_is_saved() -> None:
    """RFC 5182 §2.4, in the order of the SORT."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        await client.ok("UID SORT RETURN (SAVE MIN) (REVERSE SUBJECT) UTF-8 ALL")
        assert await client.ok("UID SEARCH $") == ["* SEARCH 7"]
        await client.ok("UID SORT RETURN (SAVE PARTIAL 1:2) (REVERSE SUBJECT) UTF-8 ALL")
        assert await client.ok("UID SEARCH $") == ["* SEARCH 6 7"]
        await client.ok("UID SORT RETURN (SAVE) (REVERSE SUBJECT) UTF-8 SEEN")
        assert await client.ok("UID SEARCH $") == ["* SEARCH 3 6"]
        assert "BADCHARSET" in (await client.do("SORT RETURN (SAVE) (DATE) X-NONE ALL"))[-1]
        assert await client.ok("UID SEARCH $") == ["* SEARCH"]
        await house.close()

    run(scenario())


def test_modseq() -> None:
    """RFC 7162 §3.1.6."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        highest, told = await client.ok("UID SORT (REVERSE SUBJECT) UTF-8 SEEN MODSEQ 1")
        assert highest.startswith("* OK [HIGHESTMODSEQ ")
        assert told.startswith("* SORT 6 3 (MODSEQ ")
        (told,) = await client.ok("UID SORT RETURN (MIN) (REVERSE SUBJECT) UTF-8 SEEN MODSEQ 1")
        assert told.startswith('* ESEARCH (TAG "t3") UID MIN 6 MODSEQ ')
        await house.close()

    run(scenario())
