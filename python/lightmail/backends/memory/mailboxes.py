"""The verbs on mailboxes, in dictionaries."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.annotations import given, mark
from lightmail.backends.keywords import DELETED
from lightmail.backends.memory.state import MemoryState, StoredMailbox
from lightmail.errors import (
    MailboxExists,
    MailboxHasChildren,
    MailboxNameInvalid,
    MailboxNotFound,
    MailboxNotSelectable,
    TooManyAnnotations,
    UserNotFound,
)
from lightmail.model import (
    DELIMITER,
    NOBODY,
    PRIVATE,
    SERVER,
    Annotation,
    Delta,
    Mailbox,
    MailboxId,
    MailboxStatus,
    Quota,
    Rights,
    Usage,
    UserId,
)


class MemoryMailboxes:
    """The mailbox half of `ports.metadata.MetadataStore`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def list_mailboxes(self, user_id: UserId) -> list[Mailbox]:
        mailboxes = [mailbox for mailbox in self._state.mailboxes.values() if mailbox.user_id == user_id]
        return [self._state.view(mailbox) for mailbox in sorted(mailboxes, key=lambda mailbox: mailbox.name)]

    async def list_subscriptions(self, user_id: UserId) -> frozenset[str]:
        return frozenset(name for user, name in self._state.subscriptions if user == user_id)

    async def get_mailbox(self, user_id: UserId, name: str) -> Mailbox:
        return self._state.view(self._find(user_id, name))

    async def get_mailboxes(self, user_ids: Sequence[UserId], name: str) -> dict[UserId, Mailbox]:
        return {user_id: await self.get_mailbox(user_id, name) for user_id in user_ids if self._exists(user_id, name)}

    async def create_mailbox(
        self,
        user_id: UserId,
        name: str,
        *,
        special_use: tuple[str, ...] = (),
        subscribe: bool = False,
        within_quota: bool = False,
    ) -> Mailbox:
        self._state.writable()
        if self._exists(user_id, name):
            mailbox = self._find(user_id, name)
            if mailbox.selectable:
                raise MailboxExists(name)
            if within_quota:
                self._state.require_mailboxes(user_id, 1)
            mailbox.selectable = True
            mailbox.acl |= self._acl_above(user_id, name)
            mailbox.uid_validity = self._state.new_uid_validity(user_id)
        else:
            parents = self._missing_parents(user_id, name)
            if within_quota:
                self._state.require_mailboxes(user_id, 1 + len(parents))
            for parent in parents:
                self._add(user_id, parent)
            mailbox = self._add(user_id, name)
        mailbox.special_use = special_use
        if subscribe:
            self._state.subscriptions.add((user_id, name))
        return self._state.view(mailbox)

    async def rename_mailbox(self, user_id: UserId, source: str, target: str) -> None:
        self._state.writable()
        mailbox = self._find(user_id, source)
        if target.startswith(source + DELIMITER):
            raise MailboxNameInvalid(target, f"is below {source!r} itself")
        if self._exists(user_id, target):
            raise MailboxExists(target)
        parents = self._missing_parents(user_id, target)
        if parents:
            self._state.require_mailboxes(user_id, len(parents))
        for parent in parents:
            self._add(user_id, parent)
        for moving in [mailbox, *self._below(user_id, source)]:
            moving.name = target + moving.name[len(source) :]

    async def delete_mailbox(self, user_id: UserId, name: str) -> None:
        self._state.writable()
        mailbox = self._find(user_id, name)
        children = self._below(user_id, name)
        if children and not mailbox.selectable:
            raise MailboxHasChildren(name)
        self._state.remove_mailbox(mailbox)
        if children:
            # Under a new id, so that sessions that have it open see their mailbox gone.
            parent = self._add(user_id, name)
            parent.selectable, parent.acl = False, {}

    async def set_subscribed(self, user_id: UserId, name: str, subscribed: bool) -> None:
        self._state.writable()
        if subscribed:
            if user_id not in self._state.users:
                raise UserNotFound(str(user_id))
            self._state.subscriptions.add((user_id, name))
        else:
            self._state.subscriptions.discard((user_id, name))

    async def status(self, user_id: UserId, name: str) -> MailboxStatus:
        mailbox = await self.get_mailbox(user_id, name)
        if not mailbox.selectable:
            raise MailboxNotSelectable(name)
        return MailboxStatus(
            messages=mailbox.messages,
            recent=mailbox.recent,
            uid_next=mailbox.uid_next,
            uid_validity=mailbox.uid_validity,
            unseen=mailbox.unseen,
            deleted=mailbox.deleted,
            size_octets=mailbox.size_octets,
            highest_modseq=mailbox.highest_modseq,
            id=mailbox.id,
        )

    async def quota(self, user_id: UserId) -> tuple[Quota, Usage]:
        if user_id not in self._state.users:
            raise UserNotFound(str(user_id))
        return self._state.users[user_id].quota, self._state.usage(user_id)

    async def deleted_octets(self, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, int]:
        found = (self._state.mailboxes[mailbox_id] for mailbox_id in mailbox_ids if mailbox_id in self._state.mailboxes)
        marked = {box.id: [one for one in box.messages.values() if one.flags & DELETED] for box in found}
        return {mailbox_id: self._state.octets(messages) for mailbox_id, messages in marked.items() if messages}

    async def annotations(
        self, user_id: UserId, mailbox_ids: Sequence[MailboxId], entries: Sequence[str] | None = None
    ) -> list[Annotation]:
        return sorted(
            Annotation(mailbox_id, entry, value)
            for (mailbox_id, user, entry), (value, _) in self._state.annotations.items()
            if mailbox_id in mailbox_ids and user in (NOBODY, user_id) and (entries is None or entry in entries)
        )

    async def annotation_marks(
        self, user_id: UserId, mailbox_ids: Sequence[MailboxId]
    ) -> dict[tuple[MailboxId, str], int]:
        found = await self.annotations(user_id, mailbox_ids)
        return {(one.mailbox_id, one.entry): mark(one.value) for one in found}

    async def annotate(
        self,
        user_id: UserId,
        mailbox_id: MailboxId,
        values: Sequence[tuple[str, bytes | None]],
        *,
        owner_id: UserId,
        most: int,
        special_use: tuple[str, ...] | None = None,
    ) -> Delta | None:
        self._state.writable()
        if user_id not in self._state.users and user_id != NOBODY:
            raise UserNotFound(str(user_id))
        if mailbox_id != SERVER and mailbox_id not in self._state.mailboxes:
            raise MailboxNotFound(str(mailbox_id))
        changed = dict(self._state.annotations)
        for entry, value in values:
            private = entry.startswith(PRIVATE)
            key = (mailbox_id, user_id if private else NOBODY, entry)
            changed.pop(key, None)
            if value is not None:
                changed[key] = (value, user_id if private else owner_id)
        for user in {user_id if entry.startswith(PRIVATE) else NOBODY for entry, value in values if value is not None}:
            if sum(key[:2] == (mailbox_id, user) for key in changed) > most:
                raise TooManyAnnotations(most)
        self._state.annotations = changed
        if special_use is not None:
            uses = [
                (box.id, " ".join(box.special_use)) for box in self._state.mailboxes.values() if box.user_id == owner_id
            ]
            for words, one_id in given(special_use, mailbox_id, uses):
                self._state.mailboxes[one_id].special_use = tuple(words.split())
        if mailbox_id == SERVER or not self._state.mailboxes[mailbox_id].selectable:
            return None
        return self._state.commit(self._state.mailboxes[mailbox_id], ())

    async def claim_recent(self, mailbox_id: MailboxId, up_to: int) -> int:
        mailbox = self._state.mailbox(mailbox_id)
        before = mailbox.recent_from
        after = min(up_to, mailbox.uid_next)
        if after > before:
            self._state.writable()
            mailbox.recent_from = after
        return before

    # ---- parts of verbs

    def _find(self, user_id: UserId, name: str) -> StoredMailbox:
        for mailbox in self._state.mailboxes.values():
            if mailbox.user_id == user_id and mailbox.name == name:
                return mailbox
        raise MailboxNotFound(name)

    def _exists(self, user_id: UserId, name: str) -> bool:
        return any(box.user_id == user_id and box.name == name for box in self._state.mailboxes.values())

    def _below(self, user_id: UserId, name: str) -> list[StoredMailbox]:
        prefix = name + DELIMITER
        return [b for b in self._state.mailboxes.values() if b.user_id == user_id and b.name.startswith(prefix)]

    def _missing_parents(self, user_id: UserId, name: str) -> list[str]:
        """Highest first."""
        levels = name.split(DELIMITER)
        parents = [DELIMITER.join(levels[:depth]) for depth in range(1, len(levels))]
        return [parent for parent in parents if not self._exists(user_id, parent)]

    def _acl_above(self, user_id: UserId, name: str) -> dict[str, Rights]:
        """What a new mailbox inherits (RFC 4314 §4, CREATE); those between it and the nearest one exist already."""
        parent = name.rpartition(DELIMITER)[0]
        return dict(self._find(user_id, parent).acl) if parent and self._exists(user_id, parent) else {}

    def _add(self, user_id: UserId, name: str) -> StoredMailbox:
        mailbox = StoredMailbox(
            id=MailboxId(next(self._state.mailbox_ids)),
            user_id=user_id,
            name=name,
            uid_validity=self._state.new_uid_validity(user_id),
        )
        mailbox.acl = self._acl_above(user_id, name)
        self._state.mailboxes[mailbox.id] = mailbox
        return mailbox
