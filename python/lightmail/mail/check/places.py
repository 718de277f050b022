"""Where damage is, in words that an operator knows: accounts, mailboxes, UIDs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lightmail._core.index import Snapshot, UidSet
from lightmail.errors import MailboxNotFound, UserNotFound
from lightmail.mail.check.damage import Damage, Kind, Place, Progress
from lightmail.model import BodyId, Mailbox, MailboxId, ModSeq, UserId
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.upkeep import Upkeep

MOST_MESSAGES = 20
"""Named of each body."""
_PAGE = 1_000
_ROWS = 10_000


class Places:
    """Asks only where something is wrong; one for each check."""

    def __init__(self, *, upkeep: Upkeep, metadata: MetadataStore, directory: Directory) -> None:
        self._upkeep = upkeep
        self._metadata = metadata
        self._directory = directory
        self._addresses: dict[UserId, str] = {}

    async def of(self, mailbox: Mailbox, uid: int = 0) -> Place:
        if mailbox.user_id not in self._addresses:
            try:
                address = (await self._directory.get_user_by_id(mailbox.user_id)).address
            except UserNotFound:
                address = f"user {mailbox.user_id}"
            self._addresses[mailbox.user_id] = address
        return Place(mailbox.id, self._addresses[mailbox.user_id], mailbox.name, uid)

    async def uids(self, kind: Kind, mailbox_id: MailboxId) -> UidSet:
        """The messages that have this kind of damage. Raises MailboxNotFound."""
        if kind is Kind.UID_REUSED:
            # The log first: a message that is expunged between the two is not in both.
            expunged = await self._metadata.expunged_since(mailbox_id, ModSeq(0))
            return expunged & (await self._load(mailbox_id)).uids()
        if kind is Kind.BODILESS:
            return UidSet(uid for uid, _ in await self._upkeep.missing_bodies(mailbox_id))
        if kind is Kind.MESSAGE_SIZE:
            return await self._missized(mailbox_id)
        return UidSet()

    async def name_messages(self, lost: Mapping[BodyId, Damage], progress: Progress) -> None:
        """Fill `Damage.messages` of these bodies."""
        after, looked = MailboxId(0), 0
        while page := await self._upkeep.mailbox_records(after, _PAGE):
            for each in page:
                try:
                    snapshot = await self._load(each.mailbox.id)
                except MailboxNotFound:
                    continue
                for uid, body_id in _with_bodies(snapshot, lost):
                    if len(lost[body_id].messages) < MOST_MESSAGES:
                        lost[body_id].messages.append(await self.of(each.mailbox, uid))
                looked += 1
                progress("messages", looked, 0)
            after = page[-1].mailbox.id

    async def _missized(self, mailbox_id: MailboxId) -> UidSet:
        snapshot = await self._load(mailbox_id)
        uids = list(snapshot.uids())
        found: list[int] = []
        for start in range(0, len(uids), _ROWS):
            rows = snapshot.rows(UidSet(uids[start : start + _ROWS]))
            locations = await self._metadata.body_locations([BodyId(row.body_id) for row in rows])
            octets = {each.body_id: each.raw_octets for each in locations}
            found += [row.uid for row in rows if octets.get(BodyId(row.body_id), row.size) != row.size]
        return UidSet(found)

    async def _load(self, mailbox_id: MailboxId) -> Snapshot:
        packed = await self._metadata.load(mailbox_id)
        return Snapshot.load(
            packed.blocks, keywords=packed.keywords, uid_next=packed.uid_next, highest_modseq=packed.highest_modseq
        )


def _with_bodies(snapshot: Snapshot, bodies: Iterable[BodyId]) -> list[tuple[int, BodyId]]:
    """(UID, body) of the messages that have one of these bodies."""
    wanted = frozenset(bodies)
    uids = snapshot.uids()
    return [
        (uid, BodyId(body_id)) for uid, body_id in zip(uids, snapshot.body_ids(uids), strict=True) if body_id in wanted
    ]
