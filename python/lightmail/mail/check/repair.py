"""What can be put right without guessing: counts, next UIDs, MODSEQs, repeated UIDs, sizes, flags without a name, what is
derived from bodies.

No object is deleted, and no message whose body exists.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from lightmail.config import Config
from lightmail.errors import MailboxNotFound
from lightmail.mail.check.checker import BODIES_PAGE
from lightmail.mail.check.damage import MOST_KEPT, REPAIRS, CheckReport, Damage, Kind, Place
from lightmail.mail.check.finding import Finder, Lost
from lightmail.mail.rebuild.reading import BodyReader, Damaged
from lightmail.model import BodyCount, BodyId, BodyRecord, MailboxId
from lightmail.ports.blobs import BlobStore
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.upkeep import Upkeep

_MAILBOXES = 50
_BODIES = 1_000
"""Of one transaction, which holds up whoever writes to them."""
_ORPHANS = (Kind.ORPHAN_RIGHTS, Kind.ORPHAN_ANNOTATION)
_MAILBOX_COUNTS = (Kind.COUNTERS, Kind.UID_NEXT, Kind.UID_VALIDITY, Kind.MODSEQ, Kind.MESSAGE_SIZE, Kind.UNNAMED_FLAG)


@dataclass(slots=True)
class RepairReport:
    mailboxes_counted: int = 0
    bodies_counted: int = 0
    messages_renumbered: int = 0
    summaries_made: int = 0
    bodies_found: int = 0
    """Whose rows were gone, among the objects that no row named."""
    messages_removed: int = 0
    messages_doubtful: int = 0
    """Left as they are: an object could be their body, and could be another's."""
    rights_deleted: int = 0
    annotations_deleted: int = 0
    """Of mailboxes and accounts that are gone."""


def repairable(report: CheckReport) -> list[Damage]:
    """What `Repairer` deals with."""
    return [each for each in report.damages if each.kind in REPAIRS]


class Repairer:
    """Safe beside running servers; open sessions are told of what changes."""

    def __init__(
        self, *, upkeep: Upkeep, metadata: MetadataStore, blobs: BlobStore, config: Config, workers: Executor
    ) -> None:
        """blobs: the store itself, without this node's copies."""
        self._upkeep = upkeep
        self._metadata = metadata
        self._reader = BodyReader(blobs=blobs, limits=config.limits, workers=workers)
        self._finder = Finder(upkeep=upkeep, metadata=metadata, blobs=blobs, reader=self._reader)

    async def repair(self, damages: Sequence[Damage]) -> RepairReport:
        """Raises Unavailable: part of it may be done, and may be repeated. Raises StoreSealed."""
        report = RepairReport()
        places = [(each.kind, each.place, each) for each in damages if each.place]
        await self._count({place.mailbox_id for kind, place, _ in places if kind in _MAILBOX_COUNTS}, [], report)
        wrong = [each.body_id for each in damages if each.kind is Kind.REFERENCES and each.body_id]
        await self._count([], wrong, report)
        for kind, place, damage in places:
            if kind is Kind.UID_REUSED:
                with contextlib.suppress(MailboxNotFound):
                    moved = await self._metadata.move(place.mailbox_id, damage.uids, place.mailbox_id)
                    report.messages_renumbered += len(moved.target_uids)
        await self._summarize([each for each in damages if each.kind is Kind.SUMMARY], report)
        await self._find([place for kind, place, _ in places if kind is Kind.BODILESS], report)
        if any(each.kind in _ORPHANS for each in damages):
            await self._drop_orphans(report)
        return report

    async def _count(
        self, mailboxes: set[MailboxId] | Sequence[MailboxId], bodies: Sequence[BodyId], report: RepairReport
    ) -> None:
        boxes = sorted(mailboxes)
        for start in range(0, len(boxes), _MAILBOXES):
            await self._upkeep.recount(boxes[start : start + _MAILBOXES], [])
        for start in range(0, len(bodies), _BODIES):
            await self._upkeep.recount([], bodies[start : start + _BODIES])
        report.mailboxes_counted += len(boxes)
        report.bodies_counted += len(bodies)

    async def _drop_orphans(self, report: RepairReport) -> None:
        found = await self._upkeep.orphans(MOST_KEPT)
        await self._upkeep.drop_orphans(found)
        report.rights_deleted += len(found.rights)
        report.annotations_deleted += len(found.annotations)

    async def _summarize(self, damages: Sequence[Damage], report: RepairReport) -> None:
        """From the octets, which must be those that were stored."""
        wanted = {each.body_id for each in damages if each.body_id}
        after = BodyId(min(wanted, default=0) - 1)
        while wanted and (page := await self._upkeep.body_counts(after, BODIES_PAGE)):
            for body in page:
                if body.id in wanted:
                    await self._summarize_one(body, report)
            wanted -= {body.id for body in page}
            after = page[-1].id

    async def _summarize_one(self, body: BodyCount, report: RepairReport) -> None:
        try:
            record = await self._reader.read(body.object_key, body.stored_octets)
        except Damaged:
            return
        if record.digest == body.digest:
            await self._upkeep.put_bodies([(body.id, record)])
            report.summaries_made += 1

    async def _find(self, places: Sequence[Place], report: RepairReport) -> None:
        lost: dict[BodyId, Lost] = {}
        if places:
            lost = await self._finder.lost(places)
        if not lost:
            return
        findings = await self._finder.find(lost)
        await self._put(findings.found)
        report.bodies_found = len(findings.found)
        report.messages_doubtful = sum(len(lost[body_id].messages) for body_id in findings.doubtful)
        gone: defaultdict[MailboxId, list[int]] = defaultdict(list)
        for body_id in findings.nowhere:
            for message in lost[body_id].messages:
                gone[message.mailbox_id].append(message.uid)
        for mailbox_id, uids in gone.items():
            with contextlib.suppress(MailboxNotFound):
                await self._upkeep.drop_messages(mailbox_id, uids)
                report.messages_removed += len(uids)

    async def _put(self, found: Sequence[tuple[BodyId, BodyRecord]]) -> None:
        for start in range(0, len(found), _BODIES):
            some = found[start : start + _BODIES]
            await self._upkeep.put_bodies(some)
            await self._upkeep.recount([], [body_id for body_id, _ in some])
