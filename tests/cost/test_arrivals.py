"""A message on its way in: one PUT and one transaction, however many it is for; a large one is never whole in memory."""

from __future__ import annotations

import asyncio
import base64
import random
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lightmail.auth.passwords import Passwords
from lightmail.lmtp.server import LmtpServer
from tests.cost.budgets import APPEND_BLOCK_OCTETS, APPEND_PEAK_OCTETS, APPENDS, CATENATE, DELIVERIES, Arrival
from tests.cost.house import Cost, MeteredHouse, metered
from tests.cost.places import Embedded, Place, Production
from tests.support.aio import run
from tests.support.services import Services
from tests.unit.imap.desk import CHEAP, PASSWORD, USER, Client
from tests.unit.mail.house import message_octets

PIECE_OCTETS = 65_536


@asynccontextmanager
async def house_of(place: Place, *addresses: str) -> AsyncIterator[MeteredHouse]:
    async with metered(place) as house:
        for address in addresses:
            await house.mail.accounts.create(address, Passwords(CHEAP).hash(PASSWORD))
        yield house


async def login(house: MeteredHouse) -> Client:
    client = house.desk.connect(tls=True)
    assert b"OK" in await client.say(b"l LOGIN %s %s" % (USER, PASSWORD))
    return client


async def append(client: Client, octets: bytes) -> bytes:
    """In pieces, as a socket gives them."""
    answer = await client.send(b"a APPEND INBOX {%d+}\r\n" % len(octets))
    for start in range(0, len(octets), PIECE_OCTETS):
        answer += await client.send(octets[start : start + PIECE_OCTETS])
    return answer + await client.send(b"\r\n")


@pytest.fixture(params=["embedded", "production"])
def place(request: pytest.FixtureRequest, tmp_path: Path, services: Services) -> Place:
    if request.param == "embedded":
        return Embedded(tmp_path)
    return run(Production.make(services))


def check(cost: Cost, arrival: Arrival, place: Place) -> None:
    statements, each = arrival.statements, arrival.per_recipient
    if isinstance(place, Production):
        statements, each = arrival.production, 0
        assert cost.objects == {"put": arrival.puts}
    assert (cost.statements, cost.transactions) == (statements + each * arrival.recipients, arrival.transactions)
    assert cost.requests == {"put": arrival.puts}


@pytest.mark.parametrize("arrival", APPENDS, ids=lambda arrival: arrival.what)
def test_cost_of_an_append(arrival: Arrival, place: Place) -> None:
    async def measure() -> None:
        async with house_of(place, USER.decode()) as house:
            client = await login(house)
            octets = message_octets(octets=arrival.octets)
            before = house.reading()
            assert b"a OK [APPENDUID" in await append(client, octets)
            cost = house.since(before)
            await client.hang_up()
        check(cost, arrival, place)

    run(measure())


def test_cost_of_a_catenate(place: Place) -> None:
    """All parts of one message cost one look at it; its octets are read as FETCH reads them, and stored in one PUT."""

    async def measure() -> None:
        async with house_of(place, USER.decode()) as house:
            client = await login(house)
            assert b"a OK [APPENDUID" in await append(client, message_octets(octets=CATENATE.octets))
            before = house.reading()
            sections = (b"HEADER", b"HEADER.FIELDS%20(From%20To)", b"TEXT", b"1/;PARTIAL=4000.1000")
            urls = b" ".join(b'URL "/INBOX/;UID=1/;SECTION=%b"' % section for section in sections)
            answer = await client.say(b"a APPEND INBOX CATENATE (%b TEXT {3+}\r\nend)" % urls)
            assert b"a OK [APPENDUID" in answer
            cost = house.since(before)
            await client.hang_up()
        statements = CATENATE.production if isinstance(place, Production) else CATENATE.statements
        assert (cost.statements, cost.transactions) == (statements, CATENATE.transactions)
        assert cost.requests["put"] == CATENATE.puts

    run(measure())


@pytest.mark.parametrize("arrival", DELIVERIES, ids=lambda arrival: arrival.what)
def test_cost_of_a_delivery(arrival: Arrival, place: Place) -> None:
    """Counted from DATA on: each RCPT is looked up for itself, one statement each."""
    addresses = [f"user{number}@example.org" for number in range(arrival.recipients)]

    async def measure() -> None:
        async with house_of(place, *addresses) as house:
            server = LmtpServer(mail=house.mail, config=house.config)
            listener = await asyncio.get_running_loop().create_server(server.connection, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname()[:2])

            async def say(octets: bytes, replies: int = 1) -> list[bytes]:
                """The last lines of so many replies."""
                writer.write(octets)
                found: list[bytes] = []
                while len(found) < replies:
                    line = await reader.readline()
                    assert line[:1] in b"23", line
                    if line[3:4] == b" ":
                        found.append(line)
                return found

            await say(b"", 1)
            await say(b"LHLO client.example\r\nMAIL FROM:<joe@example.com>\r\n", 2)
            before = house.reading()
            await say(b"".join(b"RCPT TO:<%s>\r\n" % address.encode() for address in addresses), len(addresses))
            looked_up = house.since(before)
            before = house.reading()
            await say(b"DATA\r\n")
            await say(message_octets(octets=arrival.octets) + b".\r\n", len(addresses))
            cost = house.since(before)
            writer.close()
            await writer.wait_closed()
            listener.close()
            await server.close(5.0)
        assert looked_up.statements == arrival.recipients
        check(cost, arrival, place)

    run(measure())


def test_a_large_append_is_streamed(tmp_path: Path) -> None:
    """10 MB that do not compress: what is held at any time is a small part of them (law 7)."""
    octets = message_octets() + _noise(10_000_000)

    async def measure() -> None:
        async with house_of(Embedded(tmp_path), USER.decode()) as house:
            client = await login(house)
            await client.send(b"a APPEND INBOX {%d+}\r\n" % len(octets))
            tracemalloc.start()
            try:
                for start in range(0, len(octets), PIECE_OCTETS):
                    await client.send(octets[start : start + PIECE_OCTETS])
                    arrived = start + PIECE_OCTETS
                    assert house.blobs.octets_in >= arrived * 0.7 - APPEND_PEAK_OCTETS
                answer = await client.send(b"\r\n")
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert b"a OK" in answer
            assert house.blobs.largest_write <= APPEND_BLOCK_OCTETS
            assert peak <= APPEND_PEAK_OCTETS
            await client.hang_up()

    run(measure())


def _noise(octets: int) -> bytes:
    """Lines of base64 of octets without a pattern."""
    return base64.encodebytes(random.Random(5).randbytes(octets * 3 // 4)).replace(b"\n", b"\r\n")
