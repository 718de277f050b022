"""Rows of the databases as values of the model; shared by the metadata backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from lightmail.backends.packing import split_words
from lightmail.errors import MailboxNotFound, MailboxNotSelectable, UserNotFound
from lightmail.model import (
    BodyId,
    BodyRecord,
    ClientSession,
    Mailbox,
    MailboxId,
    MailboxStatus,
    ModSeq,
    UidValidity,
    User,
    UserId,
)
from lightmail.ports.metadata import BodyLocation

Row: TypeAlias = Sequence[Any]

STATUS_COLUMNS = "messages, recent, uid_next, uid_validity, unseen, deleted, size_octets, highest_modseq, selectable"
LOCATION_COLUMNS = "id, object_key, raw_octets, stored_octets"
SESSION_COLUMNS = "id, user_id, address, protocol, peer, node, process, since_s"
USER_COLUMNS = "id, address, password_hash, enabled, created_s"


def mailbox_columns(name: str) -> str:
    """Of mailboxes AS m, for `mailbox`. name: the column that names are found by."""
    return f"""
        m.id, m.user_id, m.name, m.uid_validity, m.uid_next, m.highest_modseq,
        EXISTS (SELECT 1 FROM subscriptions AS s WHERE s.user_id = m.user_id AND s.{name} = m.{name}),
        m.special_use, m.selectable, m.messages, m.unseen, m.deleted, m.size_octets, m.recent_from, m.recent
    """


def mailbox(row: Row) -> Mailbox:
    return Mailbox(
        id=MailboxId(row[0]),
        user_id=UserId(row[1]),
        name=row[2],
        uid_validity=UidValidity(row[3]),
        uid_next=row[4],
        highest_modseq=ModSeq(row[5]),
        subscribed=bool(row[6]),
        special_use=split_words(row[7]),
        selectable=bool(row[8]),
        messages=row[9],
        unseen=row[10],
        deleted=row[11],
        size_octets=row[12],
        recent_from=row[13],
        recent=row[14],
    )


def status(row: Row | None, name: str) -> MailboxStatus:
    """Raises MailboxNotFound, MailboxNotSelectable."""
    if row is None:
        raise MailboxNotFound(name)
    if not row[8]:
        raise MailboxNotSelectable(name)
    return MailboxStatus(row[0], row[1], row[2], UidValidity(row[3]), row[4], row[5], row[6], ModSeq(row[7]))


def location(row: Row) -> BodyLocation:
    return BodyLocation(BodyId(row[0]), row[1], row[2], row[3])


def user(row: Row | None, sought: str) -> User:
    """Raises UserNotFound."""
    if row is None:
        raise UserNotFound(sought)
    return User(UserId(row[0]), row[1], row[2], bool(row[3]), row[4])


def session(row: Row) -> ClientSession:
    return ClientSession(row[0], UserId(row[1]), *row[2:])


def session_row(session: ClientSession) -> tuple[object, ...]:
    return (
        session.id,
        session.user_id,
        session.address,
        session.protocol,
        session.peer,
        session.node,
        session.process,
        session.since_s,
    )


def body_row(body: BodyRecord, references: int) -> tuple[object, ...]:
    """object_key, raw_octets, stored_octets, digest, reference_count."""
    return (body.object_key, body.raw_octets, body.stored_octets, body.digest, references)


def summary_row(body_id: int, body: BodyRecord) -> tuple[object, ...]:
    """The columns of message_summaries, as SUMMARY_COLUMNS has them."""
    summary = body.summary
    return (
        body_id,
        summary.header,
        summary.envelope,
        summary.bodystructure,
        summary.parts,
        summary.sent_date,
        summary.sent_zone,
        summary.message_id,
        summary.base_subject,
        summary.preview,
    )


SUMMARY_COLUMNS = (
    "body_id, header, envelope, bodystructure, parts, sent_date, sent_zone, message_id, base_subject, preview"
)
