"""SEARCH (RFC 9051 §6.4.4, §7.3.4; RFC 4731; RFC 5182; RFC 7162 §3.1.5)."""

from __future__ import annotations

import pytest

from lightmail._core.index import UidSet
from lightmail.model import FlagOp
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House


async def selected(house: House) -> Client:
    """Seven messages with UIDs 1, 3, 4, 6 to 9; 3, 4 and 8 are seen."""
    inbox = await house.inbox(messages=9)
    await house.mail.set_flags(inbox.id, UidSet([2, 5]), FlagOp.ADD, ("\\Deleted",))
    await house.mail.expunge(inbox.id)
    await house.mail.set_flags(inbox.id, UidSet([3, 4, 8]), FlagOp.ADD, ("\\Seen",))
    client = Client(house)
    await client.ok("SELECT INBOX")
    house.metadata.calls.clear()
    house.blobs.calls.clear()
    return client


def test_plain_answers() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        assert await client.ok("SEARCH SEEN") == ["* SEARCH 2 3 6"]
        assert await client.ok("UID SEARCH SEEN") == ["* SEARCH 3 4 8"]
        assert await client.ok("SEARCH ANSWERED") == ["* SEARCH"]
        assert house.metadata.calls == [] and house.blobs.calls == []
        await house.close()

    run(scenario())


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ("()", "ALL 2:3,6"),
        ("(ALL)", "ALL 2:3,6"),
        ("(MIN)", "MIN 2"),
        ("(MAX MIN)", "MIN 2 MAX 6"),
        ("(COUNT)", "COUNT 3"),
        ("(ALL COUNT MAX)", "MAX 6 COUNT 3 ALL 2:3,6"),
    ],
)
def test_esearch(options: str, answer: str) -> None:
    """RFC 4731 §3.1."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        assert await client.do(f"SEARCH RETURN {options} SEEN") == [f'* ESEARCH (TAG "t2") {answer}', "tag OK Searched"]
        await house.close()

    run(scenario())


def test_esearch_without_results() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        assert await client.ok("UID SEARCH RETURN (MIN MAX ALL) ANSWERED") == ['* ESEARCH (TAG "t2") UID']
        assert await client.ok("SEARCH RETURN (MIN COUNT) ANSWERED") == ['* ESEARCH (TAG "t3") COUNT 0']
        await house.close()

    run(scenario())


def test_rev2_always_answers_esearch() -> None:
    """RFC 9051 §6.4.4, Appendix E."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        await client.ok("ENABLE IMAP4rev2")
        assert await client.ok("UID SEARCH SEEN") == ['* ESEARCH (TAG "t3") UID ALL 3:4,8']
        await house.close()

    run(scenario())


@pytest.mark.parametrize(
    ("options", "uids"),
    [
        ("SAVE", [3, 4, 8]),
        ("SAVE MIN", [3]),
        ("SAVE MAX", [8]),
        ("SAVE MIN MAX", [3, 8]),
        ("SAVE MIN COUNT", [3, 4, 8]),
        ("SAVE ALL MAX", [3, 4, 8]),
    ],
)
def test_save(options: str, uids: list[int]) -> None:
    """RFC 5182 §2.4, the table."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        answer = await client.ok(f"UID SEARCH RETURN ({options}) SEEN")
        assert bool(answer) == (options != "SAVE")
        assert await client.ok("UID FETCH $ UID") == [
            f"* {seq} FETCH (UID {uid})" for seq, uid in ((2, 3), (3, 4), (6, 8)) if uid in uids
        ]
        await house.close()

    run(scenario())


def test_the_life_of_a_saved_result() -> None:
    """RFC 5182 §2.1: expunged messages leave it, NO and SELECT empty it, BAD and other searches do not touch it."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        await client.ok("SEARCH RETURN (SAVE) SEEN")
        await client.ok("SEARCH RETURN (ALL) UNSEEN")
        assert (await client.do("SEARCH RETURN (SAVE) FROBNICATE"))[0].startswith("tag BAD")
        await client.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        assert await client.ok("UID SEARCH $") == ["* SEARCH 4 8"]
        assert (await client.do("SEARCH RETURN (SAVE) CHARSET X-NONE TEXT a"))[0].startswith("tag NO [BADCHARSET")
        assert await client.ok("UID SEARCH $") == ["* SEARCH"]
        await client.ok("SEARCH RETURN (SAVE) SEEN")
        await client.ok("SELECT INBOX")
        assert await client.do("COPY $ Trash") == ["tag OK Nothing to copy"]
        await house.close()

    run(scenario())


