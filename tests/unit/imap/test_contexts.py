"""Searches and sorted searches that tell of changes (RFC 5267 §4.3, RFC 5465 §7)."""

from __future__ import annotations

import asyncio
import random

import pytest

from lightmail.imap import contexts
from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk, lines


async def two(messages: int = 4) -> tuple[Desk, Client, Client]:
    desk = await Desk.build()
    await desk.house.inbox(messages=messages, flags=("\\Seen",))
    return desk, await desk.login(select=b"INBOX"), await desk.login(select=b"INBOX")


def test_flags_add_and_remove() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        answer = await first.say(b"B01 UID SEARCH RETURN (UPDATE COUNT) DELETED KEYWORD $Junk")
        assert answer == b'* ESEARCH (TAG "B01") UID COUNT 0\r\nB01 OK Searched\r\n'
        await second.say(b"a STORE 2:3 +FLAGS.SILENT (\\Deleted $Junk)")
        told = lines(await first.say(b"b NOOP"))
        # The FETCH comes before the ESEARCH (RFC 5465 §5.1).
        assert [line.split()[1] for line in told if b"FLAGS" not in line[:8]][-2:] == [b"ESEARCH", b"OK"]
        assert told[-2] == b'* ESEARCH (TAG "B01") UID ADDTO (0 2:3)'
        await second.say(b"c STORE 2 -FLAGS.SILENT ($Junk)")
        assert lines(await first.say(b"d NOOP"))[-2] == b'* ESEARCH (TAG "B01") UID REMOVEFROM (0 2)'
        assert b"ESEARCH" not in await first.say(b"e NOOP")
        await desk.close()

    run(scenario())


def test_own_changes_are_told_as_well_silent_or_not() -> None:
    async def scenario() -> None:
        desk, first, _ = await two()
        await first.say(b"u SEARCH RETURN (UPDATE) FLAGGED")
        assert await first.say(b"a STORE 3 +FLAGS.SILENT (\\Flagged)") == (
            b'* ESEARCH (TAG "u") ADDTO (0 3)\r\na OK Stored\r\n'
        )
        await first.say(b"v SEARCH RETURN (UPDATE) UNSEEN", b"c STORE 1 -FLAGS.SILENT (\\Seen)")
        answer = await first.say(b"d FETCH 1 BODY[TEXT]")
        assert b'* ESEARCH (TAG "v") REMOVEFROM (0 1)\r\n' in answer
        await desk.close()

    run(scenario())


def test_expunges_are_told_before_by_the_numbers_of_before() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(b"u SEARCH RETURN (UPDATE) SEEN", b"v UID SEARCH RETURN (UPDATE) SEEN")
        await second.say(b"a STORE 2,4 +FLAGS.SILENT (\\Deleted)", b"b EXPUNGE")
        assert lines(await first.say(b"c NOOP"))[:4] == [
            b'* ESEARCH (TAG "u") REMOVEFROM (0 2,4)',
            b'* ESEARCH (TAG "v") UID REMOVEFROM (0 2,4)',
            b"* 4 EXPUNGE",
            b"* 2 EXPUNGE",
        ]
        await desk.close()

    run(scenario())


def test_new_messages_with_what_is_to_be_fetched_of_them() -> None:
    async def scenario() -> None:
        desk, first, second = await two(messages=2)
        await first.say(b"a00 SEARCH RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])) SUBJECT number")
        await desk.house.inbox(messages=1)
        await second.say(b"a STORE 1 +FLAGS.SILENT (\\Flagged)")
        told = await first.say(b"b NOOP")
        exists, fetch, esearch = (told.index(part) for part in (b"* 3 EXISTS", b"* 3 FETCH (UID 3", b"ADDTO (0 3)"))
        assert exists < fetch < esearch
        # Of messages that other flags have added nothing is fetched.
        await first.say(b"f SEARCH RETURN (UPDATE (UID BODYSTRUCTURE)) FLAGGED", b"c STORE 2 +FLAGS (\\Flagged)")
        assert b"BODYSTRUCTURE" not in first.heard()
        await desk.close()

    run(scenario())


def test_numbers_mean_what_they_meant() -> None:
    async def scenario() -> None:
        desk, first, second = await two(messages=3)
        await first.say(b"u UID SEARCH RETURN (UPDATE) 2:* FLAGGED", b"v UID SEARCH RETURN (UPDATE) UID 2:* FLAGGED")
        await second.say(b"a STORE 1 +FLAGS.SILENT (\\Deleted)", b"b EXPUNGE")
        await desk.house.inbox(messages=1)
        await second.say(b"n NOOP", b"c UID STORE 2,4 +FLAGS.SILENT (\\Flagged)")
        told = await first.say(b"d NOOP")
        assert b'* ESEARCH (TAG "u") UID ADDTO (0 2)\r\n' in told
        assert b'* ESEARCH (TAG "v") UID ADDTO (0 2,4)\r\n' in told
        await desk.close()

    run(scenario())


