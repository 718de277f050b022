"""What is on its way to the disk: held in memory for a moment, found there meanwhile, written in one go.

One thread writes what has gathered while it wrote the last, so that a burst costs one way to a thread and back, and
one look at how much room there is. More than a bound never waits: what the disk cannot take in time is let go (law 7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from lightmail.backends.nodecache.shelf import Kept, Shelf

MOST_WAITING_OCTETS = 16_777_216
"""Of one process."""


class Keeper:
    """On the loop thread, but for what `_write` does."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="body-cache-keep")
        self._waiting: dict[tuple[str, int], Kept] = {}
        self._writing: asyncio.Future[None] | None = None
        self._closed = False
        self.waiting_octets = 0
        self.let_go = 0
        """Octets not kept because too many were waiting for the disk."""

    def keep(self, kept: Kept) -> None:
        place = (kept.key, kept.start)
        if self._closed or not kept.octets or place in self._waiting:
            return
        if self.waiting_octets + len(kept.octets) > MOST_WAITING_OCTETS:
            self.let_go += len(kept.octets)
            return
        self._waiting[place] = kept
        self.waiting_octets += len(kept.octets)
        if self._writing is None:
            self._write()

    def find(self, key: str, start: int, octets: int) -> bytes | None:
        """All of a range, fewer octets only at the object's end, if that is what is waiting."""
        for begin in (0, start):
            kept = self._waiting.get((key, begin))
            if kept is not None and (kept.last or begin + len(kept.octets) >= start + octets):
                return kept.octets[start - begin : start - begin + octets]
        return None

    def forget(self, keys: Iterable[str]) -> None:
        """These are not to be kept any more; what has reached the disk is not seen to here."""
        gone = set(keys)
        for place in [place for place in self._waiting if place[0] in gone]:
            self.waiting_octets -= len(self._waiting.pop(place).octets)

    async def settle(self) -> None:
        """Nothing waits, and nothing is being written."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    async def close(self) -> None:
        self._closed = True
        await self.settle()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    def _write(self) -> None:
        batch = list(self._waiting.values())
        self._writing = asyncio.get_running_loop().run_in_executor(
            self._thread, self._shelf.keep, batch, lambda kept: self._waiting.get((kept.key, kept.start)) is kept
        )
        self._writing.add_done_callback(lambda writing: self._written(batch, writing))

    def _written(self, batch: list[Kept], writing: asyncio.Future[None]) -> None:
        for kept in batch:
            place = (kept.key, kept.start)
            if self._waiting.get(place) is kept:
                del self._waiting[place]
                self.waiting_octets -= len(kept.octets)
        self._writing = None
        if self._waiting:
            self._write()
        writing.result()
