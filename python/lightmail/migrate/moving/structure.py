"""Accounts and mailboxes: who they are, what they are called. Both sides are read side by side, in the order of ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from lightmail.errors import UserExists
from lightmail.mail.check.reading import side_by_side
from lightmail.migrate.moving.contents import Behind
from lightmail.migrate.moving.patience import patiently
from lightmail.migrate.moving.sides import Side
from lightmail.model import NOBODY, SERVER, AccountRecord, Mailbox, MailboxId, MailboxRecord, ModSeq, UserId

T = TypeVar("T")

_PAGE = 1_000
_BATCH = 500
"""Records of one transaction."""


class Structure:
    def __init__(self, source: Side, target: Side) -> None:
        self._source = source
        self._target = target
        self._accounts: set[UserId] = set()
        """Those that the target has."""
        self.changes = 0
        """Accounts and mailboxes that were not equal, so far."""

    async def follow(self) -> list[Behind]:
        """Make accounts and mailboxes equal; the mailboxes whose contents are not. Raises Unavailable.

        While the source is in use, what one account has is read at one point in time, and different accounts at
        different ones; an account that changes while it is read is for the next time.
        """
        await self._accounts_follow()
        moved: set[UserId] = set()
        marked: list[MailboxRecord] = []
        behind: list[Behind] = []
        async for here, there in mailboxes(self._source, self._target):
            one = (here or there).mailbox  # type: ignore[union-attr]
            if here is None or there is None or _differs(here.mailbox, there.mailbox):
                moved.add(one.user_id)
            elif here.mailbox.selectable:
                if here.mailbox.recent_from != there.mailbox.recent_from or here.acl != there.acl:
                    marked.append(here)
                if _is_behind(here.mailbox, there.mailbox) or here.keywords != there.keywords:
                    behind.append(_behind(here.mailbox, there.mailbox))
        known = [user_id for user_id in moved if user_id in self._accounts]
        # Their contents are looked at again with their mailboxes as they are by then.
        per_user: dict[UserId, list[Behind]] = {}

        async def one_account(user_id: UserId) -> None:
            per_user[user_id] = await self._mailboxes_follow(user_id)

        await side_by_side(one_account, known)
        marked = [each for each in marked if each.mailbox.user_id not in moved]
        for batch in _batches(marked):
            await patiently(self._target.upkeep.put_mailboxes, batch)
        self.changes += len(marked)
        found = {each.mailbox_id: each for each in behind}
        found.update((each.mailbox_id, each) for some in per_user.values() for each in some)
        return [found[mailbox_id] for mailbox_id in sorted(found)]

    async def _accounts_follow(self) -> None:
        gone: list[UserId] = []
        changed: list[AccountRecord] = []
        kept: set[UserId] = set()
        async for here, there in accounts(self._source, self._target):
            if here is None:
                assert there is not None
                gone.append(there.user.id)
                continue
            kept.add(here.user.id)
            if there is None or not same_account(here, there):
                changed.append(here)
        # Those that leave first: another account may have one of their addresses.
        for users in _batches(gone):
            await patiently(self._target.upkeep.drop_accounts, users)
        for records in _batches(changed):
            try:
                await patiently(self._target.upkeep.put_accounts, records)
            except UserExists:
                # An address went to another account while accounts were read: the next round finds them as they are.
                kept.difference_update(record.user.id for record in records)
        self._accounts = kept
        self.changes += len(gone) + len(changed) + await self._server_follows()

    async def _server_follows(self) -> int:
        """The annotations of the server that all share."""
        here, there = [
            {one.entry: one.value for one in await patiently(side.metadata.annotations, NOBODY, [SERVER])}
            for side in (self._source, self._target)
        ]
        changed = [(entry, here.get(entry)) for entry in {*here, *there} if here.get(entry) != there.get(entry)]
        if changed:
            await self._target.metadata.annotate(NOBODY, SERVER, changed, owner_id=NOBODY, most=max(len(here), 1))
        return len(changed)

    async def _mailboxes_follow(self, user_id: UserId) -> list[Behind]:
        """One account: its mailboxes in the source, all at one point in time, become those of the target."""
        source = {each.id: each for each in await patiently(self._source.metadata.list_mailboxes, user_id)}
        target = {each.id: each for each in await patiently(self._target.metadata.list_mailboxes, user_id)}
        gone = [each.id for each in target.values() if each.id not in source or _begun_anew(source[each.id], each)]
        if gone:
            await patiently(self._target.upkeep.drop_mailboxes, gone)
        left = {each.id: each for each in target.values() if each.id not in gone}
        rights = await patiently(self._source.upkeep.account_acls, user_id)
        known = await patiently(self._target.upkeep.account_acls, user_id)
        changed = [
            MailboxRecord(each, (), rights.get(each.id, ()))
            for each in source.values()
            if each.id not in left
            or _differs(each, left[each.id])
            or each.recent_from != left[each.id].recent_from
            or rights.get(each.id) != known.get(each.id)
        ]
        if changed:
            await patiently(self._target.upkeep.put_mailboxes, changed)
        self.changes += len(gone) + len(changed)
        return [
            _behind(each, left.get(each.id))
            for each in source.values()
            if each.selectable and (each.id not in left or _is_behind(each, left[each.id]))
        ]


def same_account(here: AccountRecord, there: AccountRecord) -> bool:
    """The target may know of a later UIDVALIDITY: of an earlier account of this address."""
    return replace(here, last_uid_validity=0) == replace(there, last_uid_validity=0) and (
        here.last_uid_validity <= there.last_uid_validity
    )


def _differs(here: Mailbox, there: Mailbox) -> bool:
    """Apart from what is in them."""
    return (
        here.user_id != there.user_id
        or here.name != there.name
        or here.uid_validity != there.uid_validity
        or here.special_use != there.special_use
        or here.selectable != there.selectable
    )


def _begun_anew(here: Mailbox, there: Mailbox) -> bool:
    """What the target has in it is of another time."""
    used = there.uid_next > 1 or there.highest_modseq > 1
    return used and (here.uid_validity != there.uid_validity or here.highest_modseq < there.highest_modseq)


def _is_behind(here: Mailbox, there: Mailbox) -> bool:
    return (here.highest_modseq, here.uid_next) != (there.highest_modseq, there.uid_next)


def _behind(here: Mailbox, there: Mailbox | None) -> Behind:
    at = there.highest_modseq if there is not None else ModSeq(1)
    # Nothing that a mailbox has had since it was made has the MODSEQ that it was made with.
    return Behind(here.id, here.name, at, fresh=at <= 1, messages=here.messages if at <= 1 else 0)


# ---- both sides, side by side


async def accounts(source: Side, target: Side) -> AsyncIterator[tuple[AccountRecord | None, AccountRecord | None]]:
    """Each account with what it is in the source and in the target, ascending by id."""
    async for pair in _pairs(all_accounts(source), all_accounts(target), lambda record: record.user.id):
        yield pair


async def mailboxes(source: Side, target: Side) -> AsyncIterator[tuple[MailboxRecord | None, MailboxRecord | None]]:
    """Each mailbox with what it is in the source and in the target, ascending by id."""
    async for pair in _pairs(all_mailboxes(source), all_mailboxes(target), lambda record: record.mailbox.id):
        yield pair


async def all_accounts(side: Side) -> AsyncIterator[AccountRecord]:
    after = UserId(0)
    while page := await patiently(side.upkeep.account_records, after, _PAGE):
        for each in page:
            yield each
        after = page[-1].user.id


async def all_mailboxes(side: Side) -> AsyncIterator[MailboxRecord]:
    after = MailboxId(0)
    while page := await patiently(side.upkeep.mailbox_records, after, _PAGE):
        for each in page:
            yield each
        after = page[-1].mailbox.id


async def _pairs(
    left: AsyncIterator[T], right: AsyncIterator[T], number: Callable[[T], int]
) -> AsyncIterator[tuple[T | None, T | None]]:
    """Two ascending sequences as one."""
    one, other = await anext(left, None), await anext(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and number(one) < number(other)):
            yield one, None
            one = await anext(left, None)
        elif one is None or number(other) < number(one):
            yield None, other
            other = await anext(right, None)
        else:
            yield one, other
            one, other = await anext(left, None), await anext(right, None)


def _batches(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