def test_while_idle() -> None:
    async def scenario() -> None:
        desk, first, _ = await two()
        await first.say(b"u SEARCH RETURN (UPDATE) TEXT number", b"i IDLE")
        await first.told()
        await desk.house.inbox(messages=1)
        told = b""
        async with asyncio.timeout(60):
            while b'* ESEARCH (TAG "u") ADDTO (0 5)\r\n' not in told:  # a worker thread reads the body
                told += await first.told()
        assert b"i OK" in await first.say(b"DONE")
        await desk.close()

    run(scenario())


def test_tags_and_their_end() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(b"B01 SEARCH RETURN (UPDATE COUNT) FLAGGED")
        assert (await first.say(b"B01 SEARCH RETURN (UPDATE) SEEN")).startswith(b"B01 BAD")
        assert (await first.say(b"B01 ESEARCH RETURN (UPDATE) SEEN")).startswith(b"B01 BAD")
        assert (await first.say(b'B04 CANCELUPDATE "B01" "nothing"')) == b"B04 OK No further updates\r\n"
        await second.say(b"a STORE 1 +FLAGS.SILENT (\\Flagged)")
        assert b"ESEARCH" not in await first.say(b"c NOOP")
        await first.say(b"B05 SEARCH RETURN (UPDATE COUNT) FLAGGED", b"d SELECT INBOX")
        await second.say(b"a STORE 2 +FLAGS.SILENT (\\Flagged)")
        assert b"ESEARCH" not in await first.say(b"e NOOP")
        await desk.close()

    run(scenario())


def test_too_many_are_refused_and_answered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "MOST", 1)

    async def scenario() -> None:
        desk, first, _ = await two()
        await first.say(b"B01 SEARCH RETURN (UPDATE) FLAGGED")
        assert await first.say(b"B02 UID SEARCH RETURN (UPDATE COUNT) SEEN") == (
            b'* ESEARCH (TAG "B02") UID COUNT 4\r\n* NO [NOUPDATE "B02"] Too many contexts\r\nB02 OK Searched\r\n'
        )
        await desk.close()

    run(scenario())


def test_without_sequence_numbers() -> None:
    """RFC 9586: UIDFETCH, as everywhere."""

    async def scenario() -> None:
        desk, _, _ = await two(messages=1)
        client = await desk.login(enable=b"UIDONLY", select=b"INBOX")
        await client.say(b"u UID SEARCH RETURN (UPDATE (FLAGS)) ALL")
        await desk.house.inbox(messages=1)
        told = await client.say(b"a NOOP")
        assert b"* 2 UIDFETCH (" in told and b'* ESEARCH (TAG "u") UID ADDTO (0 2)' in told
        await desk.close()

    run(scenario())


def sized(*octets: int) -> list[bytes]:
    """APPEND of one message with each of these sizes."""
    return [b"z APPEND INBOX {%d+}\r\nSubject: x\r\n\r\n%s" % (count, b"o" * (count - 14)) for count in octets]


def played(order: list[int], told: bytes, tag: bytes) -> list[int]:
    """The result as a client keeps it, after these responses (RFC 5267 §4.3.3, §4.3.4)."""
    order = list(order)
    for line in lines(told):
        if not line.startswith(b'* ESEARCH (TAG "%s")' % tag):
            continue
        added = b" ADDTO " in line
        items = line.partition(b" ADDTO (" if added else b" REMOVEFROM (")[2].removesuffix(b")").split(b" ")
        for place, numbers in zip(map(int, items[::2]), items[1::2], strict=True):
            assert place > 0
            ranges = [[int(end) for end in part.split(b":")] for part in numbers.split(b",")]
            run = [number for ends in ranges for number in range(ends[0], ends[-1] + 1)]
            if added:
                order[place - 1 : place - 1] = run
            else:
                assert order[place - 1 : place - 1 + len(run)] == run
                del order[place - 1 : place - 1 + len(run)]
    return order


async def sorted_now(client: Client) -> list[int]:
    answer = await client.say(b"now UID SORT (REVERSE SIZE) UTF-8 NOT FLAGGED")
    (line,) = (line for line in lines(answer) if line.startswith(b"* SORT"))
    return [int(uid) for uid in line.split()[2:]]


