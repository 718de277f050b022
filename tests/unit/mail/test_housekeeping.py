"""Background work: one process at a time, another when it dies, and no more questions than that needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from lightmail.backends.memory import MemoryState, MemoryUpkeep
from lightmail.errors import StoreSealed, Unavailable
from lightmail.mail.housekeeping import LEASE_S, Housekeeping
from lightmail.mail.leases import Lease
from lightmail.ports.upkeep import Upkeep
from tests.support.aio import run
from tests.support.backends import HandClock
from tests.unit.mail.house import Handled

Holds = Callable[[], Awaitable[bool]]


class Work:
    """A task that a test leads step by step."""

    name = "work"
    interval_s = 60.0

    def __init__(self, *, keeps_lease: bool = False) -> None:
        self.keeps_lease = keeps_lease
        self.is_wanted = True
        self.done = 0
        self.error: Exception | None = None
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.begun = asyncio.Event()
        self.stopped = False

    async def wanted(self) -> bool:
        return self.is_wanted

    async def run(self, holds: Holds) -> None:
        self.begun.set()
        if self.error is not None:
            raise self.error
        await self.may_end.wait()
        self.stopped = not await holds()
        self.done += not self.stopped


class Node:
    """A process of several."""

    def __init__(self, state: MemoryState, clock: HandClock, name: str, work: Work) -> None:
        self.upkeep = Handled(MemoryUpkeep(state))
        self.work = work
        self.kept = Housekeeping([work], upkeep=cast(Upkeep, self.upkeep), clock=clock, holder=name)
        (self.round,) = self.kept.rounds

    async def tick(self) -> None:
        """As the timer does."""
        await self.round._once()


def nodes(*works: Work) -> tuple[HandClock, list[Node]]:
    clock = HandClock()
    state = MemoryState(clock)
    return clock, [Node(state, clock, f"node{number}", work) for number, work in enumerate(works)]


def test_an_idle_process_asks_for_no_lease() -> None:
    async def test() -> None:
        _, (node,) = nodes(Work())
        node.work.is_wanted = False
        for _ in range(3):
            await node.tick()
        assert (node.work.done, node.upkeep.calls) == (0, [])

    run(test())


def test_one_at_a_time_and_then_the_other() -> None:
    async def test() -> None:
        _, (one, two) = nodes(Work(), Work())
        one.work.may_end.clear()
        at_work = asyncio.create_task(one.tick())
        await one.work.begun.wait()
        await two.tick()
        assert two.work.done == 0
        one.work.may_end.set()
        await at_work
        await two.tick()
        assert (one.work.done, two.work.done) == (1, 1)

    run(test())


def test_a_dead_holder_is_followed_when_its_lease_has_run_out() -> None:
    async def test() -> None:
        clock, (one, two) = nodes(Work(), Work())
        one.work.may_end.clear()
        dying = asyncio.create_task(one.tick())
        await one.work.begun.wait()
        clock.now += LEASE_S
        await two.tick()
        assert two.work.done == 0
        clock.now += 1
        await two.tick()
        assert two.work.done == 1

        # It was only asleep: it finds that it has lost its lease, if the other one has it, and else goes on.
        assert await Lease(MemoryUpkeep(two.upkeep._inner._state), "work", "else", seconds=9, clock=clock).holds()
        one.work.may_end.set()
        await dying
        assert (one.work.done, one.work.stopped) == (0, True)

    run(test())


def test_a_lease_that_is_kept_is_the_same_process_s_next_time() -> None:
    async def test() -> None:
        clock, (one, two) = nodes(Work(keeps_lease=True), Work(keeps_lease=True))
        await one.tick()
        await two.tick()
        clock.now += 60
        await two.tick()
        await one.tick()
        assert (one.work.done, two.work.done) == (2, 0)
        assert one.upkeep.count("take_lease") == 1, "half of its time had not passed"
        clock.now += 60
        await one.tick()
        assert one.upkeep.count("take_lease") == 2
        await one.kept.close()
        await two.tick()
        assert two.work.done == 1, "who ends in order gives it back"

    run(test())


@pytest.mark.parametrize("error", [Unavailable("the database"), ValueError("a mistake of ours")])
def test_failures_end_nothing(error: Exception) -> None:
    async def test() -> None:
        _, (one, two) = nodes(Work(), Work())
        one.work.error = error
        await one.tick()
        await one.tick()
        assert (one.round.failures, one.round.runs) == (2, 0)
        await two.tick()
        assert two.work.done == 1, "the lease was given back"
        one.work.error = None
        await one.tick()
        assert (one.work.done, one.round.runs) == (1, 1)

    run(test())


def test_a_sealed_store_is_no_failure() -> None:
    async def test() -> None:
        _, (one,) = nodes(Work())
        one.work.error = StoreSealed("moved")
        await one.tick()
        assert (one.round.failures, one.round.runs) == (0, 0)

    run(test())


def test_timers_go_on_and_close_waits_for_the_step_under_way() -> None:
    async def test() -> None:
        class Often(Work):
            interval_s = 0.001

        _, (node,) = nodes(Often())
        node.kept.start()
        for _ in range(3):
            node.work.begun.clear()
            await node.work.begun.wait()
        node.work.may_end.clear()
        node.work.begun.clear()
        await node.work.begun.wait()
        done = node.work.done
        closing = asyncio.create_task(node.kept.close())
        await asyncio.sleep(0)
        node.work.may_end.set()
        await closing
        assert (node.work.stopped, node.work.done) == (True, done)
        assert node.round._timer is None or node.round._timer.cancelled()

    run(test())


def test_never_is_never() -> None:
    class Never(Work):
        interval_s = 0.0

    state = MemoryState()
    kept = Housekeeping([Never()], upkeep=MemoryUpkeep(state), clock=HandClock(), holder="node")
    assert kept.rounds == []


def test_what_must_be_remembered_is_done_once_more_at_the_end() -> None:
    """By one of those that end, and not by one that gives way to its successor, or has not lived for one turn."""

    async def test() -> None:
        _, (one, two, three) = nodes(*(Work(keeps_lease=True) for _ in range(3)))
        await one.tick()
        await two.tick()
        await two.kept.close(last=True)
        assert (one.work.done, two.work.done) == (1, 0), "the other one has it"
        await one.kept.close(last=True)
        assert one.work.done == 2
        await three.kept.close(last=True)
        assert three.work.done == 0
        assert await Lease(one.upkeep, "work", "else", seconds=9, clock=HandClock()).holds(), "it was given back"

        _, (short, retiring) = nodes(Work(), Work(keeps_lease=True))
        for node, last in ((short, True), (retiring, False)):
            await node.tick()
            await node.kept.close(last=last)
            assert node.work.done == 1

    run(test())


@pytest.mark.parametrize("error", [Unavailable("the database"), StoreSealed("moved"), ValueError("a mistake of ours")])
def test_an_end_is_not_kept_from_coming(error: Exception) -> None:
    async def test() -> None:
        _, (one, two) = nodes(Work(keeps_lease=True), Work(keeps_lease=True))
        await one.tick()
        one.work.error = error
        await one.kept.close(last=True)
        await two.tick()
        assert (one.work.done, two.work.done) == (1, 1), "the lease was given back"

    run(test())
