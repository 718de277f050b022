"""What failed logins do to those that follow: of an address, of a name, of a network, and of nobody else."""

from __future__ import annotations

import asyncio

import pytest

from lightmail.auth.throttle import MAX_DELAY_S, MOST_WAITING, WINDOW_S, FailureDelays
from lightmail.backends.local import SharedTally, TallyRates
from lightmail.config import Limits
from lightmail.errors import TooManyLogins
from lightmail.obs.metrics import Counts
from tests.support.aio import run
from tests.support.backends import HandClock

ADDRESS, PEER = "pat@example.org", "192.0.2.1"


class Room:
    def __init__(self, **limits: object) -> None:
        self.clock = HandClock()
        self.counts = Counts()
        bounds = Limits(
            **{"address_failed_logins": 3, "user_failed_logins": 5, "networks": {}, **limits}  # type: ignore[arg-type]
        )
        self.delays = FailureDelays(0.5, TallyRates(SharedTally(self.clock)), bounds, self.counts)

    async def fail(self, times: int, *, peer: str = PEER, address: str = "") -> list[float]:
        """Of so many names, unless it is always one."""
        return [await self.delays.failed(address or f"{number}@{peer}.example.org", peer) for number in range(times)]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long logins were held back, which they are not here."""
    found: list[float] = []
    real = asyncio.sleep

    async def sleep(delay_s: float) -> None:
        found.append(delay_s)
        await real(0)

    monkeypatch.setattr("lightmail.auth.throttle.asyncio.sleep", sleep)
    return found


async def turn(room: Room, address: str = ADDRESS, peer: str = PEER) -> None:
    async with room.delays.turn(address, peer):
        pass


def test_many_names_from_one_address(waits: list[float]) -> None:
    async def scenario() -> None:
        room = Room()
        assert await room.fail(3) == [0.5, 0.5, 0.5]
        await turn(room)
        assert waits == []
        assert await room.fail(4) == [1.0, 1.0, 2.0, 4.0], "these names have failed once before, the address more often"
        await turn(room)
        assert waits == [4.0]
        await turn(room, peer="192.0.2.2")
        assert waits == [4.0], "others are not slower"
        assert room.counts.delayed == {"login": 1}
        await room.fail(100)
        await turn(room)
        assert waits[-1] == MAX_DELAY_S
        room.clock.now += int(2 * WINDOW_S)
        await turn(room)
        assert len(waits) == 2

    run(scenario())


def test_the_rest_of_an_ipv6_address_is_no_disguise(waits: list[float]) -> None:
    async def scenario() -> None:
        room = Room()
        for number in range(5):
            await room.fail(1, peer=f"2001:db8::{number:x}")
        await turn(room, peer="2001:db8::ffff")
        await turn(room, peer="2001:db8:0:1::1")
        assert waits == [1.0]

    run(scenario())


def test_one_name_from_many_addresses(waits: list[float]) -> None:
    """Whoever has logged in as that name from an address before is not slower there."""

    async def scenario() -> None:
        room = Room()
        assert not room.delays.succeeded(ADDRESS, "198.51.100.1")
        for number in range(8):
            await room.fail(1, peer=f"192.0.2.{number}", address=ADDRESS)
        await turn(room, peer="203.0.113.1")
        assert waits == [2.0]
        await turn(room, peer="198.51.100.1")
        await turn(room, "kim@example.org", "203.0.113.1")
        assert len(waits) == 1
        assert await room.fail(1, peer="198.51.100.1", address=ADDRESS) == [0.5]

    run(scenario())


def test_networks(waits: list[float]) -> None:
    async def scenario() -> None:
        room = Room(networks={"192.0.2.0/24": "failed_logins=4", "10.0.0.0/8": "unlimited"})
        for number in range(6):
            await room.fail(1, peer=f"192.0.2.{number}")
        await turn(room, peer="192.0.2.200")
        assert waits == [1.0]
        await room.fail(50, peer="10.0.0.1")
        await turn(room, peer="10.0.0.1")
        await turn(room, peer="")
        assert waits == [1.0]
        assert await room.fail(2, peer="10.0.0.1", address=ADDRESS) == [0.5, 1.0], "a name from an address all the same"

    run(scenario())


def test_the_same_password_again_counts_once() -> None:
    async def scenario() -> None:
        room = Room()
        found = [await room.delays.failed(ADDRESS, PEER, again="the old one") for _ in range(9)]
        assert found == [0.5] * 9
        assert await room.delays.failed(ADDRESS, PEER, again="another") == 1.0
        assert await room.delays.failed(ADDRESS, PEER, again="the old one") == 1.0
        assert await room.delays.failed(ADDRESS, "192.0.2.2", again="elsewhere, so told apart") == 0.5

    run(scenario())


def test_logins_of_one_address_wait_for_each_other() -> None:
    async def scenario() -> None:
        room = Room()
        inside = asyncio.Event()
        leave = asyncio.Event()

        async def first() -> None:
            async with room.delays.turn(ADDRESS, PEER):
                inside.set()
                await leave.wait()

        holding = asyncio.create_task(first())
        await inside.wait()
        waiting = [asyncio.create_task(turn(room)) for _ in range(MOST_WAITING - 1)]
        await turn(room, peer="192.0.2.2")
        await asyncio.sleep(0)
        with pytest.raises(TooManyLogins):
            await turn(room)
        assert room.counts.logins == {"later": 1}
        room.delays.succeeded("kim@example.org", PEER)
        await turn(room, "kim@example.org")
        assert not any(task.done() for task in waiting)
        leave.set()
        await asyncio.gather(holding, *waiting)
        await turn(room)
        assert not room.delays._lines

    run(scenario())


def test_places_with_failures_take_turns_and_others_do_not_wait() -> None:
    async def scenario() -> None:
        room = Room()
        for number in range(3):
            await room.fail(1, peer=f"192.0.2.{number}")
        inside = asyncio.Event()
        leave = asyncio.Event()

        async def first() -> None:
            async with room.delays.turn(ADDRESS, "192.0.2.0"):
                inside.set()
                await leave.wait()

        holding = asyncio.create_task(first())
        await inside.wait()
        waiting = [asyncio.create_task(turn(room, peer=f"192.0.2.{number}")) for number in (1, 2)]
        await turn(room, peer="203.0.113.1")
        room.delays.succeeded(ADDRESS, "192.0.2.1")
        await turn(room, peer="192.0.2.1")
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        leave.set()
        await asyncio.gather(holding, *waiting)

    run(scenario())
