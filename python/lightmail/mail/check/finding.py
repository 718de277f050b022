"""Bodies whose rows are gone, found again among the objects that no row names.

An object is a message's body when its size and its Date are the message's, and when it says of itself that it was put
into that account. Nobody is given what may be somebody else's, and what may be found is not given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lightmail._core.index import Row, Snapshot, UidSet
from lightmail.errors import MailboxNotFound
from lightmail.mail.check.damage import Place
from lightmail.mail.check.reading import side_by_side
from lightmail.mail.manifests import PREFIX as MANIFESTS
from lightmail.mail.rebuild.reading import BodyReader, Damaged
from lightmail.model import BodyId, BodyRecord
from lightmail.ports.blobs import BlobNotFound, BlobStore, StoredObject
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.upkeep import Upkeep

_PAGE = 1_000


class Marks(NamedTuple):
    """What a message's row and its body have in common."""

    octets: int
    sent_date: int
    sent_zone: int


@dataclass(slots=True)
class Lost:
    """A body without a row, and who misses it."""

    marks: Marks
    messages: list[Place] = field(default_factory=list)

    @property
    def accounts(self) -> set[str]:
        return {place.account for place in self.messages}


@dataclass(frozen=True, slots=True)
class _Candidate:
    record: BodyRecord
    accounts: frozenset[str]
    """As it says of itself; empty: it does not."""


@dataclass(slots=True)
class Findings:
    found: list[tuple[BodyId, BodyRecord]] = field(default_factory=list)
    doubtful: set[BodyId] = field(default_factory=set)
    """There are objects that could be these, and might be others."""
    nowhere: set[BodyId] = field(default_factory=set)
    """No object in the store can be these."""


class Finder:
    def __init__(self, *, upkeep: Upkeep, metadata: MetadataStore, blobs: BlobStore, reader: BodyReader) -> None:
        self._upkeep = upkeep
        self._metadata = metadata
        self._blobs = blobs
        self._reader = reader

    async def lost(self, mailboxes: Iterable[Place]) -> dict[BodyId, Lost]:
        """What messages of these mailboxes name and has no row."""
        lost: dict[BodyId, Lost] = {}
        for place in mailboxes:
            missing = dict(await self._upkeep.missing_bodies(place.mailbox_id))
            try:
                rows = await self._rows(place, missing.keys())
            except MailboxNotFound:  # deleted since
                continue
            for row in rows:
                body = lost.setdefault(missing[row.uid], Lost(Marks(row.size, row.sent_date, row.sent_zone)))
                body.messages.append(Place(place.mailbox_id, place.account, place.mailbox, row.uid))
        return lost

    async def find(self, lost: dict[BodyId, Lost]) -> Findings:
        """Reads every object that no row names. Raises Unavailable."""
        candidates: dict[Marks, list[_Candidate]] = {each.marks: [] for each in lost.values()}
        page: list[StoredObject] = []
        async for each in self._blobs.objects():
            if not each.key.startswith(MANIFESTS):
                page.append(each)
            if len(page) == _PAGE:
                await self._look(page, candidates)
                page = []
        await self._look(page, candidates)
        return _matched(lost, candidates)

    async def _rows(self, place: Place, uids: Iterable[int]) -> Sequence[Row]:
        packed = await self._metadata.load(place.mailbox_id)
        snapshot = Snapshot.load(
            packed.blocks, keywords=packed.keywords, uid_next=packed.uid_next, highest_modseq=packed.highest_modseq
        )
        return snapshot.rows(UidSet(uids))

    async def _look(self, page: Sequence[StoredObject], candidates: dict[Marks, list[_Candidate]]) -> None:
        known = await self._metadata.known_keys([each.key for each in page])

        async def look(each: StoredObject) -> None:
            try:
                record = await self._reader.read(each.key, each.octets)
                marks = Marks(record.raw_octets, record.summary.sent_date, record.summary.sent_zone)
                if marks in candidates:
                    about = await self._blobs.about(each.key)
                    accounts = frozenset(filter(None, about.get("account", "").split(",")))
                    candidates[marks].append(_Candidate(record, accounts))
            except (Damaged, BlobNotFound):
                return

        await side_by_side(look, [each for each in page if each.key not in known])


def _matched(lost: dict[BodyId, Lost], candidates: dict[Marks, list[_Candidate]]) -> Findings:
    findings = Findings()
    taken: set[str] = set()
    for body_id, body in sorted(lost.items()):
        alike = candidates[body.marks]
        own = [each.record for each in alike if body.accounts & each.accounts]
        rivals = [each for each in lost.values() if each.marks == body.marks and each.accounts & body.accounts]
        # Several of the same content are the same mail: a delivery that was tried again. None goes to one of two.
        record = next((record for record in own if record.object_key not in taken), None)
        if record is not None and len({each.digest for each in own}) == 1 and len(own) >= len(rivals):
            taken.add(record.object_key)
            findings.found.append((body_id, record))
        elif alike:
            findings.doubtful.add(body_id)
        else:
            findings.nowhere.add(body_id)
    return findings
