"""Work that one process does for all: who may be at it (`ports.upkeep.Upkeep.take_lease`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lightmail.ports.clock import Clock
from lightmail.ports.upkeep import Upkeep

Holds = Callable[[], Awaitable[bool]]
"""Asked between the steps of work that only one may do; False: stop. Raises Unavailable."""


async def always() -> bool:
    """For whoever needs no lease."""
    return True


class Lease:
    """One name, as one process sees it."""

    def __init__(self, upkeep: Upkeep, name: str, holder: str, *, seconds: int, clock: Clock) -> None:
        """seconds: after so long without a sign of life another process takes over."""
        self._upkeep = upkeep
        self._name = name
        self._holder = holder
        self._seconds = seconds
        self._clock = clock
        self._sure_until_s = float("-inf")
        self._taken = False

    async def holds(self) -> bool:
        """Whether it is ours, for half its time at least. The database is asked when less than that is left.

        Raises Unavailable.
        """
        now_s = self._clock.monotonic_s()
        if now_s < self._sure_until_s:
            return True
        self._sure_until_s = float("-inf")
        self._taken = await self._upkeep.take_lease(self._name, self._holder, seconds=self._seconds)
        if self._taken:
            self._sure_until_s = now_s + self._seconds / 2
        return self._taken

    async def end(self) -> None:
        """Others need not wait for it. Raises Unavailable."""
        if self._taken:
            self._taken, self._sure_until_s = False, float("-inf")
            await self._upkeep.end_lease(self._name, self._holder)
