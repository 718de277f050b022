"""Counting again, in dictionaries. Here counters are the messages themselves; only what names what can be wrong."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lightmail._core.index import UidSet
from lightmail.backends.memory.state import MemoryState, StoredBody, StoredMailbox
from lightmail.model import (
    NOBODY,
    BodyCount,
    BodyId,
    BodyRecord,
    Counted,
    MailboxCount,
    MailboxId,
    ModSeq,
    Orphans,
)
from lightmail.model.rights import identifiers


class MemoryCounting:
    """The counting half of `ports.upkeep.Upkeep`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def mailbox_counts(self, after: MailboxId, limit: int) -> list[MailboxCount]:
        return [
            MailboxCount(self._state.view(mailbox), self._counted(mailbox))
            for mailbox in self._state.page(after, limit)
        ]

    async def body_counts(self, after: BodyId, limit: int) -> list[BodyCount]:
        counted = self._references()
        page = sorted(body_id for body_id in self._state.bodies if body_id > after)[:limit]
        return [self._body_count(body_id, counted[body_id]) for body_id in page]

    async def missing_bodies(self, mailbox_id: MailboxId) -> list[tuple[int, BodyId]]:
        mailbox = self._state.mailboxes.get(mailbox_id)
        return self._bodiless(mailbox) if mailbox else []

    async def recount(self, mailbox_ids: Sequence[MailboxId], body_ids: Sequence[BodyId]) -> None:
        counted = self._references()
        for body_id in body_ids:
            body = self._state.bodies.get(body_id)
            if body is not None and body.references != counted[body_id]:
                body.references = counted[body_id]
                if not body.references:
                    body.unreferenced_s = self._state.clock.now_s()
        for mailbox_id in mailbox_ids:
            mailbox = self._state.mailboxes.get(mailbox_id)
            if mailbox is not None:
                found = self._counted(mailbox)
                mailbox.highest_modseq = max(mailbox.highest_modseq, found.highest_modseq)
                if found.highest_uid >= mailbox.uid_next:
                    mailbox.uid_next = found.highest_uid + 1
                    mailbox.highest_modseq = mailbox.next_modseq

    async def put_bodies(self, bodies: Sequence[tuple[BodyId, BodyRecord]]) -> None:
        now_s = self._state.clock.now_s()
        for body_id, record in bodies:
            self._state.bodies.setdefault(body_id, StoredBody(record, references=0, unreferenced_s=now_s))
            self._state.body_ids = itertools.count(max(next(self._state.body_ids), body_id + 1))

    async def replace_object(self, body_id: BodyId, old_key: str, new_key: str, stored_octets: int) -> bool:
        body = self._state.bodies.get(body_id)
        if body is None or body.record.object_key != old_key:
            return False
        old = body.record
        body.record = replace(old, object_key=new_key, stored_octets=stored_octets)
        left = StoredBody(old, references=0, unreferenced_s=self._state.clock.now_s())
        self._state.bodies[BodyId(next(self._state.body_ids))] = left
        return True

    async def drop_messages(self, mailbox_id: MailboxId, uids: Sequence[int]) -> None:
        mailbox = self._state.mailbox(mailbox_id)
        gone = {uid for uid, _ in self._bodiless(mailbox)} & set(uids)
        if gone:
            self._state.commit(mailbox, (), expunged=gone)

    async def orphans(self, limit: int) -> Orphans:
        """Rights go with their mailbox here, and so do annotations."""
        known = {name for user in self._state.users.values() for name in identifiers(user.address)}
        rights = [(box.id, name) for box in self._state.mailboxes.values() for name in box.acl if name not in known]
        users = {NOBODY, *self._state.users}
        annotations = [key for key, (_, account) in self._state.annotations.items() if not {key[1], account} <= users]
        return Orphans(sorted(rights)[:limit], sorted(annotations)[:limit])

    async def drop_orphans(self, found: Orphans) -> None:
        for mailbox_id, identifier in found.rights:
            self._state.mailboxes[mailbox_id].acl.pop(identifier, None)
        for key in found.annotations:
            self._state.annotations.pop(key, None)

    # ---- parts of verbs

    def _references(self) -> Counter[BodyId]:
        """How many messages name each body."""
        return Counter(m.body_id for mailbox in self._state.mailboxes.values() for m in mailbox.messages.values())

    def _bodiless(self, mailbox: StoredMailbox) -> list[tuple[int, BodyId]]:
        return [(m.uid, m.body_id) for m in mailbox.messages.values() if m.body_id not in self._state.bodies]

    def _given(self, mailbox: StoredMailbox) -> list[int]:
        owner = self._state.users.get(mailbox.user_id)
        return [] if owner is None else [self._state.uid_validities.get(owner.address, 0)]

    def _counted(self, mailbox: StoredMailbox) -> Counted:
        view = self._state.view(mailbox)
        expunged = UidSet(uid for _, uid in mailbox.expunges)
        modseqs = [message.modseq for message in mailbox.messages.values()]
        return Counted(
            messages=view.messages,
            unseen=view.unseen,
            deleted=view.deleted,
            size_octets=view.size_octets,
            recent=view.recent,
            highest_uid=max([expunged.last, *mailbox.messages]),
            highest_modseq=max([*modseqs, *(modseq for modseq, _ in mailbox.expunges), ModSeq(0)]),
            reused_uids=len(expunged & UidSet(mailbox.messages)),
            bodiless=len(self._bodiless(mailbox)),
            missized=0,
            unnamed=0,
            last_uid_validity=max((*self._given(mailbox), 0)),
        )

    def _body_count(self, body_id: BodyId, counted: int) -> BodyCount:
        body = self._state.bodies[body_id]
        return BodyCount(
            id=body_id,
            object_key=body.record.object_key,
            raw_octets=body.record.raw_octets,
            stored_octets=body.record.stored_octets,
            digest=body.record.digest,
            references=body.references,
            unreferenced_s=None if body.references else body.unreferenced_s,
            counted=counted,
            summarized=True,
        )
