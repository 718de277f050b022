"""The SessionTable port: who is connected where."""

from __future__ import annotations

from lightmail.model import ClientSession, UserId
from lightmail.ports.sessions import EXPIRES_S, SessionTable
from tests.support.backends import START_S
from tests.support.shared import SESSIONS, Pair, on_every

on_every_table = on_every(SESSIONS)


def session(number: int, process: str = "p", address: str = "ann@example.org", since_s: int = START_S) -> ClientSession:
    return ClientSession(
        id=f"{process}-{number}",
        user_id=UserId(7),
        address=address,
        protocol="imaps",
        peer="2001:db8::7",
        node="mail.example.org",
        process=process,
        since_s=since_s,
    )


async def says(table: SessionTable, process: str, *all_: ClientSession, opened: tuple[ClientSession, ...] = ()) -> bool:
    """A beat of a process that has all these; opened: those that are new, all unless said."""
    return await table.beat(process, opened or all_, [], all_ids=[each.id for each in all_])


@on_every_table
async def test_what_one_process_says_the_others_see(pair: Pair[SessionTable]) -> None:
    first, second = session(1), session(2, address="zoë@example.org")
    assert await says(pair.one, "p", first, second)
    assert await pair.other.list() == [first, second]
    assert await pair.other.list(address="zoë@example.org") == [second]
    assert await pair.other.list(address="nobody@example.org") == []


@on_every_table
async def test_the_order_is_by_address_then_by_time(pair: Pair[SessionTable]) -> None:
    late, early = session(1, since_s=START_S + 5), session(2, since_s=START_S)
    elsewhere = session(3, "q", "aaron@example.org", START_S + 9)
    await says(pair.one, "p", late, early)
    await says(pair.other, "q", elsewhere)
    assert await pair.one.list() == [elsewhere, early, late]


@on_every_table
async def test_beats_tell_what_has_come_and_gone(pair: Pair[SessionTable]) -> None:
    first, second, third = (session(number) for number in (1, 2, 3))
    assert await says(pair.one, "p", first, second)
    assert await pair.one.beat("p", [third], [first.id], all_ids=[second.id, third.id])
    assert await pair.other.list() == [second, third]
    assert await pair.one.beat("p", [], [], all_ids=[second.id, third.id])
    assert await pair.one.beat("p", [], [second.id, third.id], all_ids=[])
    assert await pair.other.list() == []


@on_every_table
async def test_a_session_said_twice_is_one(pair: Pair[SessionTable]) -> None:
    first, second = session(1), session(2)
    await says(pair.one, "p", first, second)
    assert await says(pair.one, "p", first, second, opened=(second,))
    assert await pair.one.list() == [first, second]


@on_every_table
async def test_a_table_that_has_lost_something_says_so_and_is_told_again(pair: Pair[SessionTable]) -> None:
    first, second = session(1), session(2)
    await says(pair.one, "p", first, second)
    await pair.other.forget("p")
    assert await pair.other.list() == []
    assert not await pair.one.beat("p", [], [], all_ids=[first.id, second.id])
    assert await says(pair.one, "p", first, second)
    assert await pair.other.list() == [first, second]


@on_every_table
async def test_saying_everything_replaces_what_was_there(pair: Pair[SessionTable]) -> None:
    """What closed while the table could not be told."""
    first, second, of_another = session(1), session(2), session(1, "q")
    await says(pair.one, "p", first, second)
    await says(pair.one, "q", of_another)
    assert await says(pair.one, "p", second)
    assert await pair.other.list() == [second, of_another]
    assert await says(pair.one, "p")
    assert await pair.other.list() == [of_another]


@on_every_table
async def test_a_silent_process_is_forgotten(pair: Pair[SessionTable]) -> None:
    gone, there = session(1, "p"), session(1, "q")
    await says(pair.one, "p", gone)
    await pair.pass_time(EXPIRES_S / 2)
    await says(pair.other, "q", there)
    await pair.pass_time(EXPIRES_S / 2 - 2)
    assert await pair.other.list() == [gone, there]
    await pair.pass_time(3)
    assert await pair.other.list() == [there]
    assert await pair.other.beat("q", [], [], all_ids=[there.id])
    # It was asleep, and has to say everything again.
    assert not await pair.one.beat("p", [], [], all_ids=[gone.id])
    assert await says(pair.one, "p", gone)
    assert await pair.other.list() == [gone, there]


@on_every_table
async def test_many_sessions_at_once(pair: Pair[SessionTable]) -> None:
    many = [session(number, since_s=START_S + number) for number in range(3000)]
    assert await says(pair.one, "p", *many)
    assert await pair.other.list() == many
    assert await pair.one.beat("p", [], [each.id for each in many[10:]], all_ids=[each.id for each in many[:10]])
    assert await pair.other.list() == many[:10]


@on_every_table
async def test_forgetting_who_was_never_there(pair: Pair[SessionTable]) -> None:
    await pair.one.forget("p")
    assert await pair.one.list() == []
