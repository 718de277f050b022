"""FETCH (RFC 9051 §6.4.5; RFC 7162 §3.1.4, §3.2.6): what is read, when, and what happens when it cannot be."""

from __future__ import annotations

import asyncio
import random
import re

import pytest
from structlog.testing import capture_logs

from lightmail._core.index import UidSet
from lightmail.errors import Unavailable
from lightmail.mail.bodies import BLOCK_OCTETS
from lightmail.model import FlagOp
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House, message_octets


async def selected(house: House, mailbox: str = "INBOX", *, examine: bool = False) -> Client:
    client = Client(house)
    await client.ok(f"{'EXAMINE' if examine else 'SELECT'} {mailbox}")
    house.metadata.calls.clear()
    house.blobs.calls.clear()
    return client


def test_columns_need_neither_statement_nor_object() -> None:
    """Law 5."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=3)
        client = await selected(house)
        answer = await client.ok("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)")
        size = len(message_octets(2))
        assert answer[1] == (
            f'* 2 FETCH (UID 2 FLAGS (\\Recent) INTERNALDATE "09-Sep-2001 01:46:40 +0000" RFC822.SIZE {size})'
        )
        assert len(answer) == 3
        assert house.metadata.calls == [] and house.blobs.calls == []
        await house.close()

    run(scenario())


def test_summaries_come_in_bulk_and_no_object_is_read() -> None:
    """Laws 5 and 6."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=1_201)
        fresh = await house.again()
        client = await selected(fresh)
        answer = await client.ok("FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (Subject)])")
        assert len(answer) == 1_201
        assert "BODY[HEADER.FIELDS (Subject)] {23}\r\nSubject: Number 777\r\n\r\n" in answer[776]
        assert fresh.metadata.calls == ["summaries"] * 3 and fresh.blobs.calls == []
        fresh.metadata.calls.clear()
        assert await client.ok("UID FETCH 1:* ENVELOPE") != []
        assert fresh.metadata.calls == []
        await fresh.close()
        await house.close()

    run(scenario())


def test_object_ids_and_previews_take_no_body() -> None:
    """Law 5: EMAILID is in the columns, THREADID and PREVIEW are in the summaries (RFC 8474 §5, RFC 8970)."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=3)
        fresh = await house.again()
        client = await selected(fresh)
        ids = await client.ok("FETCH 1:* EMAILID")
        assert len(set(ids)) == 3 and fresh.metadata.calls == []
        answer = await client.ok("FETCH 1:* (THREADID PREVIEW)")
        assert len({line.split(" ", 3)[3] for line in answer}) == 3
        thread = answer[1].split("THREADID (")[1].split(")")[0]
        assert await client.ok(f"SEARCH THREADID {thread}") == ["* SEARCH 2"]
        assert fresh.metadata.calls == ["summaries"] and fresh.blobs.calls == []
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_cache_too_small_for_a_window_still_answers() -> None:
    async def scenario() -> None:
        house = await House.build(summary_cache_octets=4_096)
        await house.inbox(messages=40)
        client = await selected(house)
        answer = await client.ok("FETCH 1:* ENVELOPE")
        assert [line.split()[1] for line in answer] == [str(number) for number in range(1, 41)]
        await house.close()

    run(scenario())


def test_whole_bodies() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=40)
        client = await selected(house)
        answer = await client.ok("FETCH 1:* BODY.PEEK[]")
        for number, line in enumerate(answer, start=1):
            octets = message_octets(number).decode()
            assert line == f"* {number} FETCH (BODY[] {{{len(octets)}}}\r\n{octets})"
        assert len(answer) == 40
        assert house.metadata.calls == [], "where bodies are was learned when they were stored"
        await house.close()

    run(scenario())


def test_locations_of_many_bodies_are_one_statement() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=40)
        fresh = await house.again()
        client = await selected(fresh)
        assert len(await client.ok("FETCH 1:* BODY.PEEK[]")) == 40
        assert fresh.metadata.calls == ["body_locations"]
        await fresh.close()
        await house.close()

    run(scenario())


def test_seen_is_set_once_for_all_and_told() -> None:
    """RFC 9051 §6.4.5: the \\Seen flag is implicitly set; FLAGS are included when that changes them."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=3)
        await house.mail.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Seen",))
        client = await selected(house)
        answer = await client.do("FETCH 1:3 BODY[TEXT]")
        assert ["FLAGS (\\Seen \\Recent)" in line for line in answer[:3]] == [True, False, True]
        assert len(answer) == 4, "and not told a second time"
        assert house.metadata.calls.count("set_flags") == 1
        house.metadata.calls.clear()
        assert "FLAGS" not in "".join(await client.ok("FETCH 1:3 BODY[TEXT]"))
        assert house.metadata.calls == []
        await house.close()

    run(scenario())


