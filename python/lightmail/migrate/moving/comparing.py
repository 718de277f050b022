"""Whether the target is what the source is: accounts, mailboxes, every message's row, the expunge log, references, bodies.

Most of it is looked at while the source is in use; what has changed since is looked at again once it is sealed.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal

from lightmail._core.index import UidSet
from lightmail.errors import BodyCorrupt, BodyMissing, MailboxNotFound
from lightmail.mail.check.reading import Reader, side_by_side
from lightmail.migrate.moving.patience import patiently
from lightmail.migrate.moving.sides import Progress, Report, Side
from lightmail.migrate.moving.structure import accounts, mailboxes, same_account
from lightmail.model import BodyCount, BodyId, Delta, ExpungeRange, MailboxId, MailboxRecord, ModSeq, StoredBodyRecord

Thoroughness = Literal["sample", "full"]

SAMPLE = 1_000
"""Bodies that are read back unless all are."""
_PAGE = 1_000


class Comparison:
    """problems: what is not as it should be, in words; empty: nothing."""

    def __init__(
        self, source: Side, target: Side, reader: Reader, report: Report, progress: Progress, thoroughness: Thoroughness
    ) -> None:
        self._source = source
        self._target = target
        self._reader = reader
        self._report = report
        self._progress = progress
        self._full = thoroughness == "full"
        self._equal: dict[MailboxId, ModSeq] = {}
        """Mailboxes that were found equal, at this MODSEQ."""
        self.problems: list[str] = []

    async def while_in_use(self) -> None:
        """All that can be said while the source changes. Raises Unavailable."""
        pairs = [here.mailbox async for here, there in mailboxes(self._source, self._target) if here and there]
        self._progress.phase("comparing mailboxes", sum(each.messages for each in pairs), 0)
        for each in pairs:
            if each.selectable:
                await self._contents(each.id, each.name, sealed=False)
                self._progress.advance(each.messages, 0)
        await self._bodies()

    async def latest(self, bodies: Sequence[StoredBodyRecord]) -> None:
        """Read back what has been copied since. Raises Unavailable."""
        ids = [each.id for each in bodies]
        known: set[BodyId] = set()
        for start in range(0, len(ids), _PAGE):
            locations = await patiently(self._target.metadata.body_locations, ids[start : start + _PAGE])
            known.update(each.body_id for each in locations)
        # Others were expunged before anything named them here; what was copied of them is nobody's.
        await self._read_back([_counted(each) for each in bodies if each.id in known])

    async def when_sealed(self) -> None:
        """The rest, and everything that can be said at once. Raises Unavailable."""
        async for one, other in accounts(self._source, self._target):
            self._report.accounts += 1
            if one is None or other is None or not same_account(one, other):
                address = (one or other).user.address  # type: ignore[union-attr]
                self.problems.append(f"account {address} is not equal")
        boxes: list[MailboxRecord] = []
        async for here, there in mailboxes(self._source, self._target):
            if here is None or there is None or not _same(here, there):
                self.problems.append(f"mailbox {_name(here or there)} is not equal")
            else:
                boxes.append(here)
        for each in boxes:
            self._report.mailboxes += 1
            self._report.messages += each.mailbox.messages
            self._report.octets += each.mailbox.size_octets
            if each.mailbox.selectable and self._equal.get(each.mailbox.id) != each.mailbox.highest_modseq:
                await self._contents(each.mailbox.id, each.mailbox.name, sealed=True)

    # ---- mailboxes

    async def _contents(self, mailbox_id: MailboxId, name: str, *, sealed: bool) -> None:
        """What has changed since both were found equal; all of it, when they have not been yet."""
        since = self._equal.get(mailbox_id, ModSeq(0))
        try:
            here = await patiently(self._source.metadata.changes_since, mailbox_id, since)
            there = await patiently(self._target.metadata.changes_since, mailbox_id, since)
        except MailboxNotFound:
            if sealed:
                self.problems.append(f"mailbox {name!r} ({mailbox_id}) is not on both sides")
            return
        if here.highest_modseq != there.highest_modseq and not sealed:
            return  # it has changed, and will be followed
        at = here.highest_modseq
        log = [_log(await patiently(side.upkeep.expunge_ranges, mailbox_id, since), at) for side in self._sides]
        differences = list(_differences(here, there))
        if log[0] != log[1]:
            differences.append("the expunge log")
        if differences:
            self.problems.append(f"mailbox {name!r} ({mailbox_id}) is not equal: {', '.join(differences)}")
        else:
            self._equal[mailbox_id] = at

    @property
    def _sides(self) -> tuple[Side, Side]:
        return self._source, self._target

    # ---- bodies

    async def _bodies(self) -> None:
        """References of all; the octets of all, or of a sample."""
        self._progress.phase("counting references", 0, 0)
        chosen: list[BodyCount] = []
        seen = 0
        async for page in self._pages():
            records = {each.id: each for each in await patiently(self._source.upkeep.body_records, _ids(page))}
            for each in page:
                if each.references != each.counted or not each.summarized:
                    self.problems.append(
                        f"body {each.id}: {each.counted} messages name it, its row says {each.references}"
                    )
                elif each.counted and each.id in records and not _same_body(each, records[each.id]):
                    self.problems.append(f"body {each.id} is another one in the source")
            named = [each for each in page if each.counted]
            if self._full:
                await self._read_back(named)
                continue
            for each in named:
                # Every one has the same chance to be among those chosen, however many there are.
                seen += 1
                if len(chosen) < SAMPLE:
                    chosen.append(each)
                elif (at := random.randrange(seen)) < SAMPLE:
                    chosen[at] = each
        await self._read_back(chosen)

    async def _pages(self) -> AsyncIterator[list[BodyCount]]:
        after = BodyId(0)
        while page := await patiently(self._target.upkeep.body_counts, after, _PAGE):
            yield page
            after = page[-1].id

    async def _read_back(self, bodies: Sequence[BodyCount]) -> None:
        self._progress.phase("reading bodies back", len(bodies), sum(each.raw_octets for each in bodies))

        async def look(body: BodyCount) -> None:
            try:
                done = await patiently(self._reader.read, body)
            except (BodyMissing, BodyCorrupt) as error:
                self.problems.append(f"{error} ({body.object_key})")
                return
            if (done.raw_octets, done.digest) != (body.raw_octets, body.digest):
                self.problems.append(f"body {body.id} ({body.object_key}) has other octets than the source's")
            self._report.bodies_read_back += 1
            self._progress.advance(1, body.raw_octets)

        await side_by_side(look, bodies)


def _same(here: MailboxRecord, there: MailboxRecord) -> bool:
    if (here.keywords, here.acl) != (there.keywords, there.acl):
        return False
    return _without_subscription(here) == _without_subscription(there)


def _without_subscription(record: MailboxRecord) -> tuple[object, ...]:
    """Which is the account's."""
    one = record.mailbox
    return (
        *(one.id, one.user_id, one.name, one.uid_validity, one.uid_next, one.highest_modseq, one.special_use),
        *(one.selectable, one.messages, one.unseen, one.deleted, one.size_octets, one.recent_from, one.recent),
    )


