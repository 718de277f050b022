"""From the database to lines: everything, or what has changed since manifests were written last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec

from lightmail.errors import MailboxNotFound
from lightmail.mail.manifests.covered import Covered, Found
from lightmail.mail.manifests.lines import (
    Known,
    KnownAccount,
    account_digest,
    account_line,
    expunges_line,
    mailbox_digest,
    mailbox_line,
    rows_line,
    validity_in,
)
from lightmail.mail.manifests.parts import Parts
from lightmail.model import AccountRecord, BodyId, Delta, Mailbox, MailboxId, MailboxRecord, ModSeq, UserId
from lightmail.ports.metadata import MESSAGE_ROW, MetadataStore, PackedMessages
from lightmail.ports.upkeep import Upkeep

_ACCOUNTS_AT_ONCE = 500
_MAILBOXES_AT_ONCE = 1_000
_BODIES_AT_ONCE = 1_000
_ROWS_IN_LINE = 2_000
_MOST_DEAD = 20_000
_BODY = MESSAGE_ROW.index("body_id")


class WentBack(Exception):
    """The database is older than what was written: it was restored."""


async def tell_everything(parts: Parts, *, metadata: MetadataStore, upkeep: Upkeep) -> Found:
    """Raises Unavailable."""
    found = Found()
    async for account in _accounts(upkeep):
        await _tell_account(parts, account, found)
    teller = _Teller(parts, found, metadata, upkeep)
    async for record in _mailboxes(upkeep):
        await teller.tell(record, 0)
    dead = await metadata.unreferenced_bodies(_MOST_DEAD)
    found.last_body = max([teller.last_body, *(body.body_id for body in dead)])
    await parts.end(dead=[body.object_key for body in dead], last_body=found.last_body)
    return found


async def tell_changes(parts: Parts, covered: Covered, *, metadata: MetadataStore, upkeep: Upkeep) -> Found:
    """Raises WentBack, Unavailable."""
    found = Found()
    async for account in _accounts(upkeep):
        digest = account_digest(account)
        if covered.accounts.get(account.user.id) == (digest, 0):
            found.accounts.add(account.user.id, digest, 0)
        else:
            await _tell_account(parts, account, found)
    teller = _Teller(parts, found, metadata, upkeep)
    async for record in _mailboxes(upkeep):
        mailbox = record.mailbox
        known = covered.mailboxes.get(mailbox.id)
        if known == (mailbox.highest_modseq, mailbox_digest(mailbox)):
            found.mailboxes.add(mailbox.id, *known)
            continue
        modseq = _told_of(mailbox, known)
        if mailbox.highest_modseq < modseq:
            raise WentBack
        await teller.tell(record, modseq)
    accounts_gone = covered.accounts.without(found.accounts)
    mailboxes_gone = covered.mailboxes.without(found.mailboxes)
    dead: list[str] = []
    found.last_body = covered.last_body
    if accounts_gone or mailboxes_gone or not parts.empty:
        dead, found.last_body = await _dead_since(upkeep, covered.last_body)
    await parts.end(accounts_gone=accounts_gone, mailboxes_gone=mailboxes_gone, dead=dead, last_body=found.last_body)
    return found


async def has_gone_back(covered: Covered, upkeep: Upkeep) -> bool:
    """Whether manifests tell of changes that the database has not. Raises Unavailable."""
    async for record in _mailboxes(upkeep):
        mailbox = record.mailbox
        if mailbox.highest_modseq < _told_of(mailbox, covered.mailboxes.get(mailbox.id)):
            return True
    return False


def _told_of(mailbox: Mailbox, known: tuple[int, int] | None) -> int:
    """The MODSEQ up to which it is known; 0: nothing is, or of another mailbox that had this id or name."""
    return known[0] if known and validity_in(known[1]) == mailbox.uid_validity else 0


async def _tell_account(parts: Parts, account: AccountRecord, found: Found) -> None:
    digest = account_digest(account)
    line = account_line(account, parts.number)
    await parts.add(line)
    parts.told_account(KnownAccount(account.user.id, digest, line.told))
    found.accounts.add(account.user.id, digest, 0)


class _Teller:
    """Tells mailboxes, ascending by id."""

    def __init__(self, parts: Parts, found: Found, metadata: MetadataStore, upkeep: Upkeep) -> None:
        self.last_body = 0
        """The greatest id of a body that was told of."""
        self._parts = parts
        self._found = found
        self._metadata = metadata
        self._upkeep = upkeep

    async def tell(self, record: MailboxRecord, since: int) -> None:
        """since: what is known already; 0: nothing."""
        mailbox = record.mailbox
        line = mailbox_line(record, self._parts.number)
        blocks: Sequence[str] = ()
        modseq = mailbox.highest_modseq
        # One that has never had a message needs no look; one that cannot be selected has none any more.
        read = mailbox.selectable and (modseq > max(since, 1) or (mailbox.messages > 0 and not since))
        if read:
            try:
                blocks, state = await self._read(mailbox.id, ModSeq(since))
            except MailboxNotFound:
                return
            modseq = state.highest_modseq
            line = msgspec.structs.replace(line, uid_next=state.uid_next, modseq=modseq, keywords=state.keywords)
        await self._parts.add(line)
        for rows in _split(blocks):
            await self._tell_rows(mailbox, rows)
        if read:
            await self._tell_expunges(mailbox, ModSeq(since), modseq)
        digest = mailbox_digest(mailbox)
        self._parts.told_mailbox(Known(mailbox.id, modseq, digest, line.told))
        self._found.mailboxes.add(mailbox.id, modseq, digest)

    async def _read(self, mailbox_id: MailboxId, since: ModSeq) -> tuple[Sequence[str], Delta | PackedMessages]:
        if since:
            delta = await self._metadata.changes_since(mailbox_id, since)
            return delta.rows, delta
        packed = await self._metadata.load(mailbox_id)
        return packed.blocks, packed

    async def _tell_rows(self, mailbox: Mailbox, rows: Sequence[str]) -> None:
        body_ids = {BodyId(int(row.split(" ", _BODY + 1)[_BODY])) for row in rows}
        self.last_body = max(self.last_body, *body_ids)
        places = await self._metadata.body_locations(sorted(body_ids))
        await self._parts.add(rows_line(mailbox, "".join(rows), places))

    async def _tell_expunges(self, mailbox: Mailbox, since: ModSeq, until: ModSeq) -> None:
        logged = await self._upkeep.expunge_ranges(mailbox.id, since)
        # What is beyond was logged after the messages were read; next time it is told with them.
        ranges = [each for each in logged if each.modseq <= until]
        if ranges:
            await self._parts.add(expunges_line(mailbox, ranges))


async def _accounts(upkeep: Upkeep) -> AsyncIterator[AccountRecord]:
    after = UserId(0)
    while page := await upkeep.account_records(after, _ACCOUNTS_AT_ONCE):
        for account in page:
            yield account
        after = page[-1].user.id


async def _mailboxes(upkeep: Upkeep) -> AsyncIterator[MailboxRecord]:
    after = MailboxId(0)
    while page := await upkeep.mailbox_records(after, _MAILBOXES_AT_ONCE):
        for record in page:
            yield record
        after = page[-1].mailbox.id


async def _dead_since(upkeep: Upkeep, last_body: int) -> tuple[list[str], int]:
    """Objects of bodies that have come and gone since, and the last body that there is."""
    dead: list[str] = []
    while page := await upkeep.body_counts(BodyId(last_body), _BODIES_AT_ONCE):
        dead += [body.object_key for body in page if not body.references]
        last_body = page[-1].id
    return dead, last_body


def _split(blocks: Sequence[str]) -> Iterator[list[str]]:
    """Rows, not too many at a time."""
    for block in blocks:
        rows = block.splitlines(keepends=True)
        for start in range(0, len(rows), _ROWS_IN_LINE):
            yield rows[start : start + _ROWS_IN_LINE]