def test_peek_and_examine_set_nothing() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=1)
        client = await selected(house)
        await client.ok("FETCH 1 (BODY.PEEK[] RFC822.HEADER)")
        reader = await selected(house, examine=True)
        await reader.ok("FETCH 1 (BODY[] RFC822)")
        assert "set_flags" not in house.metadata.calls
        assert await client.ok("FETCH 1 FLAGS") == ["* 1 FETCH (FLAGS (\\Recent))"]
        await house.close()

    run(scenario())


def test_seen_carries_modseq_once_condstore_is_on() -> None:
    """RFC 7162 §3.2: and what others changed meanwhile is told as well, later."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=2)
        client = await selected(house)
        await client.ok("FETCH 1 MODSEQ")
        await house.mail.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Flagged",))
        answer = await client.ok("FETCH 1 BODY[TEXT]")
        assert re.search(r"FLAGS \(\\Seen \\Recent\)", answer[0]) and "MODSEQ (" in answer[0]
        assert re.fullmatch(r"\* 2 FETCH \((UID 2 )?FLAGS \(\\Flagged \\Recent\) MODSEQ \(\d+\)\)", answer[1])
        assert len(answer) == 2
        await house.close()

    run(scenario())


def test_bodies_are_read_side_by_side_and_sent_in_order() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=30)
        fresh = await house.again(slow_bodies=True)
        client = await selected(fresh)
        gate = fresh.blobs.hold("read")
        fetching = asyncio.create_task(client.ok("FETCH 1:* BODY.PEEK[]"))
        await fresh.blobs.reached("read")
        for _ in range(20):
            await asyncio.sleep(0)
        assert 8 <= fresh.blobs.count("read") <= 16, "many at once, but bounded"
        gate.set()
        answer = await fetching
        assert [line.split()[1] for line in answer] == [str(number) for number in range(1, 31)]
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_hundred_bodies_wait_for_few_round_trips() -> None:
    """With 50 ms to the body store, `FETCH 1:100 BODY[]` takes 350 ms and not five seconds."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=100)
        fresh = await house.again(slow_bodies=True)
        client = await selected(fresh)
        gate = fresh.blobs.hold("read")
        fetching = asyncio.create_task(client.ok("FETCH 1:100 BODY.PEEK[]"))
        round_trips = answered = 0
        while answered < 100:
            for _ in range(100):
                await asyncio.sleep(0)
            under_way = fresh.blobs.count("read") - answered
            assert 0 < under_way <= 16
            round_trips, answered = round_trips + 1, answered + under_way
            gate.set()
            gate = fresh.blobs.hold("read")
        answer = await fetching
        assert [line.split()[1] for line in answer] == [str(number) for number in range(1, 101)]
        assert round_trips == 7
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_body_that_is_missing_is_no_and_the_others_come() -> None:
    """Law 10: never an empty string, never a truncated literal."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=4)
        missing = (await house.objects())[1]
        fresh = await house.again()
        await fresh.blobs.delete([missing])
        client = await selected(fresh)
        answer = await client.do("FETCH 1:4 (UID BODY.PEEK[])")
        assert answer[-1].startswith("tag NO [UNAVAILABLE]")
        assert len(answer) == 4
        assert (await client.ok("NOOP")) == []
        await fresh.close()
        await house.close()

    run(scenario())


async def expunged_elsewhere(house: House, *uids: int) -> None:
    """Another process expunges these, and the collector has been there since."""
    inbox = await house.raw_metadata.get_mailbox(house.user.id, "INBOX")
    chosen = UidSet(uids)
    await house.raw_metadata.set_flags(inbox.id, chosen, FlagOp.ADD, ("\\Deleted",))
    await house.raw_metadata.expunge(inbox.id, chosen)
    gone = await house.raw_metadata.unreferenced_bodies(10)
    await house.raw_metadata.forget_bodies([body.body_id for body in gone])
    await house.blobs.delete([body.object_key for body in gone])


@pytest.mark.parametrize(
    ("command", "others"), [("FETCH 1:4 (UID BODY.PEEK[])", 3), ("FETCH 3 ENVELOPE", 0), ("SEARCH TEXT body", 0)]
)
def test_a_message_that_is_gone_with_its_body_has_been_expunged(command: str, others: int) -> None:
    """RFC 5530 §3: EXPUNGEISSUED, and no fault of ours is logged; RFC 2180 §4.1.3: what is there is sent."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=4)
        fresh = await house.again()
        client = await selected(fresh)
        await expunged_elsewhere(fresh, 3)
        with capture_logs() as logged:
            answer = await client.do(command)
        assert answer[-1].startswith("tag NO [EXPUNGEISSUED] ") and logged == []
        assert len(answer) == others + 1
        assert [line for line in await client.ok("NOOP") if "EXPUNGE" in line] == ["* 3 EXPUNGE"]
        assert len(await client.ok("FETCH 1:* (UID BODY.PEEK[])")) == 3
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_missing_body_beside_an_expunged_message_is_a_fault() -> None:
    """The database is asked: this message is still there. When the database does not answer it is a fault as well."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=4)
        fresh = await house.again()
        client = await selected(fresh)
        await expunged_elsewhere(fresh, 4)
        await fresh.blobs.delete([(await house.objects())[0]])
        assert (await client.do("FETCH 1 BODY.PEEK[]"))[-1].startswith("tag NO [UNAVAILABLE] ")
        assert (await client.do("FETCH 4 BODY.PEEK[]"))[-1].startswith("tag NO [EXPUNGEISSUED] ")
        fresh.metadata.fail("changes_since", Unavailable("the database"))
        assert (await client.do("FETCH 4 BODY.PEEK[]"))[-1].startswith("tag NO [UNAVAILABLE] ")
        await fresh.close()
        await house.close()

    run(scenario())


def test_messages_of_a_mailbox_that_is_gone_have_been_expunged() -> None:
    async def scenario() -> None:
        house = await House.build()
        box = await house.mail.mailboxes.create(house.user.id, "Box")
        await house.append(box, 2)
        fresh = await house.again()
        client = await selected(fresh, "Box")
        keys = await house.objects()
        await fresh.raw_metadata.delete_mailbox(house.user.id, "Box")
        await fresh.blobs.delete(keys)
        assert (await client.do("FETCH 1:2 BODY.PEEK[]"))[-1].startswith("tag NO [EXPUNGEISSUED] ")
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_store_that_does_not_answer_ends_the_command() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=4)
        fresh = await house.again(slow_bodies=True)
        client = await selected(fresh)
        fresh.blobs.fail("read", Unavailable("the body store"))
        answer = await client.do("FETCH 1:4 BODY.PEEK[]")
        assert answer[-1].startswith("tag NO [UNAVAILABLE]")
        assert asyncio.all_tasks() == {asyncio.current_task()}, "what was read ahead is given up"
        assert len(await client.ok("FETCH 1:4 BODY.PEEK[]")) == 4
        await fresh.close()
        await house.close()

    run(scenario())


def large(octets: int) -> bytes:
    return message_octets(1) + random.Random(5).randbytes(octets)


@pytest.mark.parametrize("slow_bodies", [False, True])
def test_a_slow_reader_holds_little(slow_bodies: bool) -> None:
    """Law 7: a few hundred KiB at most, whatever was asked for."""

    async def scenario() -> None:
        house = await House.build()
        octets = large(3_000_000)
        await house.stored(octets)
        client = await selected(await house.again(slow_bodies=slow_bodies))
        client.output.slow()
        fetching = asyncio.create_task(client.dispatcher.run())
        client.dispatcher.feed(b"a FETCH 1 BODY.PEEK[]\r\n")
        got = b""
        while not got.endswith(b"a OK Fetched\r\n"):
            await client.output.full()
            got += client.output.take()
        await fetching
        assert octets in got
        assert client.output.most_waiting <= 2 * BLOCK_OCTETS
        await house.close()

    run(scenario())


def test_seen_is_told_though_the_body_cannot_be_read() -> None:
    """The flag is set, so the client must hear of it; otherwise its view is wrong for ever (RFC 9051 §7.5.2)."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=2)
        fresh = await house.again(slow_bodies=True)
        client = await selected(fresh)
        fresh.blobs.fail("read", Unavailable("the body store"))
        answer = await client.do("UID FETCH 1:* BODY[]")
        assert answer[:-1] == ["* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))", "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))"]
        assert answer[-1].startswith("tag NO [UNAVAILABLE]")
        assert len(await client.ok("NOOP")) == 0
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_large_body_that_fails_in_its_midst_costs_the_connection() -> None:
    """Law 10: only the end of the connection can say that a literal is not complete."""

    async def scenario() -> None:
        house = await House.build()
        await house.stored(large(3_000_000))
        fresh = await house.again(slow_bodies=True)
        client = await selected(fresh)
        client.output.slow()
        fetching = asyncio.create_task(client.dispatcher.run())
        client.dispatcher.feed(b"a FETCH 1 BODY.PEEK[]\r\n")
        await client.output.full()
        fresh.blobs.fail("read", Unavailable("the body store"))
        while not client.output.aborted:
            got = client.output.take()
            assert b"a OK" not in got and b"a NO" not in got
            await asyncio.sleep(0)
        await fetching
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_large_body_that_is_missing_is_no() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.stored(large(3_000_000))
        await house.blobs.delete(await house.objects())
        client = await selected(house)
        answer = await client.do("FETCH 1 (UID BODY.PEEK[])")
        assert len(answer) == 1 and answer[0].startswith("tag NO [UNAVAILABLE]")
        await house.close()

    run(scenario())


