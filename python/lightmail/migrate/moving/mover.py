"""The whole way of a mail store into another one: copy, follow, compare, switch.

The target is sealed until it is the mail store: servers may run on it, and take no writes before. The source takes writes
until everything is there that was there a moment ago; then it is sealed, the rest follows, and the target is opened.
Whatever interrupts it: run again, it goes on. Nothing that the source has answered OK is missing in the target then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from msgspec.structs import replace

from lightmail.errors import MigrationFailed, MigrationRefused, Unavailable
from lightmail.mail.check.reading import Reader, side_by_side
from lightmail.mail.manifests.objects import new_store
from lightmail.mail.manifests.writer import StoreState, put_state, state_of
from lightmail.migrate.moving import job as jobs
from lightmail.migrate.moving.comparing import Comparison, Thoroughness
from lightmail.migrate.moving.contents import Behind, Contents
from lightmail.migrate.moving.emptying import is_empty, make_empty
from lightmail.migrate.moving.job import Job, Phase
from lightmail.migrate.moving.objects import Objects
from lightmail.migrate.moving.patience import patiently
from lightmail.migrate.moving.sides import Progress, Report, Side
from lightmail.migrate.moving.structure import Structure, all_accounts, all_mailboxes

LEASE = "migrate"
LEASE_S = 15
_PROLONG_S = 5.0
SHORT_ROUND_S = 1.0
"""What has changed in so little time is brought in less: the source can be sealed."""
_PATIENCE_ROUNDS = 3
"""A source that changes faster than the target can follow is sealed all the same, when so many rounds have not become
shorter; the pause is then as long as a round.
"""
_MAILBOXES = 8
"""Followed at the same time."""
_MOST_PROBLEMS_TOLD = 20


class Mover:
    """reader: reads the target's bodies. holder: who moves, the same whenever it is run again from there.
    shared: both sides keep their bodies in one place. now_s: seconds since 1970.
    """

    def __init__(
        self,
        source: Side,
        target: Side,
        *,
        reader: Reader,
        holder: str,
        now_s: int,
        progress: Progress,
        shared: bool = False,
        thoroughness: Thoroughness = "sample",
    ) -> None:
        self._source = source
        self._target = target
        self._reader = reader
        self._progress = progress
        self._shared = shared
        self._thoroughness: Thoroughness = thoroughness
        self._holder = holder
        self._now_s = now_s
        self._report = Report()
        self._look = True

    async def run(self, *, switch: bool = True, clear: bool = False) -> Report:
        """switch: False stops before the seal, to be run again later. clear: what the target holds is removed first.

        Raises MigrationRefused (nothing was changed), MigrationFailed, Unavailable (the source is what it was).
        """
        began_s = time.monotonic()
        async with _lease(self._target, self._holder):
            job = await self._begin(switch=switch, clear=clear)
            if job.phase is Phase.DONE:
                await patiently(self._target.upkeep.unseal)  # the run that moved it may have ended just before
                self._report.switched = True
                await self._count()
            else:
                await self._move(job, switch=switch)
        self._report.seconds = time.monotonic() - began_s
        return self._report

    # ---- may it be?

    async def _begin(self, *, switch: bool, clear: bool) -> Job:
        """The job as it is to be gone on with, in a target that is sealed, or done."""
        identity = await jobs.identity(self._source)
        sealed = await self._source.upkeep.sealed()
        job = await jobs.get(self._target)
        if job is None or job.source != identity or job.phase is Phase.EMPTYING:
            job = await self._claim(job, identity, sealed, clear=clear)
        elif job.phase is Phase.DONE and sealed is None:
            if not clear:
                raise MigrationRefused(
                    f"{self._target.name} has become the mail store already, and the source has been reopened since: "
                    "both may have mail of their own now; --replace removes what the target holds"
                )
            job = await self._claim(job, identity, sealed, clear=clear)
        elif job.phase is not Phase.DONE and sealed is not None and sealed != self._reason:
            raise MigrationRefused(_sealed(sealed))
        elif job.phase is Phase.SWITCHING and sealed is not None and not switch:
            raise MigrationRefused("the source is sealed: go on without --no-switch, or `lightmail migrate --reopen`")
        if job.phase is not Phase.DONE:
            await patiently(self._target.upkeep.seal, f"being filled from {self._source.name}")
        return job

    async def _claim(self, job: Job | None, identity: str, sealed: str | None, *, clear: bool) -> Job:
        if sealed is not None:
            raise MigrationRefused(_sealed(sealed))
        going_on = job is not None and job.source == identity and job.phase is Phase.EMPTYING
        empty = await is_empty(self._target)
        if not empty and identity == await jobs.identity(self._target):
            raise MigrationRefused("the source and the target are the same mail store")
        if not (empty or clear or going_on):
            other = "of another migration; " if job is not None and job.phase is not Phase.DONE else ""
            raise MigrationRefused(
                f"the target is not empty: {self._target.name} holds mail; {other}--replace removes it first"
            )
        new = Job(source=identity, phase=Phase.EMPTYING, started_s=self._now_s)
        if not empty:
            await jobs.put(self._target, new)
            await make_empty(self._target, self._source, self._progress, shared=self._shared)
        elif job is None:
            self._look = False  # nobody has brought anything yet
        new = Job(source=identity, phase=Phase.COPYING, started_s=self._now_s)
        await jobs.put(self._target, new)
        return new

    # ---- the way

    async def _move(self, job: Job, *, switch: bool) -> None:
        objects = Objects(
            self._source, self._target, self._report, self._progress, shared=self._shared, look=self._look
        )
        comparison = Comparison(
            self._source, self._target, self._reader, self._report, self._progress, self._thoroughness
        )
        structure = Structure(self._source, self._target)
        contents = Contents(self._source, self._target, objects, self._progress)
        way = _Way(structure, contents, self._report, self._progress)
        try:
            await way.until_short()
            objects.remember()
            await comparison.while_in_use()
            _judge(comparison.problems)
            if switch:
                await way.until_short()
                await comparison.latest(objects.take())
                await way.until_short()
                await self._switch(job, way, comparison, objects)
            else:
                await self._count()
        finally:
            await objects.end()

    @property
    def _reason(self) -> str:
        """Why the source is sealed."""
        return f"moved to {self._target.name}"

    async def _switch(self, job: Job, way: _Way, comparison: Comparison, objects: Objects) -> None:
        await patiently(jobs.put, self._target, replace(job, phase=Phase.SWITCHING))
        sealed = await patiently(self._source.upkeep.sealed)
        if sealed not in (None, self._reason):
            raise MigrationRefused(_sealed(sealed or ""))
        self._progress.phase("switching", 0, 0)
        began_s = time.monotonic()
        try:
            await patiently(self._source.upkeep.seal, self._reason)
            await way.once()
            await comparison.latest(objects.take())
            await comparison.when_sealed()
            _judge(comparison.problems)
            if await patiently(self._source.upkeep.sealed) != self._reason:
                raise MigrationFailed("the source has been reopened meanwhile")
        except BaseException as error:
            await self._open_source_again(error)
            raise
        if self._shared:
            await self._follow_manifests()
        # From here on it is never undone: servers of the target may take writes as soon as they are let.
        await patiently(jobs.put, self._target, replace(job, phase=Phase.DONE))
        await patiently(self._target.upkeep.unseal)
        self._report.sealed_s = time.monotonic() - began_s
        self._report.switched = True

    async def _follow_manifests(self) -> None:
        """Bodies have one place, and those of the source lie there: they go when the target has written its own."""
        before = await patiently(state_of, self._source.upkeep)
        if before is not None:
            await patiently(put_state, self._target.upkeep, StoreState(new_store(), follows=before.store))

    async def _open_source_again(self, error: BaseException) -> None:
        try:
            await self._source.upkeep.unseal()
        except Unavailable as problem:
            error.add_note(
                f"the source is still sealed ({problem}): run the migration again, or `lightmail migrate --reopen`"
            )

    async def _count(self) -> None:
        """What the target holds by now."""
        async for _ in all_accounts(self._target):
            self._report.accounts += 1
        async for box in all_mailboxes(self._target):
            self._report.mailboxes += 1
            self._report.messages += box.mailbox.messages
            self._report.octets += box.mailbox.size_octets


class _Way:
    """Rounds: each brings what has changed since the last one began."""

    def __init__(self, structure: Structure, contents: Contents, report: Report, progress: Progress) -> None:
        self._structure = structure
        self._contents = contents
        self._report = report
        self._progress = progress

    async def until_short(self) -> None:
        shortest_s, longer = float("inf"), 0
        while longer < _PATIENCE_ROUNDS:
            began_s = time.monotonic()
            changes = await self.once()
            took_s = time.monotonic() - began_s
            if not changes or took_s < SHORT_ROUND_S:
                return
            longer = longer + 1 if took_s >= shortest_s else 0
            shortest_s = min(shortest_s, took_s)

    async def once(self) -> int:
        """How many changes it brought."""
        before = self._structure.changes
        behind = await self._structure.follow()
        name = "following" if self._report.rounds else "copying"
        self._progress.phase(name, sum(each.messages for each in behind), 0)
        changes = 0

        async def follow(one: Behind) -> None:
            nonlocal changes
            changes += await self._contents.follow(one)

        await side_by_side(follow, behind, width=_MAILBOXES)
        self._report.rounds += 1
        return changes + self._structure.changes - before


def _sealed(reason: str) -> str:
    return f"the source takes no writes any more ({reason}): `lightmail migrate --reopen` if it is to be moved again"


def _judge(problems: list[str]) -> None:
    if problems:
        told = "; ".join(problems[:_MOST_PROBLEMS_TOLD])
        more = len(problems) - _MOST_PROBLEMS_TOLD
        raise MigrationFailed(
            f"the target is not what the source is: {told}" + (f"; and {more} more" if more > 0 else "")
        )


@contextlib.asynccontextmanager
async def _lease(target: Side, holder: str) -> AsyncIterator[None]:
    """Two migrations into one target would undo each other's work."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + 2 * LEASE_S
    while not await patiently(target.upkeep.take_lease, LEASE, holder, seconds=LEASE_S):
        if loop.time() > end_s:
            raise MigrationRefused(f"another migration into {target.name} is running")
        await asyncio.sleep(1)
    work = asyncio.current_task()
    assert work is not None
    lost = False

    async def prolong() -> None:
        nonlocal lost
        while True:
            await asyncio.sleep(_PROLONG_S)
            with contextlib.suppress(Unavailable):
                if not await target.upkeep.take_lease(LEASE, holder, seconds=LEASE_S):
                    lost = True
                    work.cancel()
                    return

    prolonging = asyncio.create_task(prolong())
    try:
        yield
    except asyncio.CancelledError:
        if not lost:
            raise
        work.uncancel()
        raise MigrationFailed(f"another migration into {target.name} has begun meanwhile") from None
    finally:
        prolonging.cancel()
        await asyncio.gather(prolonging, return_exceptions=True)
        with contextlib.suppress(Unavailable):
            await target.upkeep.end_lease(LEASE, holder)