def _name(record: MailboxRecord | None) -> str:
    assert record is not None
    return f"{record.mailbox.name!r} ({record.mailbox.id})"


def _differences(here: Delta, there: Delta) -> Iterable[str]:
    if here.uid_next != there.uid_next:
        yield f"UIDNEXT {here.uid_next} and {there.uid_next}"
    if here.highest_modseq != there.highest_modseq:
        yield f"HIGHESTMODSEQ {here.highest_modseq} and {there.highest_modseq}"
    if here.keywords != there.keywords:
        yield "keywords"
    one, other = "".join(here.rows), "".join(there.rows)
    # A backend may tell rows in another order.
    if one != other and (differ := set(one.splitlines()) ^ set(other.splitlines())):
        yield f"{len({row.partition(' ')[0] for row in differ})} messages"


def _log(ranges: Iterable[ExpungeRange], at: ModSeq) -> dict[ModSeq, UidSet]:
    """Which UIDs went with each MODSEQ, up to this one."""
    found: dict[ModSeq, list[tuple[int, int]]] = {}
    for each in ranges:
        if each.modseq <= at:
            found.setdefault(each.modseq, []).append((each.first_uid, each.last_uid))
    return {modseq: UidSet.from_ranges(some) for modseq, some in found.items()}


def _ids(page: Sequence[BodyCount]) -> list[BodyId]:
    return [each.id for each in page]


def _same_body(count: BodyCount, stored: StoredBodyRecord) -> bool:
    record = stored.record
    return (count.object_key, count.raw_octets, count.stored_octets, count.digest) == (
        *(record.object_key, record.raw_octets, record.stored_octets, record.digest),
    )


def _counted(body: StoredBodyRecord) -> BodyCount:
    record = body.record
    return BodyCount(
        id=body.id,
        object_key=record.object_key,
        raw_octets=record.raw_octets,
        stored_octets=record.stored_octets,
        digest=record.digest,
        references=0,
        unreferenced_s=None,
        counted=0,
        summarized=True,
    )
