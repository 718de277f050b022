"""The body cache of a node stays within its bound, whoever writes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from lightmail.backends.nodecache import CachedBlobs, eviction
from tests.unit.backends.nodecache.house import (
    MEGABYTE,
    Distant,
    again,
    count_again,
    files,
    noise,
    octets_on_disk,
    on_cache,
    settled,
)


def test_it_stays_within_its_bound(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        other = await again(tmp_path, distant, 2 * MEGABYTE)
        for number in range(120):
            await (blobs, other)[number % 2].put(f"{number:02x}/x", noise(50_000, number))
            if number % 7 == 0:
                assert octets_on_disk(tmp_path) <= 2 * MEGABYTE
        await settled(blobs)
        await settled(other)
        held = octets_on_disk(tmp_path)
        assert MEGABYTE < held <= 2 * MEGABYTE
        assert held <= blobs._shelf.octets() <= 2 * MEGABYTE, "nothing is forgotten in the count"
        for number in range(120):
            assert await blobs.read(f"{number:02x}/x", 0, 50_000) == noise(50_000, number)
        await other.close()

    on_cache(tmp_path, test, octets=2 * MEGABYTE)


def test_what_was_not_read_for_longest_goes_first(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        for number in range(16):
            await blobs.put(f"ab/{number}", bytes(50_000))
            await settled(blobs)
        for number in range(16):
            _age(tmp_path, f"ab+{number}", seconds=1_000 - number)
        for number in (0, 1, 2):
            await blobs.read(f"ab/{number}", 0, 50_000)
        for number in range(16, 24):
            await blobs.put(f"ab/{number}", bytes(50_000))
            await settled(blobs)
        left = {int(path.name.partition("+")[2]) for path in files(tmp_path)}
        assert {0, 1, 2, 22, 23} <= left
        gone = set(range(24)) - left
        assert gone == set(range(3, 3 + len(gone))) and gone

    on_cache(tmp_path, test, octets=MEGABYTE)


def test_an_object_too_large_for_the_cache_is_not_kept(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        await distant.put("ab/one", bytes(600_000))
        assert len(await blobs.read("ab/one", 0, 600_000)) == 600_000
        await settled(blobs)
        assert files(tmp_path) == []

    on_cache(tmp_path, test, octets=MEGABYTE)


def test_a_smaller_bound_is_met_at_the_next_start(tmp_path: Path) -> None:
    async def fill(blobs: CachedBlobs, distant: Distant) -> None:
        for number in range(30):
            await blobs.put(f"ab/{number}", bytes(50_000))

    async def look(blobs: CachedBlobs, distant: Distant) -> None:
        assert octets_on_disk(tmp_path) <= MEGABYTE
        assert octets_on_disk(tmp_path) == blobs._shelf.octets()

    on_cache(tmp_path, fill, octets=10 * MEGABYTE)
    on_cache(tmp_path, look, octets=MEGABYTE)


def test_a_lost_count_is_made_again(tmp_path: Path) -> None:
    async def fill(blobs: CachedBlobs, distant: Distant) -> None:
        for number in range(30):
            await blobs.put(f"ab/{number}", bytes(50_000))

    async def look(blobs: CachedBlobs, distant: Distant) -> None:
        assert octets_on_disk(tmp_path) == blobs._shelf.octets() > 30 * 50_000
        (tmp_path / "usage").unlink()
        await blobs.put("ab/new", b"octets")
        await settled(blobs)
        assert octets_on_disk(tmp_path) == blobs._shelf.octets()

    on_cache(tmp_path, fill)
    (tmp_path / "usage").write_bytes(b"")
    on_cache(tmp_path, look)


def test_one_process_at_a_time_makes_room(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        for number in range(15):
            await blobs.put(f"ab/{number}", bytes(50_000))
        await settled(blobs)
        fd = os.open(tmp_path / "evictor", os.O_RDWR | os.O_CREAT)
        fcntl.flock(fd, fcntl.LOCK_EX)
        for number in range(15, 40):
            await blobs.put(f"ab/{number}", bytes(50_000))
        await settled(blobs)
        assert blobs._shelf.evictor.evicted == 0 and octets_on_disk(tmp_path) <= MEGABYTE
        os.close(fd)
        await blobs.put("ab/next", bytes(50_000))
        await settled(blobs)
        assert blobs._shelf.evictor.evicted > 0

    on_cache(tmp_path, test, octets=MEGABYTE)


def test_of_many_files_some_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of each sample go, and the number of octets in use stays right without a look at the others."""
    monkeypatch.setattr(eviction, "SAMPLE_FILES", 32)

    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        for number in range(200):
            await blobs.put(f"ab/{number}", bytes(4_000))
        await settled(blobs)
        for path in files(tmp_path):
            _age(tmp_path, path.name, seconds=10_000 - int(path.name.partition("+")[2]))
        for number in range(200, 400):
            await blobs.put(f"ab/{number}", bytes(4_000))
            if number % 5 == 0:
                await settled(blobs)
                assert octets_on_disk(tmp_path) == blobs._shelf.octets() <= MEGABYTE
        await settled(blobs)
        left = {int(path.name.partition("+")[2]) for path in files(tmp_path)}
        gone = set(range(400)) - left
        assert blobs._shelf.evictor.evicted == len(gone) > 100
        assert sum(number < 200 for number in gone) > 0.9 * len(gone)

    on_cache(tmp_path, test, octets=MEGABYTE)


def test_what_was_removed_by_hand_makes_room(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        for number in range(100):
            await blobs.put(f"ab/{number}", bytes(8_000))
        await settled(blobs)
        for path in files(tmp_path)[:60]:
            path.unlink()
        for number in range(100, 125):
            await blobs.put(f"ab/{number}", bytes(8_000))
            await settled(blobs)
        assert blobs._shelf.evictor.evicted == 0
        assert blobs._shelf.octets() == octets_on_disk(tmp_path)
        assert len(files(tmp_path)) == 65

    on_cache(tmp_path, test, octets=MEGABYTE)


def test_files_are_counted_once_a_day(tmp_path: Path) -> None:
    """What killed processes had taken room for comes back."""

    async def fill(blobs: CachedBlobs, distant: Distant) -> None:
        for number in range(10):
            await blobs.put(f"ab/{number}", bytes(4_000))
        await settled(blobs)
        assert blobs._shelf.usage.take([300_000]) == 1
        assert blobs._shelf.octets() > octets_on_disk(tmp_path)

    async def look(blobs: CachedBlobs, distant: Distant) -> None:
        assert blobs._shelf.octets() == octets_on_disk(tmp_path)

    on_cache(tmp_path, fill, octets=MEGABYTE)
    count_again(tmp_path)
    on_cache(tmp_path, look, octets=MEGABYTE)


def test_extents_of_large_objects_go_one_by_one_and_their_folder_with_the_last(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(3 * MEGABYTE)
        await distant.put("ab/one", octets)
        for start in range(0, 3 * MEGABYTE, 150_000):
            assert await blobs.read("ab/one", start, 100_000) == octets[start : start + 100_000]
            await settled(blobs)
        assert octets_on_disk(tmp_path) <= MEGABYTE and blobs._shelf.evictor.evicted > 0
        for number in range(30):
            await blobs.put(f"cd/{number}", bytes(50_000))
            await settled(blobs)
        assert list((tmp_path / "objects").rglob("*@")) == []
        assert await blobs.read("ab/one", 0, 3 * MEGABYTE) == octets

    on_cache(tmp_path, test, octets=MEGABYTE)


def _age(folder: Path, name: str, *, seconds: float) -> None:
    (path,) = [path for path in files(folder) if path.name == name]
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))
