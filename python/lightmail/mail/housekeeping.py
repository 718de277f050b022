"""What is done in the background, by one process for all: named tasks, each with an interval and a lease of its name.

    timer → wanted? (one cheap question, no lease) → the lease → the work, which asks between its steps whether it may go on

A process that has nothing to do owns one timer for each task and nothing else. A holder that dies is followed by another
process once its lease has run out; one that ends in order does once more what would be missed, and gives its leases back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Protocol

import structlog

from lightmail.errors import StoreSealed, SystemFault
from lightmail.mail.leases import Holds, Lease
from lightmail.ports.clock import Clock
from lightmail.ports.upkeep import Upkeep

_log = structlog.get_logger("lightmail.housekeeping")

LEASE_S = 120
"""Of a task whose interval is not longer."""
CLOSE_S = 5.0
"""How long a task may take to come to its next step when the process ends, and to be done for the last time."""


class Task(Protocol):
    name: str
    """Of the lease as well."""
    interval_s: float
    """How often each process looks whether there is something to do; 0: never."""
    keeps_lease: bool
    """Whether the same process goes on with it next time, because it remembers what it has seen; and does it once more when
    it ends, with what has come until then.
    """

    async def wanted(self) -> bool:
        """Whether there is anything to do. Raises SystemFault."""
        ...

    async def run(self, holds: Holds) -> object:
        """Ends early where `holds` says False. Raises SystemFault."""
        ...


class Housekeeping:
    """One per process that serves."""

    def __init__(self, tasks: Iterable[Task], *, upkeep: Upkeep, clock: Clock, holder: str) -> None:
        """holder: this process among those of all nodes."""
        self.rounds = [_Round(task, upkeep, clock, holder) for task in tasks if task.interval_s > 0]

    def start(self) -> None:
        """Returns at once."""
        for each in self.rounds:
            each.start()

    async def stop(self) -> None:
        """Nothing is begun any more; what runs comes to its next step, at most."""
        await asyncio.gather(*(each.stop() for each in self.rounds))

    async def close(self, *, last: bool = False) -> None:
        """last: nobody comes after this process, and its clients have gone."""
        await self.stop()
        await asyncio.gather(*(each.end(last=last) for each in self.rounds))


class _Round:
    """One task, over and over."""

    def __init__(self, task: Task, upkeep: Upkeep, clock: Clock, holder: str) -> None:
        self.task = task
        self.runs = 0
        self.failures = 0
        self.seconds = 0.0
        """Of work, in all."""
        self._clock = clock
        seconds = max(LEASE_S, int(3 * task.interval_s)) if task.keeps_lease else LEASE_S
        self._lease = Lease(upkeep, task.name, holder, seconds=seconds, clock=clock)
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._failing = False
        self._stopped = False
        """This time: who has lost the lease in the midst of its work does not go on when it gets it again."""
        self._closing = False
        self._looked = False
        """It has lived long enough for one turn."""

    def start(self) -> None:
        # Nodes that are started together need not ask together.
        self._within(self.task.interval_s * random.uniform(0.5, 1.0))

    async def stop(self) -> None:
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        running = self._running
        if running is not None:
            await asyncio.wait((running,), timeout=CLOSE_S)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def end(self, *, last: bool) -> None:
        try:
            if last and self._looked and self.task.keeps_lease:
                async with asyncio.timeout(CLOSE_S):
                    if await self._lease.holds():
                        await self.task.run(self._lease.holds)
        except (SystemFault, TimeoutError) as error:
            _log.info("not done before the end", task=self.task.name, problem=str(error))
        except Exception:
            _log.exception("failed", task=self.task.name)
        try:
            await self._lease.end()
        except SystemFault:
            return  # it runs out

    def _within(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._running = asyncio.get_running_loop().create_task(self._once())
        self._running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running = None
        if not self._closing:
            self._within(self.task.interval_s * random.uniform(0.9, 1.1))

    async def _once(self) -> None:
        self._stopped = self._closing
        self._looked = True
        try:
            if await self.task.wanted() and await self._holds():
                await self._run()
            self._failing = False
        except StoreSealed:
            self._failing = False  # its mail is elsewhere, and so is this work
        except SystemFault as error:
            self.failures += 1
            if not self._failing:
                _log.warning("not done, tried again later", task=self.task.name, problem=str(error))
            self._failing = True
        except Exception:
            self.failures += 1
            _log.exception("failed", task=self.task.name)

    async def _run(self) -> None:
        since_s = self._clock.monotonic_s()
        try:
            await self.task.run(self._holds)
            self.runs += 1
        finally:
            self.seconds += self._clock.monotonic_s() - since_s
            if not self.task.keeps_lease:
                await self._lease.end()

    async def _holds(self) -> bool:
        self._stopped = self._stopped or self._closing or not await self._lease.holds()
        return not self._stopped