def test_many_sections_of_one_large_message() -> None:
    async def scenario() -> None:
        house = await House.build()
        octets = large(1_000_000)
        await house.stored(octets)
        client = await selected(house)
        head = octets.index(b"\r\n\r\n") + 4
        answer = await client.send(
            b"a FETCH 1 (BODY.PEEK[]<5.700000> BODY.PEEK[TEXT] BODY.PEEK[]<900000.20> BODY.PEEK[]<5000000.1>)\r\n"
        )
        assert answer == (
            b"* 1 FETCH (BODY[]<5> {700000}\r\n"
            + octets[5:700_005]
            + b" BODY[TEXT] {%d}\r\n" % (len(octets) - head)
            + octets[head:]
            + b" BODY[]<900000> {20}\r\n"
            + octets[900_000:900_020]
            + b" BODY[]<5000000> {0}\r\n)\r\na OK Fetched\r\n"
        )
        await house.close()

    run(scenario())


MULTIPART = (
    b"From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"
    b"--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n"
    b"--x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-unknown\r\n\r\n?\r\n--x--\r\n"
)


def test_binary_undoes_the_transfer_encoding() -> None:
    """RFC 3516 §4.2, §4.3; RFC 9051 §6.4.5."""

    async def scenario() -> None:
        house = await House.build()
        await house.stored(MULTIPART)
        client = await selected(house)
        assert await client.send(b"a FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[2])\r\n") == (
            "* 1 FETCH (BINARY[1] {7}\r\nGrüße BINARY.SIZE[2] 4)\r\na OK Fetched\r\n".encode()
        )
        assert await client.send(b"a FETCH 1 BINARY.PEEK[2]\r\n") == (
            b"* 1 FETCH (BINARY[2] ~{4}\r\n\x00\x01\x02\x03)\r\na OK Fetched\r\n"
        )
        answer = await client.do("FETCH 1 BINARY.PEEK[3]")
        assert answer[-1].startswith("tag NO [UNKNOWN-CTE]")
        await house.append(await house.inbox(), 1)
        await house.mail.copy((await house.inbox()).id, UidSet([1]), (await house.inbox()).id)
        await client.ok("NOOP")
        answer = await client.do("FETCH 2:3 BINARY.PEEK[3]")
        assert len(answer) == 2 and answer[0].startswith("* 2 FETCH (BINARY[3] ")
        assert answer[-1].startswith("tag NO [UNKNOWN-CTE]"), "and what came before it was sent"
        await house.close()

    run(scenario())


