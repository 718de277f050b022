"""The BlobStore in front of a distant one, with this node's disk in between.

Reading: what the disk has of a range comes from it, the rest from the distant store, as it was asked for and no wider
(law 5); readers of the same range at the same time share one request. Writing: the distant store alone makes a body
durable (law 1). A whole small body is kept here as well on its way, since mail that was just delivered is what
clients fetch next; streamed bodies are not: they would be written twice for the few that are read on this node.

Nothing waits for the disk to have kept something (see `keeping.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lightmail.backends.nodecache.cover import Cover
from lightmail.backends.nodecache.keeping import Keeper
from lightmail.backends.nodecache.shelf import Kept, Shelf
from lightmail.obs.metrics import Counts, counts
from lightmail.ports.blobs import NOTHING, BlobStore, BlobWriter, StoredObject

T = TypeVar("T")

READING_THREADS = 4


class _Range(NamedTuple):
    key: str
    start: int
    octets: int


class _Flight:
    """One reading of a range for all who ask for it."""

    __slots__ = ("readers", "task")

    def __init__(self, task: asyncio.Task[bytes]) -> None:
        self.task = task
        self.readers = 0


class CachedBlobs:
    """Implements `ports.blobs.BlobStore`. Several processes may use one folder, and anybody may empty it at any time."""

    def __init__(self, inner: BlobStore, shelf: Shelf) -> None:
        """Called by `open`."""
        self.keyring = inner.keyring
        self._inner = inner
        self._shelf = shelf
        self._reading = ThreadPoolExecutor(READING_THREADS, thread_name_prefix="body-cache")
        self._keeper = Keeper(shelf)
        self._flights: dict[_Range, _Flight] = {}
        self._closed = False
        self.hits = 0
        """Readings for which the distant store was not asked."""
        self.misses = 0

    @classmethod
    async def open(cls, inner: BlobStore, folder: Path, octets: int) -> CachedBlobs:
        """octets: the most that all processes together keep in the folder. A disk that fails costs the cache only."""
        shelf = Shelf(folder, octets)
        await asyncio.get_running_loop().run_in_executor(None, shelf.prepare)
        blobs = cls(inner, shelf)
        blobs.count(counts)
        return blobs

    def count(self, where: Counts) -> None:
        """Have the cache's numbers told with all others."""
        shelf = self._shelf
        for name, help_text, read in (
            ("cache_hits_total", "Found in a cache", lambda: self.hits),
            ("cache_misses_total", "Not found in a cache", lambda: self.misses),
            ("cache_evictions_total", "Left a cache to make room", lambda: shelf.evictor.evicted),
            ("cache_damaged_total", "Not in a cache as they had been put there", lambda: shelf.damaged),
            ("cache_let_go_octets_total", "Octets not kept for want of time", lambda: self._keeper.let_go),
        ):
            where.source(name, help_text, read, label="node")
        # One number of all workers, as each of them finds it.
        where.source("node_cache_octets", "Held by this node's body cache", shelf.octets, across="max")

    # ---- BlobStore

    async def create(self, key: str, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> BlobWriter:
        return await self._inner.create(key, about=about, account=account)

    async def put(self, key: str, octets: bytes, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> None:
        await self._inner.put(key, octets, about=about, account=account)
        self._keeper.keep(Kept(key, 0, octets, last=True))

    async def read(self, key: str, start: int, octets: int, *, account: int = 0) -> bytes:
        at_hand = self._keeper.find(key, start, octets)
        if at_hand is not None:
            self.hits += 1
            return at_hand
        asked = _Range(key, start, octets)
        flight = self._flights.get(asked)
        if flight is None:
            task = asyncio.get_running_loop().create_task(self._load(asked, account))
            flight = self._flights[asked] = _Flight(task)
            task.add_done_callback(lambda task: self._landed(asked, task))
        flight.readers += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.readers -= 1
            if not flight.readers and not flight.task.done():
                # Nobody waits for it any more.
                flight.task.cancel()
                self._landed(asked, flight.task)

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        found = self._keeper.find(key, start, octets)
        if found is None and not self._closed:
            found = self._shelf.read_nowait(key, start, start + octets)
        if found is None:
            return self._inner.read_nowait(key, start, octets)
        self.hits += 1
        return found

    async def delete(self, keys: Sequence[str]) -> None:
        # What another process is just about to keep, and what other nodes have, is evicted in its time: nobody asks for it.
        await self._inner.delete(keys)
        for asked in [asked for asked in self._flights if asked.key in set(keys)]:
            # Who reads it still gets it; it is not kept.
            del self._flights[asked]
        self._keeper.forget(keys)
        await self._in_thread(self._shelf.drop, keys)

    def objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        return self._inner.objects(prefix)

    async def about(self, key: str) -> Mapping[str, str]:
        return await self._inner.about(key)

    async def close(self) -> None:
        """Waits for what is on its way to the disk; closes the distant store as well. Safe to call twice."""
        if not self._closed:
            self._closed = True
            flights = [flight.task for flight in self._flights.values()]
            for task in flights:
                task.cancel()
            await asyncio.gather(*flights, return_exceptions=True)
            await self._keeper.close()
            await asyncio.get_running_loop().run_in_executor(None, self._reading.shutdown)
        await self._inner.close()

    # ---- steps

    async def _load(self, asked: _Range, account: int) -> bytes:
        """From the disk, and from the distant store what is not there."""
        key, start, octets = asked
        cover = Cover(start, start + octets, [], [(start, start + octets)])
        if self._shelf.may_have(key):
            cover = await self._in_thread(self._shelf.read, key, start, start + octets) or cover
        if cover.whole:
            self.hits += 1
        else:
            self.misses += 1
            await self._fetch(asked, cover, account)
        parts = []
        for begin, part in sorted(cover.parts):
            if begin == start:
                parts.append(part)
                start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _fetch(self, asked: _Range, cover: Cover, account: int) -> None:
        """The gaps become parts. Raises BlobNotFound, Unavailable."""
        reads = [self._inner.read(asked.key, begin, end - begin, account=account) for begin, end in cover.gaps]
        for (begin, end), octets in zip(cover.gaps, await _together(reads), strict=True):
            cover.parts.append((begin, octets))
            flight = self._flights.get(asked)
            if flight is not None and flight.task is asyncio.current_task():
                self._keeper.keep(Kept(asked.key, begin, octets, last=len(octets) < end - begin))
        cover.gaps.clear()

    def _landed(self, asked: _Range, task: asyncio.Task[bytes]) -> None:
        flight = self._flights.get(asked)
        if flight is not None and flight.task is task:
            del self._flights[asked]
        if task.done() and not task.cancelled():
            # All readers may have gone; a failure has been told to those that were there.
            task.exception()

    async def _in_thread(self, call: Callable[..., T], *values: object) -> T | None:
        """None after close."""
        if self._closed:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._reading, call, *values)


async def _together(reads: Sequence[Coroutine[Any, Any, bytes]]) -> list[bytes]:
    """All of them side by side; a failure of one gives up the others."""
    tasks = [asyncio.ensure_future(read) for read in reads]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
