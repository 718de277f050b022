"""Messages, bodies, and what the storage verbs answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lightmail._core.index import UidSet
from lightmail.model.ids import BodyId, MailboxId, ModSeq, Uid, UidValidity


@dataclass(frozen=True, slots=True)
class BodySummary:
    """What is kept of a message beside its octets (see `_core.mime.Summary`); wire forms are ready to be sent."""

    header: bytes
    envelope: bytes
    bodystructure: bytes
    parts: bytes
    sent_date: int
    sent_zone: int
    message_id: bytes
    base_subject: str
    preview: str


@dataclass(frozen=True, slots=True)
class BodyRecord:
    """A stored body: durable in the blob store before any row names it (law 3)."""

    object_key: str
    """Never reused, nothing personal in it."""
    raw_octets: int
    """RFC822.SIZE."""
    stored_octets: int
    digest: bytes
    """blake3-256 of the raw octets."""
    summary: BodySummary


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message on its way into one mailbox. The same BodyRecord object in several of them shares one body."""

    mailbox_id: MailboxId
    body: BodyRecord
    flags: tuple[str, ...]
    """System flags and keywords by name; \\Recent is not among them."""
    internaldate: int
    internaldate_zone: int
    savedate: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A change of one mailbox, as `Snapshot.apply` takes it.

    It leads from exactly the state `base_modseq` to `highest_modseq`; who is elsewhere asks `changes_since`.
    """

    mailbox_id: MailboxId
    base_modseq: ModSeq
    highest_modseq: ModSeq
    uid_next: int
    rows: Sequence[str]
    """Blocks of packed rows (MESSAGE_ROW): messages that are new or changed."""
    expunged: UidSet
    keywords: tuple[str, ...]
    """The mailbox's keywords in bit order, after the change."""


@dataclass(frozen=True, slots=True)
class Appended:
    """One message in its mailbox."""

    mailbox_id: MailboxId
    uid: Uid
    uid_validity: UidValidity
    body_id: BodyId


class FlagOp(Enum):
    """RFC 9051 §6.4.6."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class FlagOutcome:
    changed: UidSet
    """UIDs whose flags are now different, and that therefore have the new MODSEQ."""
    refused: UidSet
    """UIDs left alone because their MODSEQ was greater than `unchanged_since`."""
    modseq: ModSeq
    """The new MODSEQ; the mailbox's highest when nothing changed."""
    delta: Delta | None


@dataclass(frozen=True, slots=True)
class CopyOutcome:
    uid_validity: UidValidity
    source_uids: UidSet
    target_uids: UidSet
    """Pairs with source_uids in ascending order."""
    delta: Delta | None
    """Of the target."""


@dataclass(frozen=True, slots=True)
class MoveOutcome:
    uid_validity: UidValidity
    source_uids: UidSet
    target_uids: UidSet
    source_delta: Delta | None
    """Of the source; when the target is the same mailbox it holds both, and target_delta is None."""
    target_delta: Delta | None


@dataclass(frozen=True, slots=True)
class ReplaceOutcome:
    appended: Appended | None
    """None: what was to be replaced is not there, and nothing was done."""
    source_delta: Delta | None
    """When the target is the same mailbox it holds both, and target_delta is None."""
    target_delta: Delta | None


@dataclass(frozen=True, slots=True)
class ExpungeOutcome:
    expunged: UidSet
    modseq: ModSeq
    delta: Delta | None