def test_messages_expunged_elsewhere_keep_their_numbers_and_bodies() -> None:
    """RFC 9051 §7.5.1; RFC 2180 §4.1: FETCH never tells of EXPUNGE."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=3)
        client = await selected(house)
        await house.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Deleted",))
        await house.mail.expunge(inbox.id)
        answer = await client.ok("FETCH 1,3 (UID BODY.PEEK[])")
        assert [line[:19] for line in answer] == ["* 1 FETCH (UID 1 BO", "* 3 FETCH (UID 3 BO"]
        assert await client.ok("UID FETCH 3 UID") == ["* 3 FETCH (UID 3)", "* 1 EXPUNGE", "* 2 RECENT"]
        assert await client.ok("FETCH 2 UID") == ["* 2 FETCH (UID 3)"]
        await house.close()

    run(scenario())


def test_a_number_beyond_the_mailbox_is_bad_a_uid_is_not() -> None:
    """RFC 9051 §6.4.9."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=1)
        client = await selected(house)
        assert (await client.do("FETCH 2 FLAGS"))[0].startswith("tag BAD")
        assert await client.do("UID FETCH 2 FLAGS") == ["tag OK Fetched"]
        await house.close()

    run(scenario())


def test_changedsince_and_vanished() -> None:
    """RFC 7162 §3.1.4.1, §3.2.6."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=6)
        live = await house.mail.open(inbox.id)
        since = live.snapshot.highest_modseq
        await house.mail.set_flags(inbox.id, UidSet([2, 5]), FlagOp.ADD, ("\\Deleted",))
        await house.mail.expunge(inbox.id)
        await house.mail.set_flags(inbox.id, UidSet([4]), FlagOp.ADD, ("\\Flagged",))
        client = Client(house)
        await client.ok("SELECT INBOX")
        assert (await client.do(f"UID FETCH 1:* FLAGS (CHANGEDSINCE {since} VANISHED)"))[-1].startswith("tag BAD")
        await client.ok("ENABLE QRESYNC")
        answer = await client.ok(f"UID FETCH 3:6 FLAGS (CHANGEDSINCE {since} VANISHED)")
        assert answer == [
            "* VANISHED (EARLIER) 5",
            f"* 3 FETCH (UID 4 MODSEQ ({since + 3}) FLAGS (\\Flagged \\Recent))",
        ]
        assert (await client.do(f"FETCH 1:4 FLAGS (CHANGEDSINCE {since} VANISHED)"))[-1].startswith("tag BAD")
        await house.close()

    run(scenario())


def test_vanished_is_not_earlier_for_what_this_session_still_sees() -> None:
    """RFC 7162 §3.2.10: the two forms are not combined."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=3)
        client = Client(house)
        await client.ok("ENABLE QRESYNC")
        await client.ok("SELECT INBOX")
        since = (await house.mail.open(inbox.id)).snapshot.highest_modseq
        await house.mail.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Deleted",))
        await house.mail.expunge(inbox.id)
        answer = await client.ok(f"UID FETCH 1:* FLAGS (CHANGEDSINCE {since} VANISHED)")
        assert answer[0] == "* VANISHED 2"
        await house.close()

    run(scenario())


@pytest.mark.parametrize("items", ["BODY.PEEK[]", "FLAGS", "ENVELOPE"])
def test_an_empty_mailbox_and_an_empty_saved_result(items: str) -> None:
    """RFC 5182 §2.1: `$` is a valid set that matches nothing."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house)
        assert await client.ok(f"UID FETCH 1:* ({items})") == []
        assert await client.ok(f"FETCH $ ({items})") == []
        await house.close()

    run(scenario())
