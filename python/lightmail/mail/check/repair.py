"""What can be put right without guessing: counts, next UIDs, MODSEQs, repeated UIDs, rows of messages that are gone.

No object is deleted, and no message whose body may exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightmail.mail.check.damage import REPAIRS, CheckReport, Damage, Kind
from lightmail.model import BodyId, MailboxId
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.upkeep import Upkeep

_MAILBOXES = 50
_BODIES = 1_000
"""Of one transaction, which holds up whoever writes to them."""
_MAILBOX_COUNTS = (Kind.COUNTERS, Kind.UID_NEXT, Kind.MODSEQ)


@dataclass(slots=True)
class RepairReport:
    mailboxes_counted: int = 0
    bodies_counted: int = 0
    messages_renumbered: int = 0
    messages_removed: int = 0


def repairable(report: CheckReport) -> list[Damage]:
    """What `Repairer` would deal with."""
    return [each for each in report.damages if each.kind in REPAIRS and not _may_be_found(each, report)]


class Repairer:
    """Safe beside running servers; open sessions are told of what changes."""

    def __init__(self, *, upkeep: Upkeep, metadata: MetadataStore) -> None:
        self._upkeep = upkeep
        self._metadata = metadata

    async def repair(self, damages: Sequence[Damage]) -> RepairReport:
        """Raises Unavailable, StoreSealed: part of it may be done, and may be repeated."""
        report = RepairReport()
        await self._count(damages, report)
        for each in damages:
            if each.place is None:
                continue
            if each.kind is Kind.UID_REUSED:
                moved = await self._metadata.move(each.place.mailbox_id, each.uids, each.place.mailbox_id)
                report.messages_renumbered += len(moved.target_uids)
            elif each.kind is Kind.BODILESS:
                await self._remove(each.place.mailbox_id, report)
        return report

    async def _count(self, damages: Sequence[Damage], report: RepairReport) -> None:
        mailboxes = sorted({each.place.mailbox_id for each in damages if each.kind in _MAILBOX_COUNTS and each.place})
        bodies = sorted({each.body_id for each in damages if each.kind is Kind.REFERENCES and each.body_id})
        for start in range(0, len(mailboxes), _MAILBOXES):
            await self._upkeep.recount(mailboxes[start : start + _MAILBOXES], [])
        for start in range(0, len(bodies), _BODIES):
            await self._upkeep.recount([], bodies[start : start + _BODIES])
        report.mailboxes_counted = len(mailboxes)
        report.bodies_counted = len(bodies)

    async def _remove(self, mailbox_id: MailboxId, report: RepairReport) -> None:
        missing: list[tuple[int, BodyId]] = await self._upkeep.missing_bodies(mailbox_id)
        if missing:
            await self._upkeep.drop_messages(mailbox_id, [uid for uid, _ in missing])
            report.messages_removed += len(missing)


def _may_be_found(damage: Damage, report: CheckReport) -> bool:
    """A message without a body row is not given up while there is an object that nobody knows the message of."""
    return damage.kind is Kind.BODILESS and bool(report.counts[Kind.ORPHAN] or report.young_objects)
