"""The body cache of a node: what is kept of what is written, and what leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lightmail.backends.nodecache import CachedBlobs, keeping
from lightmail.errors import Unavailable
from lightmail.ports.blobs import BlobNotFound
from tests.unit.backends.nodecache.house import (
    Distant,
    files,
    noise,
    on_cache,
    settled,
    until,
)


def test_a_small_body_is_here_once_it_is_stored(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        await blobs.put("ab/one", b"just delivered")
        assert blobs.read_nowait("ab/one", 5, 100) == b"delivered"
        assert await blobs.read("ab/one", 0, 14) == b"just delivered"
        await settled(blobs)
        assert blobs.read_nowait("ab/one", 5, 100) == b"delivered"
        assert await blobs.read("ab/one", 5, 100) == b"delivered"
        assert distant.requests == []
        assert await distant.read("ab/one", 0, 100) == b"just delivered"

    on_cache(tmp_path, test)


def test_what_could_not_be_stored_is_not_here(tmp_path: Path) -> None:
    class Away(Distant):
        async def put(self, key: str, octets: bytes, **_: object) -> None:
            raise Unavailable("the body store")

    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        with pytest.raises(Unavailable):
            await blobs.put("ab/one", b"octets")
        assert blobs.read_nowait("ab/one", 0, 6) is None
        assert files(tmp_path) == []

    on_cache(tmp_path, test, distant=Away())


def test_streamed_bodies_are_kept_when_they_are_read(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        writer = await blobs.create("ab/one")
        await writer.write(noise(400_000))
        await writer.commit()
        await settled(blobs)
        assert files(tmp_path) == []
        assert await blobs.read("ab/one", 0, 400_000) == noise(400_000)

    on_cache(tmp_path, test)


def test_a_slow_disk_holds_little_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 7: what the disk does not take in time is let go."""
    monkeypatch.setattr(keeping, "MOST_WAITING_OCTETS", 1_000_000)

    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        for number in range(10):
            await blobs.put(f"ab/{number}", bytes(300_000))
        assert blobs._keeper.let_go == 2_100_000 and blobs._keeper.waiting_octets == 900_000
        await settled(blobs)
        await blobs.put("ab/last", bytes(300_000))
        assert blobs._keeper.let_go == 2_100_000

    on_cache(tmp_path, test)


def test_deleted_bodies_leave(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(600_000)
        await blobs.put("ab/small", b"octets")
        await distant.put("ab/large", octets)
        await blobs.read("ab/large", 0, 1_000)
        await blobs.read("ab/large", 300_000, 1_000)
        await settled(blobs)
        await blobs.put("ab/fresh", b"octets")
        await blobs.delete(["ab/small", "ab/large", "ab/fresh", "ab/none"])
        await settled(blobs)
        assert files(tmp_path) == [] and blobs._shelf.octets() == 0
        for key in ("ab/small", "ab/large", "ab/fresh"):
            assert blobs.read_nowait(key, 0, 1) is None
            with pytest.raises(BlobNotFound):
                await blobs.read(key, 0, 1)

    on_cache(tmp_path, test)


def test_a_body_deleted_while_it_is_fetched_is_not_kept(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        await distant.put("ab/one", b"octets")
        distant.gate = asyncio.Event()
        reader = asyncio.create_task(blobs.read("ab/one", 0, 6))
        await until(lambda: len(distant.requests) == 1)
        found = distant._objects["ab/one"]
        await blobs.delete(["ab/one"])
        distant._objects["ab/one"] = found
        distant.gate.set()
        assert await reader == b"octets"
        await settled(blobs)
        assert files(tmp_path) == []

    on_cache(tmp_path, test)
