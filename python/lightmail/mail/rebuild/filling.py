"""From the scratch file and the bodies into the database: one mailbox after the other, some messages at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lightmail._core.index import FIRST_KEYWORD_BIT, MAX_KEYWORDS, SYSTEM_FLAGS
from lightmail.mail.check.reading import side_by_side
from lightmail.mail.rebuild.plan import PlannedMailbox
from lightmail.mail.rebuild.reading import BodyReader, Damaged
from lightmail.mail.rebuild.report import Lost, Progress, RebuildReport
from lightmail.mail.rebuild.scratch import Body, Scratch
from lightmail.model import BodyId, BodyRecord, ExpungeRange, MailboxId, MailboxPatch, ModSeq
from lightmail.ports.upkeep import Upkeep

_AT_ONCE = 200
"""Messages in one patch: their summaries are in memory together."""
_SYSTEM_BITS = {name.lower(): 1 << bit for bit, name in enumerate(SYSTEM_FLAGS)}


@dataclass(slots=True)
class _Bodies:
    """Of some messages."""

    new: list[tuple[BodyId, BodyRecord]]
    """Not in the database yet."""
    damaged: dict[int, tuple[str, str]]
    """Cannot be had: (key, reason)."""


class Filling:
    def __init__(
        self,
        *,
        upkeep: Upkeep,
        scratch: Scratch,
        reader: BodyReader,
        report: RebuildReport,
        progress: Progress,
        total: int,
    ) -> None:
        """total: messages that there are going to be."""
        self._upkeep = upkeep
        self._scratch = scratch
        self._reader = reader
        self._report = report
        self._progress = progress
        self._done = 0
        self._total = total

    async def fill(self, mailbox: PlannedMailbox) -> None:
        """It has been put already, empty or with some of its messages. Raises Unavailable."""
        gone = await self._scratch.expunges(mailbox.id)
        if mailbox.skipped is not None:
            gone.append(ExpungeRange(ModSeq(mailbox.modseq), *mailbox.skipped))
        await self._fill_told(mailbox, gone)
        await self._fill_placed(mailbox)
        await self._apply(mailbox, [], [], expunged=gone, modseq=mailbox.modseq)

    async def skip(self, mailbox: PlannedMailbox) -> None:
        """It is complete."""
        told, placed = await self._scratch.count_of(mailbox.id)
        self._report.messages += told
        self._report.add_guessed(mailbox.account.address, mailbox.name, placed)
        self._step(told + placed)

    async def _fill_told(self, mailbox: PlannedMailbox, gone: list[ExpungeRange]) -> None:
        """gone: gets the UIDs of messages that are lost."""
        after = 0
        while page := await self._scratch.messages(mailbox.id, after, _AT_ONCE):
            after = page[-1][0]
            bodies = await self._bodies({body for _, body, _ in page})
            rows = []
            for uid, body, row in page:
                if body in bodies.damaged:
                    gone.append(ExpungeRange(ModSeq(mailbox.modseq), uid, uid))
                    self._lose(mailbox, uid, bodies.damaged[body])
                else:
                    rows.append(_at_modseq(row, mailbox.modseq))
            await self._apply(mailbox, bodies.new, rows)
            self._report.messages += len(rows)
            self._step(len(page))

    async def _fill_placed(self, mailbox: PlannedMailbox) -> None:
        """Messages that no manifest has, the oldest first."""
        after = (-(2**62), 0)
        while page := await self._scratch.placed(mailbox.id, after, _AT_ONCE):
            after = (page[-1][0], page[-1][2])
            bodies = await self._bodies({body for _, _, body, _ in page})
            facts = await self._scratch.facts({body for _, _, body, _ in page})
            facts |= {body_id: _facts(record) for body_id, record in bodies.new}
            rows = []
            for at, zone, body, flags in page:
                if body in bodies.damaged:
                    self._lose(mailbox, 0, bodies.damaged[body])
                    continue
                raw_octets, sent_date, sent_zone = facts[body]
                bits = flag_bits(flags.split(), mailbox.keywords)
                uid = mailbox.uid_next
                row = (uid, raw_octets, bits, mailbox.modseq, body, at, zone, at, sent_date, sent_zone)
                rows.append(" ".join(map(str, row)) + "\n")
                mailbox.uid_next += 1
            await self._apply(mailbox, bodies.new, rows)
            self._report.add_guessed(mailbox.account.address, mailbox.name, len(rows))
            self._step(len(page))

    async def _bodies(self, body_ids: Iterable[int]) -> _Bodies:
        wanted = await self._scratch.not_there(body_ids)
        found = _Bodies([], await self._scratch.troubles(wanted))

        async def read(body: Body) -> None:
            try:
                record = await self._reader.read(body.key, body.stored_octets)
                if body.raw_octets not in (record.raw_octets, -1):
                    raise Damaged(f"its object has {record.raw_octets} octets instead of {body.raw_octets}")
            except Damaged as error:
                found.damaged[body.id] = (body.key, str(error))
                return
            found.new.append((BodyId(body.id), record))
            self._report.bodies += 1
            self._report.octets += record.raw_octets

        await side_by_side(read, await self._scratch.bodies(wanted))
        return found

    async def _apply(
        self,
        mailbox: PlannedMailbox,
        bodies: Sequence[tuple[BodyId, BodyRecord]],
        rows: Sequence[str],
        *,
        expunged: Sequence[ExpungeRange] = (),
        modseq: int = 0,
    ) -> None:
        """modseq: at the end; until then the mailbox can be told from one that is complete."""
        await self._upkeep.apply(
            MailboxPatch(
                mailbox_id=MailboxId(mailbox.id),
                bodies=bodies,
                rows=["".join(rows)] if rows else [],
                expunged=expunged,
                absent=None,
                keywords=tuple(mailbox.keywords),
                uid_next=mailbox.uid_next,
                highest_modseq=ModSeq(modseq or mailbox.modseq - 1),
            )
        )
        await self._scratch.put(bodies)

    def _lose(self, mailbox: PlannedMailbox, uid: int, trouble: tuple[str, str]) -> None:
        self._report.add_lost(Lost(mailbox.account.address, mailbox.name, uid, *trouble))

    def _step(self, messages: int) -> None:
        self._done += messages
        self._progress("reading bodies", self._done, self._total)


def flag_bits(flags: Iterable[str], keywords: list[str]) -> int:
    """As packed rows have them; keywords: gets those that are new, as long as there is room."""
    bits = 0
    for flag in flags:
        if flag.startswith("\\"):
            bits |= _SYSTEM_BITS.get(flag.lower(), 0)
            continue
        names = [name.lower() for name in keywords]
        if flag.lower() not in names:
            if len(keywords) >= MAX_KEYWORDS:
                continue
            keywords.append(flag)
            names.append(flag.lower())
        bits |= 1 << FIRST_KEYWORD_BIT + names.index(flag.lower())
    return bits - (1 << 64) if bits >> 63 else bits


def _facts(record: BodyRecord) -> tuple[int, int, int]:
    return record.raw_octets, record.summary.sent_date, record.summary.sent_zone


def _at_modseq(row: str, modseq: int) -> str:
    """A packed row, complete with its line feed."""
    uid, size, flags, _, rest = row.split(" ", 4)
    return f"{uid} {size} {flags} {modseq} {rest}\n"
