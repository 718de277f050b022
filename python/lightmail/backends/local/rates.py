"""Counting events of this process: two fixed windows for each key stand for one that slides."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from lightmail.backends.local.clock import SystemClock
from lightmail.ports.clock import Clock

ENTRIES = 10_000
"""Keys that are counted; those without an event for the longest time are forgotten beyond this many (law 7)."""


class Place(NamedTuple):
    """A moment among fixed windows."""

    number: int
    """Of the window that it is in."""
    elapsed: float
    """How much of that has gone by, 0 to 1."""


def place(now_s: float, window_s: float) -> Place:
    number, elapsed_s = divmod(now_s, window_s)
    return Place(int(number), elapsed_s / window_s)


def estimate(current: int, previous: int, at: Place) -> int:
    """Events within one window's length before `at`, as if those of the window before had come evenly."""
    return current + int(previous * (1.0 - at.elapsed))


class LocalRates:
    """Implements `ports.rates.RateLimiter`."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
        """By key, latest event last: number of the window, events in it, events in the one before."""

    async def hit(self, key: str, *, window_s: float) -> int:
        at = place(self._clock.monotonic_s(), window_s)
        current, previous = self._at(key, at)
        self._counts[key] = (at.number, current + 1, previous)
        self._counts.move_to_end(key)
        if len(self._counts) > ENTRIES:
            self._counts.popitem(last=False)
        return estimate(current + 1, previous, at)

    async def count(self, key: str, *, window_s: float) -> int:
        at = place(self._clock.monotonic_s(), window_s)
        return estimate(*self._at(key, at), at)

    async def forget(self, key: str) -> None:
        self._counts.pop(key, None)

    async def close(self) -> None:
        """Nothing is open."""

    def _at(self, key: str, at: Place) -> tuple[int, int]:
        number, current, previous = self._counts.get(key, (at.number, 0, 0))
        if number == at.number:
            return current, previous
        return 0, current if number == at.number - 1 else 0
