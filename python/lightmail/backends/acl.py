"""Access control lists as rows, and what a change makes of one; shared by the metadata backends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lightmail.backends.records import Row, mailbox
from lightmail.errors import LimitExceeded
from lightmail.model import Entries, FlagOp, Mailbox, MailboxId, Rights, SharedMailbox, UserId
from lightmail.model.rights import rights_of

MOST_ENTRIES = 1_000
"""Of one mailbox."""


def entries(rows: Iterable[Sequence[str]]) -> Entries:
    """rows: identifiers with letters, in any order."""
    return tuple((identifier, rights_of(letters)) for identifier, letters in sorted(map(tuple, rows)))


def by_mailbox(rows: Iterable[Row]) -> dict[MailboxId, Entries]:
    """rows: a mailbox, an identifier and its letters, in any order."""
    pairs: dict[MailboxId, list[tuple[str, str]]] = {}
    for mailbox_id, identifier, letters in rows:
        pairs.setdefault(MailboxId(mailbox_id), []).append((identifier, letters))
    return {mailbox_id: entries(some) for mailbox_id, some in pairs.items()}


def changed(before: Entries, identifier: str, op: FlagOp, rights: Rights) -> Rights:
    """What the identifier has afterwards. Raises LimitExceeded."""
    had = dict(before).get(identifier, Rights.NONE)
    match op:
        case FlagOp.SET:
            after = rights
        case FlagOp.ADD:
            after = had | rights
        case FlagOp.REMOVE:
            after = had & ~rights
    if after and not had and len(before) >= MOST_ENTRIES:
        raise LimitExceeded("entries of an access control list", MOST_ENTRIES)
    return after


def shared(rows: Iterable[Row]) -> list[SharedMailbox]:
    """rows: `mailbox_columns`, then the owner's address, an identifier and its letters; these two are NULL for a mailbox
    without an entry, others have a row for each.
    """
    found: dict[MailboxId, tuple[Mailbox, str, list[tuple[str, str]]]] = {}
    for row in rows:
        *columns, address, identifier, letters = row
        _, _, its_entries = found.setdefault(MailboxId(columns[0]), (mailbox(columns), address, []))
        if identifier is not None:
            its_entries.append((identifier, letters))
    return [SharedMailbox(box, address, entries(pairs)) for box, address, pairs in found.values()]


def visible(rows: Iterable[Row], user_id: UserId) -> tuple[list[Mailbox], list[SharedMailbox]]:
    """rows: as for `shared`, the user's own ones among them."""
    own, others = [], []
    for row in rows:
        if row[1] == user_id:
            own.append(mailbox(row))
        else:
            others.append(row)
    return own, shared(others)
