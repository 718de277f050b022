"""Connections and commands of addresses, users and networks."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from lightmail.auth.client_limits import MAX_DELAY_S, ClientLimits, Seat, address_block
from lightmail.backends.local import SharedTally
from lightmail.config import Limits
from lightmail.errors import LimitExceeded
from lightmail.obs.metrics import Counts
from tests.support.aio import run
from tests.support.backends import HandClock


class Room:
    def __init__(self, **limits: Any) -> None:
        self.clock = HandClock()
        self.counts = Counts()
        self.limits = ClientLimits(Limits(**{"networks": {}, **limits}), SharedTally(self.clock), self.counts)

    def enter(self, host: str | None, times: int = 1) -> list[Seat]:
        return [self.limits.enter(host) for _ in range(times)]


def refused(seats: list[Seat]) -> list[bool]:
    return [bool(seat.refusal) for seat in seats]


@pytest.mark.parametrize(
    ("host", "block"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::", "2001:db8::/64"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
    ],
)
def test_what_counts_as_one_address(host: str, block: str) -> None:
    assert address_block(host) == block


def test_connections_of_an_address() -> None:
    room = Room(address_connections=2)
    seats = room.enter("192.0.2.1", 3)
    assert refused(seats) == [False, False, True]
    assert seats[2].refusal == "Too many connections from your network"
    assert refused(room.enter("192.0.2.2", 2)) == [False, False]
    for seat in seats:
        seat.leave()
        seat.leave()
    assert refused(room.enter("192.0.2.1", 3)) == [False, False, True]
    assert room.counts.refused == {"address": 2}


def test_64_bits_of_an_ipv6_address_count_as_one() -> None:
    room = Room(address_connections=2)
    assert refused([room.limits.enter(f"2001:db8::{number}") for number in range(1, 4)]) == [False, False, True]
    assert refused(room.enter("2001:db8:0:1::1")) == [False]


def test_unix_sockets_have_no_address() -> None:
    assert refused(Room(address_connections=1).enter(None, 5)) == [False] * 5


def test_connections_of_a_network() -> None:
    """The smallest one that an address is in."""
    room = Room(
        networks={
            "192.0.2.0/24": "connections=3",
            "192.0.2.128/25": "connections=1",
            "2001:db8::/32": "connections=1",
            "198.51.100.0/24": "unlimited",
        },
        address_connections=2,
    )
    assert refused(room.enter("192.0.2.1", 2) + room.enter("192.0.2.2", 2)) == [False, False, False, True]
    assert refused(room.enter("192.0.2.129") + room.enter("192.0.2.130")) == [False, True]
    assert refused(room.enter("2001:db8:1::1") + room.enter("2001:db8:2::1")) == [False, True]
    assert refused(room.enter("198.51.100.1", 5)) == [False] * 5
    assert room.counts.refused == {"network limit": 3}


def test_connections_of_a_user() -> None:
    room = Room(user_connections=1, networks={"198.51.100.0/24": "unlimited"})
    (one, other, webmail) = room.enter("192.0.2.1") + room.enter("192.0.2.2") + room.enter("198.51.100.1")
    one.log_in(7, "pat@example.org")
    with pytest.raises(LimitExceeded, match="connections of this account: the limit is 1"):
        other.log_in(7, "pat@example.org")
    webmail.log_in(7, "pat@example.org")
    other.log_in(8, "kim@example.org")
    one.log_out()
    other.leave()
    (another,) = room.enter("192.0.2.3")
    another.log_in(7, "pat@example.org")
    assert room.counts.refused == {"user": 1}


def test_a_limit_is_told_once_a_minute() -> None:
    room = Room(address_connections=1)
    with structlog.testing.capture_logs() as logs:
        room.enter("192.0.2.1", 9)
        room.enter("192.0.2.2", 9)
        assert [line["peer"] for line in logs] == ["192.0.2.1", "192.0.2.2"]
        room.clock.now += 120
        room.enter("192.0.2.1", 9)
    assert len(logs) == 3
    assert logs[0] == {
        "event": "too many connections",
        "of": "address",
        "peer": "192.0.2.1",
        "log_level": "warning",
    }


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long commands were held back, which they are not here."""
    found: list[float] = []

    async def sleep(delay_s: float) -> None:
        found.append(delay_s)

    monkeypatch.setattr("lightmail.auth.client_limits.asyncio.sleep", sleep)
    return found


def test_commands_are_answered_later_and_later(waits: list[float]) -> None:
    async def scenario() -> None:
        room = Room(user_commands_per_minute=60)
        one, other, nobody = room.enter("192.0.2.1", 3)
        assert not one.metered
        one.log_in(7, "pat@example.org")
        other.log_in(7, "pat@example.org")
        assert one.metered and not nobody.metered
        for _ in range(30):
            await one.command()
            await other.command()
        assert waits == []
        await one.command()
        await other.command()
        assert waits == [1.0, 2.0]
        for _ in range(100):
            await one.command()
        assert waits[-1] == MAX_DELAY_S
        assert room.counts.delayed == {"command": 102}
        room.clock.now += 120
        waits.clear()
        await one.command()
        assert waits == []
        one.log_out()
        assert not one.metered

    run(scenario())


def test_commands_of_addresses_and_networks(waits: list[float]) -> None:
    async def scenario() -> None:
        room = Room(address_commands_per_minute=2, networks={"192.0.2.0/24": "commands=3", "10.0.0.0/8": "unlimited"})
        one, other = room.enter("192.0.2.1") + room.enter("192.0.2.2")
        await one.command()
        await one.command()
        await other.command()
        assert waits == []
        await other.command()
        assert waits == [MAX_DELAY_S], "a third of a minute is too long"
        assert not room.enter("10.0.0.1")[0].metered

    run(scenario())
