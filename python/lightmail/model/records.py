"""Rows as they are, for what moves, rebuilds and checks a store (`ports.upkeep`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightmail._core.index import UidSet
from lightmail.model.accounts import AppPassword, User
from lightmail.model.annotations import Annotation
from lightmail.model.ids import BodyId, MailboxId, ModSeq, UserId
from lightmail.model.mailboxes import Mailbox
from lightmail.model.messages import BodyRecord
from lightmail.model.rights import Entries


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """One account with what hangs on it, mailboxes apart."""

    user: User
    aliases: tuple[str, ...]
    """Ascending."""
    subscriptions: tuple[str, ...]
    """Names, ascending; they need not exist."""
    last_uid_validity: int
    """The greatest that its address has had; 0: none."""
    annotations: tuple[Annotation, ...] = ()
    """Ascending: its private ones, wherever they are, and the shared ones of its mailboxes."""
    app_passwords: tuple[AppPassword, ...] = ()
    """By label, ascending."""


@dataclass(frozen=True, slots=True)
class MailboxRecord:
    mailbox: Mailbox
    """`subscribed` means nothing here: see AccountRecord."""
    keywords: tuple[str, ...]
    """In the order of their bits."""
    acl: Entries = ()


@dataclass(frozen=True, slots=True)
class ExpungeRange:
    """One row of the expunge log (RFC 7162 §3.2.5.2)."""

    modseq: ModSeq
    first_uid: int
    last_uid: int


@dataclass(frozen=True, slots=True)
class StoredBodyRecord:
    """One body as the database knows it."""

    id: BodyId
    record: BodyRecord
    references: int
    unreferenced_s: int | None


@dataclass(frozen=True, slots=True)
class MailboxPatch:
    """The way of a mailbox to the state it has elsewhere. Applied twice it changes nothing the second time."""

    mailbox_id: MailboxId
    bodies: Sequence[tuple[BodyId, BodyRecord]]
    """Those that may be new to the store, with the ids they have elsewhere. Present ones are left as they are."""
    rows: Sequence[str]
    """Blocks of packed rows (MESSAGE_ROW): put in, or in the place of those with the same UID."""
    expunged: Sequence[ExpungeRange]
    """Messages of these UIDs leave, and the log gets these rows, MODSEQs and all."""
    absent: UidSet | None
    """UIDs that must not be there either; not logged. None: nothing more."""
    keywords: tuple[str, ...]
    """In the order of their bits, as the flags of `rows` mean them; replaces the mailbox's."""
    uid_next: int
    highest_modseq: ModSeq
    """Become the mailbox's, exactly."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What the messages of a mailbox come to."""

    messages: int
    unseen: int
    deleted: int
    size_octets: int
    recent: int
    highest_uid: int
    """Of messages and the expunge log; 0: none."""
    highest_modseq: ModSeq
    """Of messages and the expunge log; 0: none."""
    reused_uids: int
    """Messages whose UID the expunge log has as well."""
    bodiless: int
    """Messages whose body has no row."""
    missized: int
    """Messages whose size is not their body's."""
    unnamed: int
    """Messages with a flag bit that is no keyword of the mailbox."""
    last_uid_validity: int
    """The greatest that the owner's address is known to have been given; 0: none."""


@dataclass(frozen=True, slots=True)
class MailboxCount:
    mailbox: Mailbox
    counted: Counted


@dataclass(frozen=True, slots=True)
class Orphans:
    """What is left of mailboxes and accounts that are gone, ascending."""

    rights: list[tuple[MailboxId, str]]
    """(mailbox, identifier): either is gone."""
    annotations: list[tuple[MailboxId, UserId, str]]
    """(mailbox or SERVER, user or NOBODY, entry): the mailbox, the user, or the account that it goes with, is gone."""


@dataclass(frozen=True, slots=True)
class BodyCount:
    id: BodyId
    object_key: str
    raw_octets: int
    stored_octets: int
    digest: bytes
    references: int
    """As its row says."""
    unreferenced_s: int | None
    counted: int
    """How many messages name it."""
    summarized: bool
    """Whether it has a row in `message_summaries`."""
