"""Mailboxes and messages in dictionaries: each verb as its port describes it, one message after the other.

Every verb runs without suspending, which makes it one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lightmail._core.index import UidSet
from lightmail.backends.keywords import DELETED, Keywords, covered, moved, signed
from lightmail.backends.memory.acl import MemoryAcl
from lightmail.backends.memory.mailboxes import MemoryMailboxes
from lightmail.backends.memory.state import MemoryState, StoredBody, StoredMailbox, StoredMessage
from lightmail.backends.quotas import Arrival
from lightmail.errors import MailboxExists
from lightmail.model import (
    INBOX,
    Appended,
    BodyId,
    CopyOutcome,
    Delta,
    ExpungeOutcome,
    FlagOp,
    FlagOutcome,
    MailboxId,
    ModSeq,
    MoveOutcome,
    NewMessage,
    ReplaceOutcome,
    Rights,
    Uid,
    UserId,
)
from lightmail.ports.metadata import BodyLocation, PackedMessages, SummaryRow


class MemoryMetadata(MemoryMailboxes, MemoryAcl):
    """Implements `ports.metadata.MetadataStore`."""

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self._state = state

    # ---- messages

    async def load(self, mailbox_id: MailboxId) -> PackedMessages:
        mailbox = self._state.mailbox(mailbox_id)
        return PackedMessages(
            blocks=self._state.packed(mailbox.messages.values()),
            keywords=mailbox.keywords,
            uid_next=mailbox.uid_next,
            highest_modseq=mailbox.highest_modseq,
        )

    async def changes_since(self, mailbox_id: MailboxId, modseq: ModSeq) -> Delta:
        mailbox = self._state.mailbox(mailbox_id)
        return Delta(
            mailbox_id=mailbox_id,
            base_modseq=modseq,
            highest_modseq=mailbox.highest_modseq,
            uid_next=mailbox.uid_next,
            rows=self._state.packed(message for message in mailbox.messages.values() if message.modseq > modseq),
            expunged=await self.expunged_since(mailbox_id, modseq),
            keywords=mailbox.keywords,
        )

    async def modseqs(self, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, ModSeq]:
        found = (self._state.mailboxes.get(mailbox_id) for mailbox_id in mailbox_ids)
        return {mailbox.id: mailbox.highest_modseq for mailbox in found if mailbox is not None and mailbox.selectable}

    async def expunged_since(self, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
        return UidSet(uid for at, uid in self._state.mailbox(mailbox_id).expunges if at > modseq)

    async def append(self, messages: Sequence[NewMessage]) -> tuple[list[Appended], list[Delta]]:
        self._state.writable()
        # Everything that can fail comes first: all or none.
        keywords: dict[MailboxId, Keywords] = {}
        bits = []
        for message in messages:
            mailbox = self._state.mailbox(message.mailbox_id)
            known = keywords.setdefault(mailbox.id, Keywords(mailbox.keywords))
            bits.append(known.bits_of(message.flags, create=True))
        counts = Counter(message.mailbox_id for message in messages)
        octets: Counter[MailboxId] = Counter()
        for message in messages:
            octets[message.mailbox_id] += message.body.raw_octets
        self._state.require_room(
            [Arrival(at, self._state.mailbox(at).user_id, octets[at], count) for at, count in counts.items()]
        )
        uids = {mailbox_id: iter(self._state.mailbox(mailbox_id).take_uids(n)) for mailbox_id, n in counts.items()}
        body_ids: dict[str, BodyId] = {}
        appended: list[Appended] = []
        added: dict[MailboxId, list[StoredMessage]] = {}
        for message, flags in zip(messages, bits, strict=True):
            mailbox = self._state.mailbox(message.mailbox_id)
            body_id = body_ids.get(message.body.object_key)
            if body_id is None:
                body_id = body_ids[message.body.object_key] = BodyId(next(self._state.body_ids))
                self._state.bodies[body_id] = StoredBody(message.body, references=0)
            row = StoredMessage(
                uid=next(uids[mailbox.id]),
                body_id=body_id,
                flags=flags,
                modseq=mailbox.next_modseq,
                internaldate=message.internaldate,
                internaldate_zone=message.internaldate_zone,
                savedate=message.savedate,
            )
            self._insert(mailbox, [row])
            added.setdefault(mailbox.id, []).append(row)
            appended.append(Appended(mailbox.id, Uid(row.uid), mailbox.uid_validity, body_id))
        deltas = [
            self._state.commit(self._state.mailbox(mailbox_id), rows, keywords=keywords[mailbox_id])
            for mailbox_id, rows in added.items()
        ]
        return appended, deltas

    async def set_flags(
        self,
        mailbox_id: MailboxId,
        uids: UidSet,
        op: FlagOp,
        flags: tuple[str, ...],
        unchanged_since: ModSeq | None = None,
        *,
        rights: Rights = Rights.ALL,
    ) -> FlagOutcome:
        self._state.writable()
        mailbox = self._state.mailbox(mailbox_id)
        chosen = mailbox.chosen(uids)
        limit = mailbox.highest_modseq if unchanged_since is None else unchanged_since
        refused = [message for message in chosen if message.modseq > limit]
        allowed = [message for message in chosen if message.modseq <= limit]
        keywords = Keywords(mailbox.keywords)
        # A keyword comes into being with the first message that gets it.
        mask = covered(rights)
        create = op is not FlagOp.REMOVE and bool(allowed) and Rights.WRITE in rights
        bits = keywords.bits_of(flags, create=create) & mask
        changed = []
        for message in allowed:
            after = signed((message.flags & ~mask) | (_after(op, message.flags, bits) & mask))
            if after != message.flags:
                message.flags = after
                changed.append(message)
        delta = self._state.commit(mailbox, changed, keywords=keywords) if changed else None
        return FlagOutcome(
            changed=UidSet(message.uid for message in changed),
            refused=UidSet(message.uid for message in refused),
            modseq=mailbox.highest_modseq,
            delta=delta,
        )

    async def copy(
        self, source: MailboxId, uids: UidSet, target: MailboxId, *, rights: Rights = Rights.ALL
    ) -> CopyOutcome:
        self._state.writable()
        source_box, target_box = self._state.mailbox(source), self._state.mailbox(target)
        chosen = source_box.chosen(uids)
        self._require_room(chosen, target_box)
        copies, keywords = self._copies(chosen, source_box, target_box, rights)
        self._insert(target_box, copies)
        return CopyOutcome(
            uid_validity=target_box.uid_validity,
            source_uids=UidSet(message.uid for message in chosen),
            target_uids=UidSet(message.uid for message in copies),
            delta=self._state.commit(target_box, copies, keywords=keywords) if copies else None,
        )

    async def move(
        self, source: MailboxId, uids: UidSet, target: MailboxId, *, rights: Rights = Rights.ALL
    ) -> MoveOutcome:
        self._state.writable()
        return self._move(self._state.mailbox(source), uids, self._state.mailbox(target), rights)

    async def rename_inbox(self, user_id: UserId, target: str) -> MoveOutcome:
        self._state.writable()
        inbox = self._find(user_id, INBOX)
        if self._exists(user_id, target):
            raise MailboxExists(target)
        await self.create_mailbox(user_id, target, within_quota=True)
        created = self._find(user_id, target)
        for (mailbox_id, user, entry), kept in list(self._state.annotations.items()):
            if mailbox_id == inbox.id:
                self._state.annotations[created.id, user, entry] = kept
        return self._move(inbox, UidSet(inbox.messages), self._find(user_id, target), Rights.ALL)

    async def expunge(self, mailbox_id: MailboxId, uids: UidSet | None) -> ExpungeOutcome:
        self._state.writable()
        mailbox = self._state.mailbox(mailbox_id)
        gone = [m for m in mailbox.messages.values() if m.flags & DELETED and (uids is None or m.uid in uids)]
        delta = self._state.commit(mailbox, (), expunged=[message.uid for message in gone]) if gone else None
        self._state.unrefer(message.body_id for message in gone)
        return ExpungeOutcome(UidSet(message.uid for message in gone), mailbox.highest_modseq, delta)

    async def replace(self, source: MailboxId, uid: Uid, message: NewMessage) -> ReplaceOutcome:
        self._state.writable()
        source_box, target_box = self._state.mailbox(source), self._state.mailbox(message.mailbox_id)
        gone = source_box.messages.get(uid)
        if gone is None:
            return ReplaceOutcome(None, None, None)
        keywords = Keywords(target_box.keywords)
        flags = keywords.bits_of(message.flags, create=True)
        octets, messages = message.body.raw_octets, 1
        if source_box.user_id == target_box.user_id:
            octets, messages = octets - self._state.bodies[gone.body_id].record.raw_octets, 0
        self._state.require_room([Arrival(target_box.id, target_box.user_id, octets, messages)])
        body_id = BodyId(next(self._state.body_ids))
        self._state.bodies[body_id] = StoredBody(message.body, references=0)
        row = StoredMessage(
            uid=next(iter(target_box.take_uids(1))),
            body_id=body_id,
            flags=flags,
            modseq=target_box.next_modseq,
            internaldate=message.internaldate,
            internaldate_zone=message.internaldate_zone,
            savedate=message.savedate,
        )
        self._insert(target_box, [row])
        self._state.unrefer([gone.body_id])
        appended = Appended(target_box.id, Uid(row.uid), target_box.uid_validity, body_id)
        if source == message.mailbox_id:
            both = self._state.commit(source_box, [row], expunged=[uid], keywords=keywords)
            return ReplaceOutcome(appended, both, None)
        source_delta = self._state.commit(source_box, (), expunged=[uid])
        return ReplaceOutcome(appended, source_delta, self._state.commit(target_box, [row], keywords=keywords))

    # ---- bodies

    async def summaries(self, body_ids: Sequence[BodyId]) -> list[SummaryRow]:
        rows: list[SummaryRow] = []
        for body_id in dict.fromkeys(body_ids):
            if body_id in self._state.bodies:
                summary = self._state.bodies[body_id].record.summary
                kept = (summary.header, summary.envelope, summary.bodystructure, summary.parts, summary.preview)
                rows.append((body_id, *kept))
        return rows

    async def body_locations(self, body_ids: Sequence[BodyId]) -> list[BodyLocation]:
        return [self._location(body_id) for body_id in dict.fromkeys(body_ids) if body_id in self._state.bodies]

    async def unreferenced_bodies(self, limit: int, *, grace_s: int | None = None) -> list[BodyLocation]:
        before_s = None if grace_s is None else self._state.clock.now_s() - grace_s
        found = [
            body_id
            for body_id, body in self._state.bodies.items()
            if not body.references and (before_s is None or body.unreferenced_s < before_s)
        ]
        return [self._location(body_id) for body_id in found[:limit]]

    async def forget_bodies(self, body_ids: Sequence[BodyId]) -> list[BodyId]:
        self._state.writable()
        found = ((body_id, self._state.bodies.get(body_id)) for body_id in dict.fromkeys(body_ids))
        forgotten = [body_id for body_id, body in found if body is not None and not body.references]
        for body_id in forgotten:
            del self._state.bodies[body_id]
        return forgotten

    async def named_bodies(self, body_ids: Sequence[BodyId]) -> frozenset[BodyId]:
        messages = (message for mailbox in self._state.mailboxes.values() for message in mailbox.messages.values())
        return frozenset(body_ids) & {message.body_id for message in messages}

    async def locations_after(self, after: BodyId, limit: int) -> list[BodyLocation]:
        page = sorted(body_id for body_id in self._state.bodies if body_id > after)[:limit]
        return [self._location(body_id) for body_id in page]

    async def known_keys(self, object_keys: Sequence[str]) -> frozenset[str]:
        return frozenset(object_keys) & {body.record.object_key for body in self._state.bodies.values()}

    # ---- life

    async def data_version(self) -> int:
        return 0

    async def close(self) -> None:
        """Nothing is open."""

    # ---- parts of verbs

    def _insert(self, mailbox: StoredMailbox, messages: Sequence[StoredMessage]) -> None:
        mailbox.messages.update((message.uid, message) for message in messages)
        self._state.refer(message.body_id for message in messages)

    def _require_room(self, messages: Sequence[StoredMessage], target: StoredMailbox) -> None:
        """For copies of these. Raises OverQuota."""
        if messages:
            octets = self._state.octets(messages)
            self._state.require_room([Arrival(target.id, target.user_id, octets, len(messages))])

    def _copies(
        self, chosen: Sequence[StoredMessage], source: StoredMailbox, target: StoredMailbox, rights: Rights
    ) -> tuple[list[StoredMessage], Keywords]:
        """Rows for the target, not yet in it, with the keywords it then has."""
        source_keywords, keywords = Keywords(source.keywords), Keywords(target.keywords)
        used, allowed = 0, covered(rights)
        for message in chosen:
            used |= message.flags
        pairs = keywords.remap(used & allowed, source_keywords)
        now_s = self._state.clock.now_s()
        copies = [
            StoredMessage(
                uid=uid,
                body_id=message.body_id,
                flags=moved(message.flags & allowed, pairs),
                modseq=target.next_modseq,
                internaldate=message.internaldate,
                internaldate_zone=message.internaldate_zone,
                savedate=now_s,
            )
            for uid, message in zip(target.take_uids(len(chosen)), chosen, strict=True)
        ]
        return copies, keywords

    def _move(self, source: StoredMailbox, uids: UidSet, target: StoredMailbox, rights: Rights) -> MoveOutcome:
        chosen = source.chosen(uids)
        gone = [message.uid for message in chosen]
        if source.user_id != target.user_id:
            self._require_room(chosen, target)
        copies, keywords = self._copies(chosen, source, target, rights)
        self._insert(target, copies)
        self._state.unrefer(message.body_id for message in chosen)
        source_delta = target_delta = None
        if copies and source is target:
            source_delta = self._state.commit(source, copies, expunged=gone, keywords=keywords)
        elif copies:
            source_delta = self._state.commit(source, (), expunged=gone)
            target_delta = self._state.commit(target, copies, keywords=keywords)
        return MoveOutcome(
            uid_validity=target.uid_validity,
            source_uids=UidSet(gone),
            target_uids=UidSet(message.uid for message in copies),
            source_delta=source_delta,
            target_delta=target_delta,
        )

    def _location(self, body_id: BodyId) -> BodyLocation:
        record = self._state.bodies[body_id].record
        return BodyLocation(body_id, record.object_key, record.raw_octets, record.stored_octets)


def _after(op: FlagOp, before: int, bits: int) -> int:
    match op:
        case FlagOp.SET:
            return bits
        case FlagOp.ADD:
            return before | bits
        case FlagOp.REMOVE:
            return before & ~bits
