"""A partial FETCH of a large body reads the frames that it needs, and each of them once (law 5)."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lightmail.auth.passwords import Passwords
from lightmail.model import NewMessage
from tests.cost.budgets import RANGES, Range
from tests.cost.house import MeteredHouse, metered
from tests.cost.places import Embedded, Place, Production
from tests.support.aio import run
from tests.support.services import Services
from tests.unit.imap.desk import CHEAP, PASSWORD, USER, Client
from tests.unit.mail.house import message_octets

OCTETS = 10_000_000


@pytest.fixture(scope="module")
def large() -> bytes:
    """A message that does not compress."""
    return message_octets() + random.Random(6).randbytes(OCTETS)


@asynccontextmanager
async def reader_of(octets: bytes, place: Place) -> AsyncIterator[tuple[MeteredHouse, Client]]:
    """A client that has selected a mailbox with this message alone, on a server that has just been started."""
    async with metered(place) as house:
        user = await house.mail.accounts.create(USER.decode(), Passwords(CHEAP).hash(PASSWORD))
        inbox = await house.mail.mailboxes.get(user.id, "INBOX")
        incoming = house.mail.bodies.receive()
        await incoming.write(octets)
        await house.mail.append([NewMessage(inbox.id, await incoming.finish(), (), 900_000_000, 0, 900_000_000)])
    async with metered(place) as house:
        client = house.desk.connect(tls=True)
        assert b"s OK" in await client.say(b"l LOGIN %s %s" % (USER, PASSWORD), b"s SELECT INBOX")
        yield house, client
        await client.hang_up()


async def check(budget: Range, octets: bytes, place: Place) -> None:
    async with reader_of(octets, place) as (house, client):
        before = house.reading()
        for number in range(budget.times):
            start = budget.start + number * budget.octets
            answer = await client.say(b"t FETCH 1 (BODY.PEEK[]<%d.%d>)" % (start, budget.octets))
            assert octets[start : start + budget.octets] in answer
        cost = house.since(before)
    assert cost.octets_read <= budget.most_octets_read
    assert cost.requests["read"] <= budget.most_requests
    assert sum(cost.objects.values()) <= budget.most_requests


@pytest.mark.parametrize("budget", RANGES, ids=lambda budget: budget.what)
def test_octets_read_for_a_range(budget: Range, large: bytes, tmp_path: Path) -> None:
    run(check(budget, large, Embedded(tmp_path)))


@pytest.mark.parametrize("budget", RANGES, ids=lambda budget: budget.what)
def test_octets_read_for_a_range_in_production(budget: Range, large: bytes, services: Services) -> None:
    async def measure() -> None:
        await check(budget, large, await Production.make(services))

    run(measure())
