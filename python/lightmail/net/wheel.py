"""Deadlines of all connections of a process on one coarse timer (law 7): an idle connection owns no timer of its own.

A connection is in one slot. Being heard of moves nothing: when its slot comes up the connection says when to look
again, so that activity costs one assignment.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

TICK_S = 1.0


class Entry(Protocol):
    def due(self, tick: int) -> int:
        """The tick at which to look again, later than `tick`; 0: never. Ends what is overdue."""
        ...


class Wheel:
    """`tick` is the time, in ticks since the wheel began to turn; it stands still while there are no entries."""

    __slots__ = ("_handle", "_slot_of", "_slots", "_tick_s", "tick")

    def __init__(self, tick_s: float = TICK_S) -> None:
        self.tick = 0
        self._tick_s = tick_s
        self._slots: dict[int, set[Entry]] = {}
        self._slot_of: dict[Entry, int] = {}
        self._handle: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._slot_of)

    def ticks(self, seconds: float) -> int:
        """So many ticks are at least so many seconds; at least 1."""
        return int(seconds / self._tick_s) + 1

    def add(self, entry: Entry, tick: int) -> None:
        """Ask this entry at `tick`, which has not come yet."""
        self._slots.setdefault(tick, set()).add(entry)
        self._slot_of[entry] = tick
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self._tick_s, self._turn)

    def remove(self, entry: Entry) -> None:
        """An entry that is not there is ignored."""
        tick = self._slot_of.pop(entry, None)
        if tick is not None:
            slot = self._slots[tick]
            slot.discard(entry)
            if not slot:
                del self._slots[tick]
        if not self._slot_of and self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _turn(self) -> None:
        self._handle = None
        self.tick += 1
        for entry in self._slots.pop(self.tick, ()):
            del self._slot_of[entry]
            again = entry.due(self.tick)
            if again:
                self.add(entry, again)
        if self._slot_of and self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self._tick_s, self._turn)
