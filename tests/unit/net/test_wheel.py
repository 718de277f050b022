"""One coarse timer for all deadlines."""

from __future__ import annotations

import asyncio

from lightmail.net.wheel import Wheel
from tests.support.aio import run

TICK_S = 0.002


class Clerk:
    """Wants to be asked again so many times."""

    def __init__(self, every: int, times: int) -> None:
        self.every = every
        self.times = times
        self.asked: list[int] = []
        self.done = asyncio.Event()

    def due(self, tick: int) -> int:
        self.asked.append(tick)
        if len(self.asked) < self.times:
            return tick + self.every
        self.done.set()
        return 0


def test_entries_are_asked_when_they_said() -> None:
    async def scenario() -> None:
        wheel = Wheel(TICK_S)
        clerks = [Clerk(every, 3) for every in (1, 2, 5)]
        for clerk in clerks:
            wheel.add(clerk, wheel.tick + clerk.every)
        await asyncio.gather(*(asyncio.wait_for(clerk.done.wait(), 60) for clerk in clerks))
        assert [clerk.asked for clerk in clerks] == [[1, 2, 3], [2, 4, 6], [5, 10, 15]]
        assert len(wheel) == 0 and wheel._handle is None

    run(scenario())


def test_removed_entries_are_not_asked_and_leave_no_timer() -> None:
    async def scenario() -> None:
        wheel = Wheel(TICK_S)
        stays, goes = Clerk(1, 1), Clerk(1, 1)
        wheel.add(stays, 2)
        wheel.add(goes, 2)
        wheel.remove(goes)
        wheel.remove(goes)
        await asyncio.wait_for(stays.done.wait(), 60)
        assert goes.asked == []
        wheel.add(goes, wheel.tick + 1)
        wheel.remove(goes)
        assert wheel._handle is None and wheel._slots == {} and len(wheel) == 0

    run(scenario())


def test_seconds_are_never_shortened() -> None:
    assert Wheel(1.0).ticks(60.0) == 61
    assert Wheel(1.0).ticks(0.0) == 1
