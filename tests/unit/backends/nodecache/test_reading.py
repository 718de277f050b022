"""The body cache of a node: what is fetched, and how often."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lightmail.backends.nodecache import CachedBlobs
from lightmail.backends.nodecache.usage import charge
from lightmail.errors import Unavailable
from lightmail.obs.metrics import Counts, families
from lightmail.ports.blobs import BlobNotFound
from tests.unit.backends.nodecache.house import (
    MEGABYTE,
    Distant,
    again,
    noise,
    on_cache,
    settled,
    until,
)


def test_what_was_read_is_read_from_here(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(300_000)
        await distant.put("ab/one", octets)
        for _ in range(3):
            assert await blobs.read("ab/one", 0, 300_000) == octets
            await settled(blobs)
        assert await blobs.read("ab/one", 100_000, 70_000) == octets[100_000:170_000]
        assert distant.requests == [("ab/one", 0, 300_000)]
        assert blobs.read_nowait("ab/one", 65_000, 1_000) == octets[65_000:66_000]
        assert (blobs.misses, blobs.hits) == (1, 4)

    on_cache(tmp_path, test)


def test_it_survives_a_restart_and_serves_all_processes(tmp_path: Path) -> None:
    distant = Distant()
    octets = noise(500_000)

    async def fill(blobs: CachedBlobs, _: Distant) -> None:
        await distant.put("ab/one", octets)
        other = await again(tmp_path, distant)
        assert await blobs.read("ab/one", 0, 100_000) == octets[:100_000]
        assert await blobs.read("ab/one", 250_000, 50_000) == octets[250_000:300_000]
        await settled(blobs)
        assert await other.read("ab/one", 10, 90_000) == octets[10:90_010]
        assert other.read_nowait("ab/one", 20, 90_000) == octets[20:90_020]
        assert await other.read("ab/one", 260_000, 10) == octets[260_000:260_010]
        assert other.read_nowait("ab/one", 270_000, 10) == octets[270_000:270_010], "it has learned what there is"
        await other.close()

    async def look(blobs: CachedBlobs, _: Distant) -> None:
        assert blobs.read_nowait("ab/one", 0, 100_000) == octets[:100_000]
        assert await blobs.read("ab/one", 250_000, 50_000) == octets[250_000:300_000]

    on_cache(tmp_path, fill, distant=distant)
    on_cache(tmp_path, look, distant=distant)
    assert len(distant.requests) == 2


def test_only_what_is_missing_is_fetched(tmp_path: Path) -> None:
    """Law 5: no wider than asked for."""

    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(2 * MEGABYTE)
        await distant.put("ab/one", octets)
        for start, count in ((400_000, 200_000), (1_000_000, 300_000)):
            assert await blobs.read("ab/one", start, count) == octets[start : start + count]
            await settled(blobs)
        distant.requests.clear()
        assert await blobs.read("ab/one", 300_000, 1_100_000) == octets[300_000:1_400_000]
        assert sorted(distant.requests) == [
            ("ab/one", 300_000, 100_000),
            ("ab/one", 600_000, 400_000),
            ("ab/one", 1_300_000, 100_000),
        ]
        await settled(blobs)
        distant.requests.clear()
        assert await blobs.read("ab/one", 300_000, 1_100_000) == octets[300_000:1_400_000]
        assert distant.requests == []

    on_cache(tmp_path, test)


def test_crumbs_between_gaps_are_not_worth_a_request(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(300_000)
        await distant.put("ab/one", octets)
        for start in (50_000, 100_000, 200_000):
            await blobs.read("ab/one", start, 1_000)
            await settled(blobs)
        distant.requests.clear()
        assert await blobs.read("ab/one", 0, 300_000) == octets
        assert distant.requests == [("ab/one", 0, 300_000)]

    on_cache(tmp_path, test)


def test_the_end_of_an_object_is_remembered(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        await distant.put("ab/one", b"0123456789")
        assert await blobs.read("ab/one", 4, 100) == b"456789"
        await settled(blobs)
        distant.requests.clear()
        assert await blobs.read("ab/one", 5, 1_000) == b"56789" == blobs.read_nowait("ab/one", 5, 50)
        assert await blobs.read("ab/one", 10, 5) == b"" == await blobs.read("ab/one", 12, 5)
        assert distant.requests == []
        assert await blobs.read("ab/one", 0, 100) == b"0123456789"
        assert distant.requests == [("ab/one", 0, 4)]

    on_cache(tmp_path, test)


def test_readers_of_one_range_share_one_request(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        await distant.put("ab/one", b"octets")
        distant.gate = asyncio.Event()
        readers = [asyncio.create_task(blobs.read("ab/one", 0, 6)) for _ in range(50)]
        await until(lambda: len(distant.requests) == 1)
        readers[0].cancel()
        readers[7].cancel()
        await asyncio.wait([readers[0], readers[7]])
        distant.gate.set()
        answers = await asyncio.gather(*readers, return_exceptions=True)
        assert [answer for answer in answers if not isinstance(answer, asyncio.CancelledError)] == [b"octets"] * 48
        assert len(distant.requests) == 1

    on_cache(tmp_path, test)


def test_a_request_that_nobody_waits_for_is_given_up(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        await distant.put("ab/one", b"octets")
        distant.gate = asyncio.Event()
        readers = [asyncio.create_task(blobs.read("ab/one", 0, 6)) for _ in range(2)]
        await until(lambda: len(distant.requests) == 1)
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
        await until(lambda: len(asyncio.all_tasks()) == 1)
        distant.gate = None
        assert await blobs.read("ab/one", 0, 6) == b"octets"

    on_cache(tmp_path, test)


def test_failures_are_told_to_all_and_not_kept(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(900_000)
        distant.failure = Unavailable("the body store")
        answers = await asyncio.gather(*(blobs.read("ab/one", 0, 6) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in answers)
        distant.failure = None
        with pytest.raises(BlobNotFound):
            await blobs.read("ab/one", 0, 6)
        await distant.put("ab/one", octets)
        assert await blobs.read("ab/one", 300_000, 300_000) == octets[300_000:600_000]
        await settled(blobs)
        distant.failure = Unavailable("the body store")
        with pytest.raises(Unavailable):
            await blobs.read("ab/one", 0, 900_000)
        assert await blobs.read("ab/one", 400_000, 10) == octets[400_000:400_010], "what is here is served"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    on_cache(tmp_path, test)


def test_it_tells_its_numbers(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        numbers = Counts()
        blobs.count(numbers)
        await distant.put("ab/one", bytes(50_000))
        for _ in range(3):
            await blobs.read("ab/one", 0, 50_000)
            await settled(blobs)
        told = {family.name: family.numbers for family in families(numbers)}
        assert told["cache_hits"] == ((("node",), 2),)
        assert told["cache_misses"] == ((("node",), 1),)
        assert told["cache_evictions"] == ((("node",), 0),)
        assert told["node_cache_octets"] == (((), charge(50_029)),)

    on_cache(tmp_path, test)
