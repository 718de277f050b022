"""Upkeep in dictionaries: leases, jobs, the seal; records out and in. See also `counting.py`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from lightmail.backends.memory.counting import MemoryCounting
from lightmail.backends.memory.state import MemoryState, StoredBody, StoredMailbox, StoredMessage
from lightmail.backends.patching import Patching, ranges_of
from lightmail.errors import MailboxExists, MailboxNotFound, UserExists, UserNotFound
from lightmail.model import (
    NOBODY,
    AccountRecord,
    Annotation,
    BodyId,
    Entries,
    ExpungeRange,
    MailboxId,
    MailboxPatch,
    MailboxRecord,
    ModSeq,
    StoredBodyRecord,
    UserId,
)


class MemoryUpkeep(MemoryCounting):
    """Implements `ports.upkeep.Upkeep`. Every verb runs without suspending, which makes it one transaction."""

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self._state = state

    # ---- leases, jobs, the seal

    async def take_lease(self, name: str, holder: str, *, seconds: int) -> bool:
        now_s = self._state.clock.now_s()
        owner, until_s = self._state.leases.get(name, (holder, 0))
        if owner != holder and until_s >= now_s:
            return False
        self._state.leases[name] = (holder, now_s + seconds)
        return True

    async def end_lease(self, name: str, holder: str) -> None:
        if self._state.leases.get(name, ("", 0))[0] == holder:
            del self._state.leases[name]

    async def get_job(self, name: str) -> bytes | None:
        return self._state.jobs.get(name)

    async def put_job(self, name: str, state: bytes | None) -> None:
        if state is None:
            self._state.jobs.pop(name, None)
        else:
            self._state.jobs[name] = state

    async def seal(self, reason: str) -> None:
        self._state.seal = reason

    async def unseal(self) -> None:
        self._state.seal = None

    async def sealed(self) -> str | None:
        return self._state.seal

    # ---- out

    async def account_records(self, after: UserId, limit: int) -> list[AccountRecord]:
        return [self._account(user_id) for user_id in sorted(self._state.users) if user_id > after][:limit]

    async def mailbox_records(self, after: MailboxId, limit: int) -> list[MailboxRecord]:
        return [
            MailboxRecord(self._state.view(mailbox), mailbox.keywords, mailbox.entries)
            for mailbox in self._state.page(after, limit)
        ]

    async def account_acls(self, user_id: UserId) -> dict[MailboxId, Entries]:
        return {box.id: box.entries for box in self._state.mailboxes.values() if box.user_id == user_id and box.acl}

    async def expunge_ranges(self, mailbox_id: MailboxId, after: ModSeq) -> list[ExpungeRange]:
        mailbox = self._state.mailboxes.get(mailbox_id)
        return ranges_of((modseq, uid) for modseq, uid in mailbox.expunges if modseq > after) if mailbox else []

    async def body_records(self, body_ids: Sequence[BodyId]) -> list[StoredBodyRecord]:
        found = ((body_id, self._state.bodies.get(body_id)) for body_id in sorted(set(body_ids)))
        return [
            StoredBodyRecord(body_id, body.record, body.references, None if body.references else body.unreferenced_s)
            for body_id, body in found
            if body is not None
        ]

    # ---- in

    async def put_accounts(self, accounts: Sequence[AccountRecord]) -> None:
        state = self._state
        given = {account.user.id for account in accounts}
        taken = {user.address: user.id for user in state.users.values() if user.id not in given}
        taken |= {alias: user_id for alias, user_id in state.aliases.items() if user_id not in given}
        for account in accounts:
            for address in (account.user.address, *account.aliases):
                if taken.setdefault(address, account.user.id) != account.user.id:
                    raise UserExists(address)
        state.aliases = {alias: user_id for alias, user_id in state.aliases.items() if user_id not in given}
        state.subscriptions = {(user_id, name) for user_id, name in state.subscriptions if user_id not in given}
        state.annotations = {key: kept for key, kept in state.annotations.items() if kept[1] not in given}
        for account in accounts:
            user = account.user
            for one in account.annotations:
                key = (one.mailbox_id, user.id if one.private else NOBODY, one.entry)
                state.annotations[key] = (one.value, user.id)
            state.users[user.id] = user
            state.user_ids = itertools.count(max(next(state.user_ids), user.id + 1))
            state.aliases |= dict.fromkeys(account.aliases, user.id)
            state.subscriptions |= {(user.id, name) for name in account.subscriptions}
            kept = {digest: each for digest, each in state.app_passwords.items() if each.user_id != user.id}
            state.app_passwords = kept | {each.digest: each for each in account.app_passwords}
            state.raise_uid_validity(user.address, account.last_uid_validity)

    async def drop_accounts(self, user_ids: Sequence[UserId]) -> None:
        for user_id in user_ids:
            self._state.remove_user(user_id)

    async def put_mailboxes(self, mailboxes: Sequence[MailboxRecord]) -> None:
        state = self._state
        given = {record.mailbox.id for record in mailboxes}
        taken = {(mailbox.user_id, mailbox.name) for mailbox in state.mailboxes.values() if mailbox.id not in given}
        for record in mailboxes:
            if record.mailbox.user_id not in state.users:
                raise UserNotFound(str(record.mailbox.user_id))
            if (record.mailbox.user_id, record.mailbox.name) in taken:
                raise MailboxExists(record.mailbox.name)
        for record in mailboxes:
            there = record.mailbox
            here = state.mailboxes.setdefault(
                there.id, StoredMailbox(there.id, there.user_id, there.name, there.uid_validity)
            )
            here.user_id, here.name, here.uid_validity = there.user_id, there.name, there.uid_validity
            here.special_use, here.selectable = there.special_use, there.selectable
            here.recent_from, here.acl = there.recent_from, dict(record.acl)
            state.mailbox_ids = itertools.count(max(next(state.mailbox_ids), there.id + 1))
            state.raise_uid_validity(state.users[there.user_id].address, there.uid_validity)

    async def drop_mailboxes(self, mailbox_ids: Sequence[MailboxId]) -> None:
        for mailbox_id in mailbox_ids:
            if mailbox_id in self._state.mailboxes:
                self._state.remove_mailbox(self._state.mailboxes[mailbox_id])

    async def apply(self, patch: MailboxPatch) -> None:
        state, patching = self._state, Patching(patch)
        mailbox = state.mailboxes.get(patch.mailbox_id)
        if mailbox is None:
            raise MailboxNotFound(str(patch.mailbox_id))
        added = {body_id: record for body_id, record in patch.bodies if body_id not in state.bodies}
        patching.require(state.bodies.keys() | added.keys())
        now_s = state.clock.now_s()
        for body_id, record in added.items():
            state.bodies[body_id] = StoredBody(record, references=0, unreferenced_s=now_s)
            state.body_ids = itertools.count(max(next(state.body_ids), body_id + 1))
        leaving = mailbox.chosen(patching.leaving)
        for message in leaving:
            del mailbox.messages[message.uid]
        for uid, _, flags, modseq, body, internaldate, zone, savedate, *_ in patching.rows:
            message = StoredMessage(uid, BodyId(body), flags, ModSeq(modseq), internaldate, zone, savedate)
            mailbox.messages[uid] = message
        mailbox.messages = dict(sorted(mailbox.messages.items()))
        state.refer(BodyId(row[4]) for row in patching.rows)
        state.unrefer(message.body_id for message in leaving)
        logged = {(gone.modseq, uid) for gone in patch.expunged for uid in range(gone.first_uid, gone.last_uid + 1)}
        mailbox.expunges = sorted(logged | set(mailbox.expunges))
        mailbox.keywords = patch.keywords
        mailbox.uid_next, mailbox.highest_modseq = patch.uid_next, patch.highest_modseq

    # ---- parts of verbs

    def _account(self, user_id: UserId) -> AccountRecord:
        user = self._state.users[user_id]
        return AccountRecord(
            user=user,
            aliases=tuple(sorted(alias for alias, owner in self._state.aliases.items() if owner == user_id)),
            subscriptions=tuple(sorted(name for owner, name in self._state.subscriptions if owner == user_id)),
            last_uid_validity=self._state.uid_validities.get(user.address, 0),
            annotations=tuple(
                sorted(
                    Annotation(mailbox_id, entry, value)
                    for (mailbox_id, _, entry), (value, account_id) in self._state.annotations.items()
                    if account_id == user_id
                )
            ),
            app_passwords=tuple(sorted(each for each in self._state.app_passwords.values() if each.user_id == user_id)),
        )
