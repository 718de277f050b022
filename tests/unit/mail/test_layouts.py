"""Seek tables: who knows one asks the body store for octets only (law 5)."""

from __future__ import annotations

import random
from contextlib import aclosing

import pytest

from lightmail._core.frames import TAIL_OCTETS
from lightmail.errors import BodyCorrupt, BodyMissing
from lightmail.model import BodyId
from tests.support.aio import run
from tests.support.caches import DictCache
from tests.unit.mail.house import House, message_octets


def large(octets: int = 3_000_000) -> bytes:
    return message_octets(1) + random.Random(1).randbytes(octets)


def reads(house: House) -> list[tuple[int, int]]:
    """The ranges that are going to be read of objects."""
    ranges: list[tuple[int, int]] = []
    house.blobs.on("read", lambda key, start, octets: ranges.append((start, octets)))
    return ranges


async def whole(house: House, body_id: BodyId) -> bytes:
    async with aclosing(house.mail.bodies.stream(body_id, 0, 2**40)) as chunks:
        return b"".join([chunk async for chunk in chunks])


def test_who_has_stored_a_body_knows_its_table() -> None:
    async def scenario() -> None:
        house = await House.build()
        octets = large()
        body_id = await house.stored(octets)
        house.blobs.never_now = True
        ranges = reads(house)
        assert await house.mail.bodies.read(body_id, 1_000_000, 100) == octets[1_000_000:1_000_100]
        assert len(ranges) == 1
        await house.close()

    run(scenario())


def test_other_nodes_are_told() -> None:
    async def scenario() -> None:
        cache = DictCache()
        house = await House.build(cache=cache)
        octets = large()
        body_id = await house.stored(octets)
        assert [len(table) <= 1_000 for table in cache.values.values()] == [True], "a table, not a tail"
        fresh = await house.again(slow_bodies=True)
        ranges = reads(fresh)
        assert await whole(fresh, body_id) == octets
        assert sum(count for _, count in ranges) < len(octets) + 1_000
        assert [start for start, _ in ranges] == sorted(start for start, _ in ranges), "no look at the end first"
        asked = cache.asked
        assert await whole(fresh, body_id) == octets
        assert cache.asked == asked, "a node asks once"
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_table_that_nobody_knows_is_read_once_for_all_nodes() -> None:
    async def scenario() -> None:
        cache = DictCache()
        house = await House.build(cache=cache)
        octets = large()
        body_id = await house.stored(octets)
        cache.values.clear()
        for requests in (2, 1):
            fresh = await house.again(slow_bodies=True)
            ranges = reads(fresh)
            assert await fresh.mail.bodies.read(body_id, 1_000_000, 100) == octets[1_000_000:1_000_100]
            assert len(ranges) == requests
            await fresh.close()
        await house.close()

    run(scenario())


@pytest.mark.parametrize("lie", [b"", b"x", b"x" * 100, bytes(5_000)])
def test_a_shared_table_that_does_not_fit_is_not_believed(lie: bytes) -> None:
    async def scenario() -> None:
        cache = DictCache()
        house = await House.build(cache=cache)
        octets = large()
        body_id = await house.stored(octets)
        cache.values = dict.fromkeys(cache.values, lie)
        fresh = await house.again(slow_bodies=True)
        assert await fresh.mail.bodies.read(body_id, 1_000_000, 100) == octets[1_000_000:1_000_100]
        assert lie not in cache.values.values(), "and is put right"
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_table_longer_than_a_tail() -> None:
    """Beyond 60 MiB; there are bodies of many small frames as well."""

    async def scenario() -> None:
        cache = DictCache()
        house = await House.build(cache=cache, message_octets=80_000_000)
        octets = message_octets(1) + bytes(70_000_000)
        body_id = await house.stored(octets)
        assert cache.values == {}, "not a small value"
        fresh = await house.again(slow_bodies=True)
        ranges = reads(fresh)
        assert await fresh.mail.bodies.read(body_id, 60_000_000, 100) == bytes(100)
        assert ranges[0][1] == TAIL_OCTETS and len(ranges) == 3
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_body_without_a_table_is_damaged_or_missing() -> None:
    async def scenario() -> None:
        house = await House.build()
        body_id = await house.stored(large())
        (key,) = await house.objects()
        (location,) = await house.metadata.body_locations([body_id])
        for stored, error in (
            (bytes(location.stored_octets), BodyCorrupt),
            (b"short", BodyCorrupt),
            (None, BodyMissing),
        ):
            await house.blobs.delete([key])
            if stored is not None:
                await house.blobs.put(key, stored)
            fresh = await house.again()
            with pytest.raises(error):
                await fresh.mail.bodies.read(body_id, 0, 10)
            await fresh.close()
        await house.close()

    run(scenario())
