"""Counts in memory that forked processes share (implements `ports.tally.Tally`).

Each process has a row: a table of what is held, and one of events for each length of window, all with a fixed number of
places. A key has two places in each, by a keyed hash; a process writes into its own row only, so that nothing has to be
locked, and the count of a key is the lesser of the sums over both columns. Keys that share one place with others are
told exactly all the same, unless both are shared.

A row belongs to the process that holds its lock, which the kernel takes back at the end of that process.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import secrets
import tempfile
from collections.abc import Sequence

from lightmail.backends.local.clock import SystemClock
from lightmail.backends.local.rates import estimate, place
from lightmail.ports.clock import Clock
from lightmail.ports.tally import WINDOWS_S, Tally

PLACES = 16_384
"""Of each table: with half as many keys in use, one in six counts something of another's."""
_WORD_OCTETS = 4
_WORDS = 3
"""Of a place for events: the number of their window, events in it, events in the one before."""
_WINDOW, _NOW, _BEFORE = range(_WORDS)
_MOST = 2**32 - 1


class SharedTally:
    """Made before processes are forked; each of them calls `join` before it counts."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        processes: int = 1,
        places: int = PLACES,
        windows_s: Sequence[float] = WINDOWS_S,
    ) -> None:
        """processes: at the same time; what is never counted in takes no memory. windows_s: all that are asked for."""
        self._clock = clock or SystemClock()
        self._secret = secrets.token_bytes(16)
        self._places = places
        self._rows = processes
        self._tables = {window_s: places * (1 + _WORDS * number) for number, window_s in enumerate(windows_s)}
        """Where the table of events of a window begins within a row; that of what is held comes first."""
        self._row_words = places * (1 + _WORDS * len(windows_s))
        octets = _WORD_OCTETS * (1 + processes * self._row_words)
        self._file = _anonymous_file(octets)
        self._words = memoryview(mmap.mmap(self._file, octets)).cast("I")
        """Word 0: how many rows have ever been in use."""
        self._base = 1

    def join(self) -> None:
        """In a process of its own: take a row. Rows of processes that have ended are emptied."""
        mine: int | None = None
        for row in range(self._rows):
            if mine is not None and row >= self._words[0]:
                break
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, row)
            except OSError:
                continue  # somebody lives there
            self._clear(row)
            if mine is None:
                mine = row
            else:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, row)
        # More processes than were foreseen share the last row: they may lose a count to each other.
        row = self._rows - 1 if mine is None else mine
        self._words[0] = max(self._words[0], row + 1)
        self._base = 1 + row * self._row_words

    # ---- Tally

    def hold(self, key: str) -> int:
        words, pair = self._words, self._pair(key)
        for place_number in pair:
            words[self._base + place_number] += 1
        return min(sum(words[base + place_number] for base in self._all_rows()) for place_number in pair)

    def let_go(self, key: str) -> None:
        for place_number in self._pair(key):
            index = self._base + place_number
            self._words[index] = max(self._words[index] - 1, 0)

    def hit(self, key: str, *, window_s: float) -> int:
        now, words = place(self._clock.monotonic_s(), window_s), self._words
        pair = self._pair_of_events(key, window_s)
        for at in pair:
            index = self._base + at
            current, before = self._events(index, now.number)
            words[index + _WINDOW] = now.number & _MOST
            words[index + _NOW] = min(current + 1, _MOST)
            words[index + _BEFORE] = before
        return min(estimate(*self._sums(at, now.number), now) for at in pair)

    def count(self, key: str, *, window_s: float) -> int:
        now = place(self._clock.monotonic_s(), window_s)
        return min(estimate(*self._sums(at, now.number), now) for at in self._pair_of_events(key, window_s))

    def forget(self, key: str) -> None:
        for window_s in self._tables:
            self._forget(key, window_s)

    def _forget(self, key: str, window_s: float) -> None:
        """Only what both of its places have: the rest is of others."""
        number, words = place(self._clock.monotonic_s(), window_s).number, self._words
        pair = self._pair_of_events(key, window_s)
        for base in self._all_rows():
            both = [self._events(base + at, number) for at in pair]
            current, before = (min(events) for events in zip(*both, strict=True))
            if not current and not before:
                continue
            for at, (its_current, its_before) in zip(pair, both, strict=True):
                words[base + at + _WINDOW] = number & _MOST
                words[base + at + _NOW] = its_current - current
                words[base + at + _BEFORE] = its_before - before

    # ---- places

    def _pair(self, key: str) -> tuple[int, int]:
        """The numbers of both places of a key; never the same."""
        digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8, key=self._secret).digest()
        one = int.from_bytes(digest[:4], "big") % self._places
        step = 1 + int.from_bytes(digest[4:], "big") % (self._places - 1)
        return one, (one + step) % self._places

    def _pair_of_events(self, key: str, window_s: float) -> tuple[int, int]:
        """Where both begin within a row."""
        table = self._tables[window_s]
        one, other = self._pair(key)
        return table + one * _WORDS, table + other * _WORDS

    def _all_rows(self) -> range:
        """Where each row begins."""
        return range(1, 1 + max(self._words[0], 1) * self._row_words, self._row_words)

    def _events(self, index: int, number: int) -> tuple[int, int]:
        """In window `number`, and in the one before it; of one process."""
        behind = (number - self._words[index + _WINDOW]) & _MOST
        if behind == 0:
            return self._words[index + _NOW], self._words[index + _BEFORE]
        return 0, self._words[index + _NOW] if behind == 1 else 0

    def _sums(self, at: int, number: int) -> tuple[int, int]:
        current = before = 0
        for base in self._all_rows():
            its_current, its_before = self._events(base + at, number)
            current += its_current
            before += its_before
        return current, before

    def _clear(self, row: int) -> None:
        """Unless nothing was ever in it: to write takes memory."""
        if row < self._words[0]:
            base = 1 + row * self._row_words
            self._words[base : base + self._row_words] = memoryview(bytes(self._row_words * _WORD_OCTETS)).cast("I")


def _anonymous_file(octets: int) -> int:
    """A descriptor of a file that nobody else can open, all zeros."""
    with contextlib.suppress(AttributeError, OSError):  # Linux has it
        file = os.memfd_create("lightmail-tally")
        os.ftruncate(file, octets)
        return file
    with tempfile.TemporaryFile() as temporary:
        file = os.dup(temporary.fileno())
    os.ftruncate(file, octets)
    return file


class TallyRates:
    """Implements `ports.rates.RateLimiter` for the processes of one machine, and the windows of the tally."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    async def hit(self, key: str, *, window_s: float) -> int:
        return self._tally.hit(key, window_s=window_s)

    async def count(self, key: str, *, window_s: float) -> int:
        return self._tally.count(key, window_s=window_s)

    async def forget(self, key: str) -> None:
        self._tally.forget(key)

    async def close(self) -> None:
        """Nothing is open."""
