"""The MetadataStore port: mailboxes, messages, the change log. The database is the truth (law 4).

Verbs take sets; each verb is one transaction, durable when it returns (law 1). UIDs and MODSEQs are taken inside it
(law 2). Packed rows are text, one message a line, as `_core.index` documents (MESSAGE_ROW).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lightmail._core.index import UidSet
from lightmail.model import (
    Annotation,
    Appended,
    BodyId,
    CopyOutcome,
    Delta,
    Entries,
    ExpungeOutcome,
    FlagOp,
    FlagOutcome,
    Mailbox,
    MailboxId,
    MailboxStatus,
    ModSeq,
    MoveOutcome,
    NewMessage,
    Quota,
    ReplaceOutcome,
    Rights,
    SharedMailbox,
    Uid,
    Usage,
    UserId,
)

MESSAGE_ROW = (
    "uid",
    "size",
    "flags",
    "modseq",
    "body_id",
    "internaldate",
    "internaldate_zone",
    "savedate",
    "sent_date",
    "sent_zone",
)
"""The columns of a packed row, separated by one blank, each row ended by a line feed."""


SummaryRow = tuple[int, bytes, bytes, bytes, bytes, str]
"""body_id, header, envelope, bodystructure, parts, preview, as SummaryCache.insert takes them."""


@dataclass(frozen=True, slots=True)
class PackedMessages:
    """All messages of a mailbox at one point in time."""

    blocks: Sequence[str]
    keywords: tuple[str, ...]
    uid_next: int
    highest_modseq: ModSeq


@dataclass(frozen=True, slots=True)
class BodyLocation:
    """Where a body's octets are."""

    body_id: BodyId
    object_key: str
    raw_octets: int
    stored_octets: int


