"""A cache in front of a store that is seen, held and made to fail."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from lightmail.backends.memory import MemoryBlobs
from lightmail.backends.nodecache import CachedBlobs
from lightmail.backends.nodecache.usage import charge
from lightmail.ports.blobs import BlobNotFound
from tests.support.aio import run

MEGABYTE = 1_000_000


class Distant(MemoryBlobs):
    """A store without anything at hand, that tells what it was asked for; requests wait while there is a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[str, int, int]] = []
        self.gate: asyncio.Event | None = None
        self.failure: Exception | None = None
        self.closed = False

    async def read(self, key: str, start: int, octets: int, *, account: int = 0) -> bytes:
        self.requests.append((key, start, octets))
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        found = self._objects.get(key)
        if found is None:
            raise BlobNotFound(key)
        return found[start : start + octets]

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        return None

    async def close(self) -> None:
        self.closed = True


def noise(octets: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(octets)


Test = Callable[[CachedBlobs, Distant], Awaitable[None]]


def on_cache(folder: Path, test: Test, *, octets: int = 100 * MEGABYTE, distant: Distant | None = None) -> None:
    async def with_cache() -> None:
        store = distant or Distant()
        blobs = await CachedBlobs.open(store, folder, octets)
        try:
            await test(blobs, store)
        finally:
            await blobs.close()
        assert store.closed

    run(with_cache())


async def settled(blobs: CachedBlobs) -> None:
    """What is on its way to the disk is there."""
    await blobs._keeper.settle()


async def again(folder: Path, distant: Distant, octets: int = 100 * MEGABYTE) -> CachedBlobs:
    """Another process of the node."""
    return await CachedBlobs.open(distant, folder, octets)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "objects").rglob("*") if path.is_file())


def count_again(folder: Path) -> None:
    """A day has passed since the files were counted."""
    os.utime(folder / "evictor", (1, 1))


def octets_on_disk(folder: Path) -> int:
    octets = 0
    for path in files(folder):
        # It may be evicted between the two looks.
        with contextlib.suppress(FileNotFoundError):
            octets += charge(path.stat().st_size)
    return octets


async def until(holds: Callable[[], bool]) -> None:
    """Until threads and tasks have brought it about."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  threads have no events for this
            await asyncio.sleep(0.001)