def test_modseq_of_what_was_found() -> None:
    """RFC 7162 §3.1.5, RFC 4731 §3.2: of the messages returned, and none without any."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        inbox = await house.inbox()
        live = await house.mail.open(inbox.id)
        modseq = live.snapshot.highest_modseq
        await house.mail.set_flags(inbox.id, UidSet([9]), FlagOp.ADD, ("\\Seen",))
        await client.ok("NOOP")
        (first, *rest) = await client.ok(f"SEARCH MODSEQ {modseq}")
        assert rest == [f"* SEARCH 2 3 6 7 (MODSEQ {modseq + 1})"] and "HIGHESTMODSEQ" in first
        assert client.session.condstore
        assert await client.ok(f"SEARCH RETURN (ALL) MODSEQ {modseq}") == [
            f'* ESEARCH (TAG "t4") ALL 2:3,6:7 MODSEQ {modseq + 1}'
        ]
        assert await client.ok(f"SEARCH RETURN (MIN) MODSEQ {modseq}") == [
            f'* ESEARCH (TAG "t5") MIN 2 MODSEQ {modseq}'
        ]
        assert await client.ok(f"SEARCH MODSEQ {modseq + 5}") == ["* SEARCH"]
        await house.close()

    run(scenario())


def test_numbers_mean_what_this_session_knows() -> None:
    """Law 9, RFC 9051 §7.5.1."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        inbox = await house.inbox()
        await house.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Deleted",))
        await house.mail.expunge(inbox.id)
        assert await client.ok("UID SEARCH 2:3") == ["* SEARCH 3 4"]
        assert await client.ok("NOOP") == ["* 1 EXPUNGE", "* 6 RECENT"]
        assert await client.ok("UID SEARCH 2:3") == ["* SEARCH 4 6"]
        await house.close()

    run(scenario())


@pytest.mark.parametrize(("enabled", "status"), [("UTF8=ACCEPT", "BAD"), ("IMAP4rev2", "OK")])
def test_charset_after_enable(enabled: str, status: str) -> None:
    """RFC 6855 §3 refuses it, RFC 9051 §6.4.4 does not."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        await client.ok(f"ENABLE {enabled}")
        answer = await client.do("SEARCH CHARSET UTF-8 SUBJECT x")
        assert answer[-1].split()[1] == status
        await house.close()

    run(scenario())


def test_younger_and_older_count_from_now() -> None:
    """RFC 5032 §3: INTERNALDATE against the clock of the server."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        both = [await client.ok(f"SEARCH {key} 3600") for key in ("YOUNGER", "OLDER")]
        numbers = [int(number) for (line,) in both for number in line.split()[2:]]
        assert sorted(numbers) == [1, 2, 3, 4, 5, 6, 7]
        await house.close()

    run(scenario())


@pytest.mark.parametrize(
    ("criteria", "told_at_once"), [("ALL", True), ("UID 1:9", True), ("1:2", False), ("NOT 7", False)]
)
def test_uid_search_by_sequence_numbers_keeps_them(criteria: str, told_at_once: bool) -> None:
    """RFC 7162 §3.2.10.2: what another session has expunged is told after a UID SEARCH without message numbers only."""

    async def scenario() -> None:
        house = await House.build()
        client, other = await selected(house), Client(house)
        await other.ok("SELECT INBOX")
        await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        told = [line for line in await client.ok(f"UID SEARCH {criteria}") if line.endswith("EXPUNGE")]
        assert bool(told) == told_at_once
        told += [line for line in await client.ok("NOOP") if line.endswith("EXPUNGE")]
        assert told == ["* 1 EXPUNGE"]
        await house.close()

    run(scenario())