class MetadataStore(Protocol):
    # ---- mailboxes. Names are full names; checks of syntax and of INBOX's rules are the mail service's.

    async def list_mailboxes(self, user_id: UserId) -> list[Mailbox]:
        """All mailboxes of a user, with counters, ordered by name."""
        ...

    async def list_subscriptions(self, user_id: UserId) -> frozenset[str]:
        """Subscribed names; a subscription outlives its mailbox (RFC 9051 §6.3.7)."""
        ...

    async def get_mailbox(self, user_id: UserId, name: str) -> Mailbox:
        """Raises MailboxNotFound. May return one with selectable=False."""
        ...

    async def get_mailboxes(self, user_ids: Sequence[UserId], name: str) -> dict[UserId, Mailbox]:
        """The mailbox of this name of each user that has one, in one statement; selectable or not."""
        ...

    async def create_mailbox(
        self,
        user_id: UserId,
        name: str,
        *,
        special_use: tuple[str, ...] = (),
        subscribe: bool = False,
        within_quota: bool = False,
    ) -> Mailbox:
        """Creates missing parents too; all get the rights that the nearest one above has (RFC 4314 §4). within_quota: raises
        OverQuota when the account may have no more mailboxes. A \\Noselect name becomes selectable, with a new UIDVALIDITY.
        UIDVALIDITY is greater than any this name had before (law 2). Raises MailboxExists, UserNotFound.
        """
        ...

    async def rename_mailbox(self, user_id: UserId, source: str, target: str) -> None:
        """Moves the mailbox and all below it, ids and UIDVALIDITY kept; missing parents of target are created.
        Raises MailboxNotFound, MailboxExists, OverQuota (mailboxes).
        """
        ...

    async def rename_inbox(self, user_id: UserId, target: str) -> MoveOutcome:
        """INBOX's messages move to a new mailbox, INBOX stays and is empty (RFC 9051 §6.3.6).
        Raises MailboxExists, OverQuota (mailboxes).
        """
        ...

    async def delete_mailbox(self, user_id: UserId, name: str) -> None:
        """Removes it with its messages; with children it stays as \\Noselect. Subscriptions stay.
        Raises MailboxNotFound, MailboxHasChildren (already \\Noselect and still with children).
        """
        ...

    async def set_subscribed(self, user_id: UserId, name: str, subscribed: bool) -> None:
        """The mailbox need not exist. Raises UserNotFound, where there is nobody to subscribe (any more)."""
        ...

    async def status(self, user_id: UserId, name: str) -> MailboxStatus:
        """From the mailbox row alone. Raises MailboxNotFound, MailboxNotSelectable."""
        ...

    async def quota(self, user_id: UserId) -> tuple[Quota, Usage]:
        """What an account may have and what it has, in one statement over the rows of its mailboxes. Raises UserNotFound."""
        ...

    async def deleted_octets(self, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, int]:
        """Octets of the messages with \\Deleted, of those mailboxes that have any, in one statement (RFC 9208 §4.1.4)."""
        ...

    async def annotations(
        self, user_id: UserId, mailbox_ids: Sequence[MailboxId], entries: Sequence[str] | None = None
    ) -> list[Annotation]:
        """The shared ones of these mailboxes (SERVER among them, or not) and this user's own, by mailbox and entry, in one
        statement. entries: only these.
        """
        ...

    async def annotation_marks(
        self, user_id: UserId, mailbox_ids: Sequence[MailboxId]
    ) -> dict[tuple[MailboxId, str], int]:
        """Of the same ones, by mailbox and entry, a number that is another one for another value, in one statement."""
        ...

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
        """Set entries (in lower case, each once), remove those whose value is None; all or none. Those that are private become
        this user's, the others are shared; NOBODY sets shared ones. owner_id: of the mailbox; NOBODY with SERVER.
        most: so many private ones and so many shared ones there may be of one mailbox afterwards; raises TooManyAnnotations.
        special_use: those that the mailbox has from now on, and no other of its owner (RFC 6154 §4); None: as they are.
        Returns the change of the mailbox, which has a new MODSEQ (RFC 7162 §3.2); of one that holds no messages there
        is none. Raises UserNotFound, MailboxNotFound. Source: RFC 5464 §4.3.
        """
        ...

    async def claim_recent(self, mailbox_id: MailboxId, up_to: int) -> int:
        """Sets recent_from to `up_to`, at most UIDNEXT, if that is greater; returns the earlier value.

        Writes nothing when it is not. Source: RFC 3501 §2.3.2.
        """
        ...

    # ---- rights (RFC 4314). An identifier stands for an address, or ANYONE, perhaps with "-" in front.

    async def visible_mailboxes(
        self, user_id: UserId, identifiers: Sequence[str], limit: int
    ) -> tuple[list[Mailbox], list[SharedMailbox]]:
        """All mailboxes of a user, and those of others that have an entry about one of `identifiers`, by at most `limit`
        entries; with counters, in any order, in one statement.
        """
        ...

    async def shared_mailboxes(
        self, address: str, names: Sequence[str], identifiers: Sequence[str]
    ) -> list[SharedMailbox]:
        """Those mailboxes of the account that have one of these names, with the entries about `identifiers`, in any order,
        in one statement. [] where there is no such account.
        """
        ...

    async def get_acl(self, mailbox_id: MailboxId) -> Entries:
        """All of it; empty, too, where there is no such mailbox."""
        ...

    async def change_acl(self, mailbox_id: MailboxId, identifier: str, op: FlagOp, rights: Rights) -> Delta | None:
        """Set, add or remove rights of an identifier; without any left its entry goes. The mailbox gets a new MODSEQ, so
        that whoever has it open looks; None: nothing has changed. Raises MailboxNotFound, LimitExceeded (entries).
        """
        ...

    # ---- messages

    async def load(self, mailbox_id: MailboxId) -> PackedMessages:
        """Raises MailboxNotFound."""
        ...

    async def changes_since(self, mailbox_id: MailboxId, modseq: ModSeq) -> Delta:
        """Everything after `modseq`. Raises MailboxNotFound."""
        ...

    async def modseqs(self, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, ModSeq]:
        """HIGHESTMODSEQ of each mailbox that exists, in one statement: which of the open ones have changed."""
        ...

    async def expunged_since(self, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
        """UIDs expunged after `modseq` (QRESYNC, RFC 7162 §3.2.5.2)."""
        ...

    async def append(self, messages: Sequence[NewMessage]) -> tuple[list[Appended], list[Delta]]:
        """All or none, in order; one new MODSEQ per mailbox. One Delta per mailbox touched.
        Where a COMMIT is lost it is looked whether it was done: OutcomeUnknown is raised only when that cannot be asked.
        Raises MailboxNotFound, LimitExceeded (keywords), OverQuota: which of the mailboxes have no room.
        """
        ...

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
        """One flag operation on a set of messages; see FlagOutcome. Flags that `rights` do not cover stay as they are.

        uids may name messages that no longer exist; those are skipped. Messages whose flags would not change keep
        their MODSEQ. Raises LimitExceeded (keywords), MailboxNotFound. Source: RFC 9051 §6.4.6, RFC 7162 §3.1.3.
        """
        ...

    async def copy(
        self, source: MailboxId, uids: UidSet, target: MailboxId, *, rights: Rights = Rights.ALL
    ) -> CopyOutcome:
        """Flags, keywords and INTERNALDATE are kept, SAVEDATE is now, bodies are shared (RFC 9051 §6.4.7). Flags that
        `rights`, to the target, do not cover are left out (RFC 4314 §4). Raises MailboxNotFound, LimitExceeded, OverQuota.
        """
        ...

    async def move(
        self, source: MailboxId, uids: UidSet, target: MailboxId, *, rights: Rights = Rights.ALL
    ) -> MoveOutcome:
        """Atomic (RFC 6851 §3.3). source and target may be the same mailbox: new UIDs. Within an account it needs no room.
        rights: as for `copy`. Raises MailboxNotFound, LimitExceeded, OverQuota.
        """
        ...

    async def replace(self, source: MailboxId, uid: Uid, message: NewMessage) -> ReplaceOutcome:
        """Adds the message, as `append` does, and removes that of this UID whatever its flags, as `expunge` does.
        Raises MailboxNotFound, LimitExceeded (keywords). Source: RFC 8508 §3.4.
        """
        ...

    async def expunge(self, mailbox_id: MailboxId, uids: UidSet | None) -> ExpungeOutcome:
        """Removes messages that have \\Deleted, of `uids` only when given; logs each in `expunges`."""
        ...

    # ---- bodies

    async def summaries(self, body_ids: Sequence[BodyId]) -> list[SummaryRow]:
        """In any order."""
        ...

    async def body_locations(self, body_ids: Sequence[BodyId]) -> list[BodyLocation]: ...

    async def unreferenced_bodies(self, limit: int, *, grace_s: int | None = None) -> list[BodyLocation]:
        """Bodies whose reference count is 0; only those that lost the last one more than `grace_s` ago, by the clock of the
        database: a node whose own clock is wrong neither shortens nor lengthens it.
        """
        ...

    async def forget_bodies(self, body_ids: Sequence[BodyId]) -> list[BodyId]:
        """Deletes rows whose count is still 0; returns which, in any order: of those the objects may be deleted."""
        ...

    async def named_bodies(self, body_ids: Sequence[BodyId]) -> frozenset[BodyId]:
        """Those of these that messages name, at one point in time, whatever their counts say. Looks at every message of
        the store: there is no index for it.
        """
        ...

    async def locations_after(self, after: BodyId, limit: int) -> list[BodyLocation]:
        """All bodies that have a row, ascending by id, those beyond `after`."""
        ...

    async def known_keys(self, object_keys: Sequence[str]) -> frozenset[str]:
        """Those of these keys that some body has: the sweep may delete no others (law 3)."""
        ...

    # ---- life

    async def data_version(self) -> int | None:
        """Changes when another process has committed; cheap enough to poll (SQLite data_version).
        None, always and without a statement: there is no such thing here, `modseqs` of what is open tells.
        """
        ...

    async def close(self) -> None: ...
