"""What is in a mailbox: messages, flags, the expunge log; first all of it, later what has changed since.

The target's HIGHESTMODSEQ says how far it is. A long way is gone in several steps, each one transaction; only the last
one raises it, so that after an interruption the same way is asked for again, and what is there already is not copied.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from lightmail.errors import BodyMissing, MailboxNotFound, MigrationFailed
from lightmail.migrate.moving.objects import BodiesGone, Objects
from lightmail.migrate.moving.patience import patiently
from lightmail.migrate.moving.sides import Progress, Side
from lightmail.model import BodyId, Delta, ExpungeRange, MailboxId, MailboxPatch, ModSeq, StoredBodyRecord

STEP_ROWS = 250
"""Messages of one transaction that may bring bodies; of each, the header block is in memory."""
_AHEAD = 3
"""Steps whose bodies are copied while the one before them is applied."""
_BODY_COLUMN = 4
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Behind:
    """A mailbox whose contents are not what they are in the source."""

    mailbox_id: MailboxId
    name: str
    at: ModSeq
    """The target's HIGHESTMODSEQ; as a new mailbox has it when there is nothing in it yet."""
    fresh: bool
    """Nothing is in the target yet."""
    messages: int
    """At least so many are to be brought."""


@dataclass(frozen=True, slots=True)
class _Step:
    rows: str
    messages: int
    bodies: list[StoredBodyRecord]


class Contents:
    def __init__(self, source: Side, target: Side, objects: Objects, progress: Progress) -> None:
        self._source = source
        self._target = target
        self._objects = objects
        self._progress = progress

    async def follow(self, behind: Behind) -> int:
        """Lead one mailbox to what it is in the source; how many changes that took.

        Raises MigrationFailed, Unavailable.
        """
        problem = ""
        for _ in range(_ATTEMPTS):
            try:
                return await self._follow(behind)
            except BodiesGone as gone:
                problem = str(gone)  # whoever asks again is not told of messages that have been expunged
            except MailboxNotFound:
                return 1  # deleted meanwhile: the next look at all mailboxes finds it
        raise MigrationFailed(
            f"the source is damaged: {problem}; `lightmail check` tells which messages that is, "
            "`lightmail repair` what can be done"
        )

    async def _follow(self, behind: Behind) -> int:
        mailbox_id = behind.mailbox_id
        since = ModSeq(0) if behind.fresh else behind.at
        delta = await patiently(self._source.metadata.changes_since, mailbox_id, since)
        log = await patiently(self._source.upkeep.expunge_ranges, mailbox_id, since)
        # The log is asked for later, and may know more than the rows; that is for the next time.
        log = [each for each in log if each.modseq <= delta.highest_modseq]
        last: _Step | None = None
        changes = len(delta.expunged)
        async for step in self._steps(behind, delta.rows):
            if last is not None:
                await self._apply(_patch(delta, last, at=behind.at))
            last = step
            changes += step.messages
        await self._apply(_patch(delta, last or _Step("", 0, []), at=delta.highest_modseq, expunged=log))
        return max(changes, 1)

    async def _steps(self, behind: Behind, blocks: Sequence[str]) -> AsyncIterator[_Step]:
        """In order; the bodies of the next ones are on their way while the caller deals with one."""
        waiting: deque[asyncio.Task[_Step]] = deque()
        try:
            for rows in _pieces(blocks):
                waiting.append(asyncio.create_task(self._step(behind, rows)))
                if len(waiting) > _AHEAD:
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _step(self, behind: Behind, rows: list[str]) -> _Step:
        """With the bodies that the target does not know yet, which are durable in its body store by then."""
        ids = list(dict.fromkeys(BodyId(int(row.split(" ", _BODY_COLUMN + 1)[_BODY_COLUMN])) for row in rows))
        known = {each.body_id for each in await patiently(self._target.metadata.body_locations, ids)}
        unknown = [body_id for body_id in ids if body_id not in known]
        bodies: list[StoredBodyRecord] = []
        if unknown:
            bodies = await patiently(self._source.upkeep.body_records, unknown)
            if len(bodies) < len(unknown):
                raise BodiesGone(
                    f"{len(unknown) - len(bodies)} bodies of mailbox {behind.name!r} are unknown to the database"
                )
            await self._objects.bring(bodies)
        return _Step("".join(rows), len(rows), bodies)

    async def _apply(self, patch: MailboxPatch) -> None:
        try:
            await patiently(self._target.upkeep.apply, patch)
        except BodyMissing as error:
            raise BodiesGone(str(error)) from None
        self._progress.advance(sum(block.count("\n") for block in patch.rows), 0)


def _patch(delta: Delta, step: _Step, *, at: ModSeq, expunged: Sequence[ExpungeRange] = ()) -> MailboxPatch:
    return MailboxPatch(
        mailbox_id=delta.mailbox_id,
        bodies=[(each.id, each.record) for each in step.bodies],
        rows=[step.rows] if step.rows else [],
        expunged=expunged,
        absent=None,
        keywords=delta.keywords,
        uid_next=delta.uid_next,
        highest_modseq=at,
    )


def _pieces(blocks: Iterable[str]) -> Iterable[list[str]]:
    """STEP_ROWS lines each, fewer at the end."""
    piece: list[str] = []
    for block in blocks:
        for row in block.splitlines(keepends=True):
            piece.append(row)
            if len(piece) == STEP_ROWS:
                yield piece
                piece = []
    if piece:
        yield piece
