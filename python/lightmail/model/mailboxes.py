"""Mailboxes as metadata knows them."""

from __future__ import annotations

from dataclasses import dataclass

from lightmail.model.ids import MailboxId, ModSeq, UidValidity, UserId
from lightmail.model.rights import Entries

DELIMITER = "/"
"""The hierarchy delimiter of every mailbox name."""
INBOX = "INBOX"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One row of `mailboxes`. A name that is only subscribed, or only a parent, has no row with an id of its own
    that can be selected: see `selectable`.
    """

    id: MailboxId
    user_id: UserId
    name: str
    """Full name with DELIMITER, Unicode NFC; "INBOX" in upper case."""
    uid_validity: UidValidity
    uid_next: int
    highest_modseq: ModSeq
    subscribed: bool
    special_use: tuple[str, ...]
    """As on the wire: "\\\\Sent" (RFC 6154)."""
    selectable: bool = True
    """False: deleted while it had children, \\Noselect (RFC 9051 §6.3.5)."""
    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    size_octets: int = 0
    recent_from: int = 1
    """Messages with uid >= recent_from are \\Recent to the next session that selects (RFC 3501 §2.3.2)."""
    recent: int = 0
    """Count of these."""


@dataclass(frozen=True, slots=True)
class SharedMailbox:
    """Somebody's mailbox, as one user may see it."""

    mailbox: Mailbox
    account: str
    """The owner's address."""
    entries: Entries
    """Those about this user (RFC 4314 §2)."""


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """What STATUS reports; one row, no message is read (RFC 9051 §6.3.11)."""

    messages: int
    recent: int
    uid_next: int
    uid_validity: UidValidity
    unseen: int
    deleted: int
    size_octets: int
    highest_modseq: ModSeq
    id: MailboxId