def test_sorted_the_position_is_told() -> None:
    async def scenario() -> None:
        desk, first, second = await two(messages=0)
        await second.say(*sized(100, 300, 200))
        await first.say(b"s NOOP")
        answer = await first.say(b"C01 UID SORT RETURN (UPDATE CONTEXT PARTIAL 1:2) (REVERSE SIZE) UTF-8 NOT FLAGGED")
        assert b'* ESEARCH (TAG "C01") UID PARTIAL (1:2 2,3)\r\n' in answer and b"NOUPDATE" not in answer
        await second.say(*sized(250, 50))
        told = await first.say(b"a NOOP")
        # 2 4 3 1 5
        assert b'* ESEARCH (TAG "C01") UID ADDTO (2 4 5 5)\r\n' in told
        await second.say(b"a UID STORE 4,3 +FLAGS.SILENT (\\Flagged)")
        assert b'* ESEARCH (TAG "C01") UID REMOVEFROM (2 4,3)\r\n' in await first.say(b"b NOOP")
        # one that is expunged: before that
        await second.say(b"b UID STORE 2 +FLAGS.SILENT (\\Deleted)", b"c EXPUNGE")
        told = await first.say(b"c NOOP")
        assert told.index(b'* ESEARCH (TAG "C01") UID REMOVEFROM (1 2)') < told.index(b"* 2 EXPUNGE")
        await second.say(b"d UID STORE 3,4 -FLAGS.SILENT (\\Flagged)")
        assert b'* ESEARCH (TAG "C01") UID ADDTO (1 4,3)\r\n' in await first.say(b"d NOOP")
        assert await first.say(b'e CANCELUPDATE "C01"') == b"e OK No further updates\r\n"
        await second.say(b"e UID STORE 3 +FLAGS.SILENT (\\Flagged)")
        assert b"ESEARCH" not in await first.say(b"f NOOP")
        await desk.close()

    run(scenario())


def test_sorted_by_number() -> None:
    async def scenario() -> None:
        desk, first, second = await two(messages=0)
        await second.say(*sized(100, 300, 200))
        await first.say(b"s NOOP")
        await first.say(b"u SORT RETURN (UPDATE) (SIZE) UTF-8 ALL")  # 1 3 2
        await second.say(b"a STORE 1 +FLAGS.SILENT (\\Deleted)", b"b EXPUNGE", *sized(250))
        told = lines(await first.say(b"a NOOP"))
        assert told[:2] == [b'* ESEARCH (TAG "u") REMOVEFROM (1 1)', b"* 1 EXPUNGE"]
        assert b'* ESEARCH (TAG "u") ADDTO (2 3)' in told
        await desk.close()

    run(scenario())


def test_what_a_client_keeps_of_a_sort_is_what_it_would_be_answered() -> None:
    async def scenario() -> None:
        chance = random.Random(5267)
        desk, first, second = await two(messages=0)
        await second.say(*sized(*(chance.randrange(20, 40) for _ in range(12))))
        await first.say(b"a NOOP")
        known = await sorted_now(first)
        await first.say(b"u UID SORT RETURN (UPDATE) (REVERSE SIZE) UTF-8 NOT FLAGGED")
        for _ in range(40):
            for _ in range(chance.randrange(1, 4)):
                one, other = sorted(chance.sample(range(1, 20), 2))
                step = [
                    [b"b UID STORE %d:%d FLAGS.SILENT (\\Flagged)" % (one, other)],
                    [b"c UID STORE %d:%d FLAGS.SILENT ()" % (one, other)],
                    [b"d UID STORE %d FLAGS.SILENT (\\Deleted)" % one, b"e EXPUNGE"],
                    sized(chance.randrange(20, 40)),
                ]
                await second.say(*chance.choices(step, weights=[3, 3, 1, 3])[0])
            known = played(known, await first.say(b"f NOOP"), b"u")
            assert known == await sorted_now(first)
        await desk.close()

    run(scenario())


def test_fewer_sorts_than_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5267 §4.3.1: that a SORT is refused says nothing of a SEARCH."""
    monkeypatch.setattr(contexts, "MOST_SORTED", 1)

    async def scenario() -> None:
        desk, first, _ = await two()
        sort = b"%s UID SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL"
        assert b"NOUPDATE" not in await first.say(sort % b"B01")
        assert await first.say(sort % b"B02") == (
            b'* ESEARCH (TAG "B02") UID COUNT 4\r\n* NO [NOUPDATE "B02"] Too many contexts\r\nB02 OK Sorted\r\n'
        )
        assert b"NOUPDATE" not in await first.say(b"B03 SEARCH RETURN (UPDATE) ALL")
        assert (await first.say(sort % b"B01")).startswith(b"B01 BAD")
        await desk.close()

    run(scenario())
