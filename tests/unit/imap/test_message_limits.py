"""MESSAGELIMIT (RFC 9738) where a transcript does not reach; the dialogues of the RFC are in tests/wire/limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightmail._core.imap import Decoder, Limits, Search
from lightmail._core.index import Snapshot, UidSet
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House, message_octets


def with_limit(scenario: Callable[[House, Client], Awaitable[None]], *, messages: int = 6) -> None:
    async def whole() -> None:
        house = await House.build(messages_per_command=3)
        await house.inbox(messages=messages)
        client = Client(house)
        await client.ok("SELECT INBOX")
        await scenario(house, client)
        await house.close()

    run(whole())


def test_up_to_the_limit_nothing_is_different() -> None:
    async def scenario(_: House, client: Client) -> None:
        assert await client.do("FETCH 1:3 UID") == [
            *(f"* {number} FETCH (UID {number})" for number in (1, 2, 3)),
            "tag OK Fetched",
        ]
        assert await client.do("SEARCH ALL") == ["* SEARCH 1 2 3", "tag OK Searched"]
        assert (await client.do("SORT (ARRIVAL) UTF-8 ALL"))[-1] == "tag OK Sorted"

    with_limit(scenario, messages=3)


def test_only_what_has_changed_is_counted() -> None:
    """CHANGEDSINCE: the messages that are fetched."""

    async def scenario(_: House, client: Client) -> None:
        modseq = client.session.selected.view.highest_modseq if client.session.selected else 0
        await client.ok("STORE 2,5:6 +FLAGS.SILENT \\Flagged")
        answer = await client.do(f"FETCH 1:6 UID (CHANGEDSINCE {modseq})")
        assert [line.split()[1] for line in answer if " FETCH (" in line] == ["2", "5", "6"]
        assert answer[-1] == "tag OK Fetched"

    with_limit(scenario)


def test_seen_is_set_on_what_was_fetched_alone() -> None:
    async def scenario(_: House, client: Client) -> None:
        answer = await client.do("FETCH 1:6 BODY[]")
        assert [line.split()[1] for line in answer if line.startswith("* ")] == ["6", "5", "4"]
        assert answer[-1].startswith("tag OK [MESSAGELIMIT 3 4] ")
        assert await client.ok("SEARCH UID 1:3 SEEN") == ["* SEARCH"]
        assert await client.ok("SEARCH UID 4:6 SEEN") == ["* SEARCH 4 5 6"]
        assert message_octets(6).decode() in answer[0]

    with_limit(scenario)


def test_fetch_with_uids_alone() -> None:
    """RFC 9586: the same, in UIDFETCH."""

    async def scenario(_: House, client: Client) -> None:
        await client.ok("ENABLE UIDONLY")
        assert await client.do("UID FETCH 1:* UID") == [
            *(f"* {uid} UIDFETCH (UID {uid})" for uid in (6, 5, 4)),
            "tag OK [MESSAGELIMIT 3 4] Fetched: only the last messages",
        ]
        answer = await client.do("UID SEARCH UIDBEFORE 6")
        assert answer == ["* SEARCH 3 4 5", "tag OK [MESSAGELIMIT 3 3] Searched: only the last messages"]
        assert await client.do("UID SEARCH UIDBEFORE 3") == ["* SEARCH 1 2", "tag OK Searched"]

    with_limit(scenario)


def test_a_highest_modseq_stays_in_the_tagged_response() -> None:
    """RFC 7162 §3.2.7, RFC 6851 §4.4 say where it belongs, so that the limit is told before."""

    async def scenario(_: House, client: Client) -> None:
        await client.ok("CREATE there")
        await client.ok("ENABLE QRESYNC")
        answer = await client.do("MOVE 1:6 there")
        assert "* NO [MESSAGELIMIT 3 4] Only the last messages" in answer
        assert answer[-1].startswith("tag OK [HIGHESTMODSEQ ")
        await client.ok("STORE 1:3 +FLAGS.SILENT \\Deleted")
        assert (await client.do("UID EXPUNGE 1:3"))[-1].startswith("tag OK [HIGHESTMODSEQ ")

    with_limit(scenario)


def test_messages_that_are_gone_and_a_limit() -> None:
    """RFC 9738 §3.1: EXPUNGEISSUED in the tagged response, MESSAGELIMIT in an untagged one."""

    async def scenario(house: House, client: Client) -> None:
        other = Client(house)
        await other.ok("SELECT INBOX")
        await other.ok("STORE 5 +FLAGS.SILENT \\Deleted")
        await other.ok("EXPUNGE")
        answer = await client.do("STORE 1:6 +FLAGS \\Flagged")
        assert "* NO [MESSAGELIMIT 3 4] Only the last messages" in answer
        assert answer[-1].startswith("tag NO [EXPUNGEISSUED] ")

    with_limit(scenario)


def test_expunge_and_close_know_no_limit() -> None:
    async def scenario(_: House, client: Client) -> None:
        for part in ("1:3", "4:6"):
            await client.ok(f"STORE {part} +FLAGS.SILENT \\Deleted")
        assert (await client.do("EXPUNGE"))[-1] == "tag OK Expunged"
        assert await client.ok("STATUS INBOX (MESSAGES)") == ["* STATUS INBOX (MESSAGES 0)"]

    with_limit(scenario)


def test_a_refused_sort_saves_nothing() -> None:
    """RFC 5182 §2.1."""

    async def scenario(_: House, client: Client) -> None:
        await client.ok("SEARCH RETURN (SAVE) 1:2")
        assert await client.do("SORT RETURN (SAVE) (ARRIVAL) UTF-8 ALL") == [
            "tag NO [MESSAGELIMIT 3] messages in one command: the limit is 3"
        ]
        assert await client.ok("SEARCH RETURN (ALL) $") == ['* ESEARCH (TAG "t4")']

    with_limit(scenario)


def test_a_saved_result_that_is_not_there() -> None:
    async def scenario(_: House, client: Client) -> None:
        client.session.selected.saved = None  # type: ignore[union-attr]
        assert (await client.do("SEARCH $"))[-1].startswith("tag BAD ")

    with_limit(scenario)


def program(keys: str) -> Search:
    decoder = Decoder(Limits())
    decoder.feed(f"a SEARCH {keys}\r\n".encode())
    command = decoder.next()
    assert isinstance(command, Search)
    return command


@pytest.mark.parametrize(
    ("keys", "looked_at"),
    [
        ("ALL", "1:9"),
        ("UNSEEN", "1:9"),
        ("2:4", "2:4"),
        ("UID 2:4 UNSEEN", "2:4"),
        ("UID 2:7 5:*", "5:7"),
        ("OR 1 9", "1,9"),
        ("OR 1 SEEN", "1:9"),
        ("NOT 1:3", "4:9"),
        ("NOT UNSEEN", "1:9"),
        ("NOT (1:3 SEEN)", "1:9"),
        ("NOT $", "1:9"),
        ("(5 (6))", ""),
        ("UIDAFTER 9", ""),
        ("UIDBEFORE 1", ""),
        ("UIDAFTER 3 UIDBEFORE 6", "4:5"),
        ("$", "7:8"),
        ("12", ""),
    ],
)
def test_what_a_search_looks_at(keys: str, looked_at: str) -> None:
    """Decided by sets alone."""
    rows = "".join(f"{uid} 1 0 1 {uid} 0 0 0 0 0\n" for uid in range(1, 10))
    view = Snapshot.load([rows], keywords=(), uid_next=10, highest_modseq=1)
    assert bytes(view.scope(program(keys).program, saved=UidSet([7, 8]))) == looked_at.encode()


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(1, 40)), st.integers(1, 10))
def test_repeating_a_fetch_below_the_uid_told_gives_all(here: set[int], limit: int) -> None:
    """RFC 9738 §3.1: how a client goes on."""

    async def scenario() -> None:
        house = await House.build(messages_per_command=limit)
        await house.inbox(messages=40)
        client = Client(house)
        await client.ok("SELECT INBOX")
        wanted = ",".join(map(str, sorted(here))) or "41"
        told: list[int] = []
        below = 41
        while True:
            answer = await client.do(f"UID SEARCH UID {wanted} UIDBEFORE {below}")
            part = [int(uid) for uid in answer[0].split()[2:]]
            assert len(part) <= limit
            told = part + told
            if "[MESSAGELIMIT " not in answer[-1]:
                break
            assert answer[-1].startswith(f"tag OK [MESSAGELIMIT {limit} {part[0]}] ")
            below = part[0]
        assert told == sorted(here)
        await house.close()

    run(scenario())
