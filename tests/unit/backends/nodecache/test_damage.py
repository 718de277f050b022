"""The body cache of a node is never wrong and never in the way, whatever becomes of its disk."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from lightmail.backends.nodecache import CachedBlobs
from lightmail.backends.nodecache.extents import BLOCK_OCTETS
from lightmail.backends.nodecache.usage import charge
from lightmail.ports.blobs import BlobNotFound
from tests.support.eventually import eventually
from tests.unit.backends.nodecache.house import (
    Distant,
    count_again,
    files,
    noise,
    octets_on_disk,
    on_cache,
    settled,
)


@pytest.mark.parametrize("damage", ["flipped", "head", "short", "long", "empty", "zeros"])
@pytest.mark.parametrize("start", [0, 300_000])
def test_a_damaged_file_is_noticed_and_fetched_anew(tmp_path: Path, damage: str, start: int) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(500_000)
        await distant.put("ab/one", octets)
        await blobs.read("ab/one", start, 200_000)
        await settled(blobs)
        (path,) = files(tmp_path)
        whole = bytearray(path.read_bytes())
        whole[-150_000 if damage == "flipped" else 9] ^= 1
        path.write_bytes(
            {
                "flipped": bytes(whole),
                "head": bytes(whole),
                "short": path.read_bytes()[:-1],
                "long": path.read_bytes() + b"x",
                "empty": b"",
                "zeros": bytes(len(whole)),
            }[damage]
        )
        at = start + 10_000
        assert blobs.read_nowait("ab/one", at, 100_000) is None
        assert await blobs.read("ab/one", at, 100_000) == octets[at : at + 100_000]
        assert distant.requests[-1] == ("ab/one", at, 100_000)
        await settled(blobs)
        assert await blobs.read("ab/one", at, 100_000) == octets[at : at + 100_000]
        assert len(distant.requests) == 2
        assert blobs._shelf.damaged == 1
        assert blobs._shelf.octets() == octets_on_disk(tmp_path) or damage not in ("flipped", "zeros", "head")

    with structlog.testing.capture_logs() as logs:
        on_cache(tmp_path, test)
    assert [line["event"] for line in logs] == ["a cached body was damaged; it is fetched again"]


def test_a_sound_block_of_a_damaged_file_is_served(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(500_000)
        await distant.put("ab/one", octets)
        await blobs.read("ab/one", 0, 500_000)
        await settled(blobs)
        (path,) = files(tmp_path)
        whole = bytearray(path.read_bytes())
        whole[-10] ^= 1
        path.write_bytes(whole)
        assert await blobs.read("ab/one", 0, BLOCK_OCTETS) == octets[:BLOCK_OCTETS]
        assert len(distant.requests) == 1

    on_cache(tmp_path, test)


def test_the_folder_may_be_emptied_at_any_time(tmp_path: Path) -> None:
    folder = tmp_path / "cache"

    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(600_000)
        await distant.put("ab/large", octets)
        for _ in range(3):
            await blobs.put("ab/small", b"octets")
            for start in (0, 300_000):
                assert await blobs.read("ab/large", start, 100_000) == octets[start : start + 100_000]
            await settled(blobs)
            assert len(files(folder)) in (0, 3), "the first after an emptying only counts"
            shutil.rmtree(folder)
            assert await blobs.read("ab/small", 0, 100) == b"octets"
            assert blobs.read_nowait("ab/large", 300_000, 10) is None
            await settled(blobs)

    on_cache(folder, test)


@pytest.mark.parametrize("call", ["write", "rename", "open", "listdir", "scandir"])
def test_a_disk_that_fails_costs_the_cache_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    real = getattr(os, call)

    def fails(*args: object, **kwargs: object) -> object:
        # Only ours: other parts of the program may open files meanwhile.
        if call == "write" or str(tmp_path) in str(args[0]):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **kwargs)

    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        octets = noise(600_000)
        await blobs.put("ab/before", b"octets")
        await settled(blobs)
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fails)
            for number in range(5):
                await blobs.put(f"ab/{number}", octets[:100_000])
                assert await blobs.read(f"ab/{number}", 0, 100_000) == octets[:100_000]
                assert await blobs.read("ab/before", 0, 100) == b"octets"
                await settled(blobs)
            await blobs.delete(["ab/4"])
        assert await blobs.read("ab/3", 0, 100_000) == octets[:100_000]
        await settled(blobs)
        await blobs.put("ab/after", b"octets")
        await settled(blobs)
        assert blobs.read_nowait("ab/after", 0, 6) == b"octets", "and it works again when the disk does"

    with structlog.testing.capture_logs() as logs:
        on_cache(tmp_path, test)
    assert len(logs) <= 1, "once in a while"
    assert [line["event"] for line in logs] == ["the body cache cannot use its disk"] or call in ("listdir", "scandir")


def test_a_folder_that_cannot_be_made_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        await blobs.put("ab/one", b"octets")
        await settled(blobs)
        assert await blobs.read("ab/one", 0, 6) == b"octets"
        await blobs.delete(["ab/one"])
        with pytest.raises(BlobNotFound):
            await blobs.read("ab/one", 0, 6)

    on_cache(tmp_path / "file" / "cache", test)


def test_leftovers_of_a_killed_process_go_in_time(tmp_path: Path) -> None:
    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        old, young = (tmp_path / "objects" / "00" / name for name in (".old", ".young"))
        for path in (old, young):
            path.write_bytes(bytes(10_000))
        os.utime(old, (1, 1))
        count_again(tmp_path)
        blobs._shelf.make_room()
        assert files(tmp_path) == [young]
        assert blobs._shelf.octets() == charge(10_000)

    on_cache(tmp_path, test)


_WRITER = """
import asyncio, random, sys
from pathlib import Path
from lightmail.backends.memory import MemoryBlobs
from lightmail.backends.nodecache import CachedBlobs

async def write():
    blobs = await CachedBlobs.open(MemoryBlobs(), Path(sys.argv[1]), 20_000_000)
    print("ready", flush=True)
    number = 0
    while True:
        number = (number + 1) % 200
        await blobs.put(f"ab/{number}", random.Random(number).randbytes(20_000 + number * 500))
        if number % 10 == 0:
            # A loop that never waits leaves the thread that writes hardly any time.
            await blobs._keeper.settle()

asyncio.run(write())
"""


def test_kill_9_in_the_midst_of_writing_leaves_nothing_wrong(tmp_path: Path) -> None:
    for round_ in range(5):
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            try:
                assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
                wanted = 20 + 10 * round_
                # There is room for all 200, so that the wait has an end.
                assert eventually(lambda: len(files(tmp_path)) > wanted)  # noqa: B023  asked at once
            finally:
                writer.send_signal(signal.SIGKILL)

    async def test(blobs: CachedBlobs, distant: Distant) -> None:
        assert octets_on_disk(tmp_path) <= 20_000_000
        found = 0
        for number in range(200):
            octets = random.Random(number).randbytes(20_000 + number * 500)
            held = await asyncio.to_thread(blobs._shelf.read, f"ab/{number}", 0, len(octets))
            if held.parts:
                assert held.parts == [(0, octets)]
                found += 1
        assert found > 20 and blobs._shelf.damaged == 0
        for path in files(tmp_path):
            if path.name.startswith("."):
                os.utime(path, (1, 1))
        count_again(tmp_path)
        blobs._shelf.make_room()
        assert not [path for path in files(tmp_path) if path.name.startswith(".")]
        assert blobs._shelf.octets() == octets_on_disk(tmp_path)

    on_cache(tmp_path, test, octets=20_000_000)
