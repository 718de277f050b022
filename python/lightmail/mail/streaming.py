"""Large bodies that have to be waited for: as far ahead of a reader as the reader's own pace deserves.

Several requests are under way at a time, and each time the reader is found waiting there may be more of them; a reader
that takes its time gets less read ahead, down to what any reader may have. All readers together are bounded (law 7):
those beyond the bound wait longer, and get the same octets.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import NamedTuple, Protocol

BLOCK_OCTETS = 131_072
"""The unit in which large bodies are read and streamed: one frame (see `frames.Ingest`)."""
FIRST_WINDOW_OCTETS = 2 * BLOCK_OCTETS
"""Read ahead for anybody."""
MOST_WINDOW_OCTETS = 16 * BLOCK_OCTETS
"""Read ahead for one reader: with a store that answers within 50 ms, 40 MB a second."""
_WINDOW_REQUESTS = 4
"""So many requests share a window, once it is large enough for them."""


class Source(Protocol):
    """One body, by raw octets."""

    async def fetch(self, start: int, octets: int) -> Fetched:
        """What the blocks of a range are made from. Raises BodyMissing, BodyCorrupt, Unavailable."""
        ...

    def block(self, fetched: Fetched, start: int, octets: int) -> bytes:
        """A block, or a part of one, within the range that was fetched. Raises BodyCorrupt."""
        ...


class Fetched(NamedTuple):
    stored: bytes
    stored_start: int


class Budget:
    """What may be read ahead beyond the first windows, of one process."""

    def __init__(self, octets: int) -> None:
        self.left = octets

    def take(self, octets: int) -> int:
        """As much of it as there is."""
        taken = min(octets, self.left)
        self.left -= taken
        return taken

    def give_back(self, octets: int) -> None:
        self.left += octets


class Stream:
    """One reading of a range of one body."""

    def __init__(self, source: Source, start: int, end: int, budget: Budget) -> None:
        self._source = source
        self._start = start
        """What the reader has got is before this."""
        self._asked = start
        """What has been asked for is before this."""
        self._end = end
        self._budget = budget
        self._window = FIRST_WINDOW_OCTETS
        self._waited_at = start
        """Where the reader last had to wait, or was last found not to have."""
        self._ahead: deque[tuple[int, asyncio.Task[Fetched]]] = deque()
        """(end, octets) in order, without gaps from `_start` on."""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Blocks, the first and the last perhaps in part. Nothing stays under way when it is closed."""
        try:
            while self._start < self._end:
                self._fit_window()
                self._ask()
                end, task = self._ahead[0]
                fetched = await task
                self._ahead.popleft()
                while self._start < end:
                    octets = min(octets_to_boundary(self._start), self._end - self._start)
                    block = self._source.block(fetched, self._start, octets)
                    self._start += octets
                    self._ask()
                    yield block
                    # The reader may be as fast as this; others shall have their turn.
                    await asyncio.sleep(0)
        finally:
            self._budget.give_back(self._window - FIRST_WINDOW_OCTETS)
            tasks = [task for _, task in self._ahead]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _fit_window(self) -> None:
        if not self._ahead:
            return
        if not self._ahead[0][1].done():
            # The reader is going to wait.
            self._window += self._budget.take(min(self._window, MOST_WINDOW_OCTETS - self._window))
            self._waited_at = self._start
        elif self._start - self._waited_at > 2 * self._window:
            # What came with one wait lasts for one window: this reader is slower than the store.
            narrower = max(self._window // 2, FIRST_WINDOW_OCTETS)
            self._budget.give_back(self._window - narrower)
            self._window = narrower
            self._waited_at = self._start

    def _ask(self) -> None:
        """Keep the window full, with requests of whole blocks."""
        request_blocks = max(1, self._window // _WINDOW_REQUESTS // BLOCK_OCTETS)
        while self._asked < self._end:
            end = min((self._asked // BLOCK_OCTETS + request_blocks) * BLOCK_OCTETS, self._end)
            if end - self._start > self._window and self._ahead:
                break
            task = asyncio.get_running_loop().create_task(self._source.fetch(self._asked, end - self._asked))
            self._ahead.append((end, task))
            self._asked = end


def octets_to_boundary(at: int) -> int:
    """To the end of the block that an octet lies in."""
    return BLOCK_OCTETS - at % BLOCK_OCTETS
