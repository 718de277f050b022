"""Rows of the databases as values of the model; shared by the metadata backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from lightmail.backends.packing import split_words
from lightmail.errors import MailboxNotFound, MailboxNotSelectable, UserNotFound
from lightmail.model import (
    AppPassword,
    BodyCount,
    BodyId,
    BodyRecord,
    BodySummary,
    ClientSession,
    Counted,
    Mailbox,
    MailboxCount,
    MailboxId,
    MailboxStatus,
    ModSeq,
    Quota,
    StoredBodyRecord,
    UidValidity,
    Usage,
    User,
    UserId,
)
from lightmail.ports.metadata import BodyLocation

Row: TypeAlias = Sequence[Any]

STATUS_COLUMNS = (
    "messages, recent, uid_next, uid_validity, unseen, deleted, size_octets, highest_modseq, selectable, id"
)
LOCATION_COLUMNS = "id, object_key, raw_octets, stored_octets"
SESSION_COLUMNS = "id, user_id, address, protocol, peer, node, process, since_s"
USER_COLUMNS = (
    "id, address, password_hash, enabled, created_s, administrator, quota_octets, quota_messages, quota_mailboxes, "
    "challenge_secrets"
)
APP_PASSWORD_COLUMNS = "digest, user_id, label, scopes, created_s, last_used_s"
USAGE_COLUMNS = "COALESCE(SUM(o.size_octets), 0), COALESCE(SUM(o.messages), 0), COALESCE(SUM(o.selectable), 0)"
"""Of mailboxes AS o, for `usage`. The counters of mailboxes are what an account uses: there is no second count that could
differ, and releases that know nothing of quotas keep them as well.
"""
_ROOM_PARTS = (
    "COALESCE(u.quota_octets, -1)",
    "COALESCE(u.quota_messages, -1)",
    "m.size_octets",
    "m.messages",
    "COALESCE((SELECT SUM(o.size_octets) FROM mailboxes AS o WHERE o.user_id = m.user_id AND o.id <> m.id), 0)",
    "COALESCE((SELECT SUM(o.messages) FROM mailboxes AS o WHERE o.user_id = m.user_id AND o.id <> m.id), 0)",
)


LIMITED = "(u.quota_octets IS NOT NULL OR u.quota_messages IS NOT NULL)"
"""Of users AS u."""


def room_column(joined: Callable[[Sequence[str]], str]) -> str:
    """Of mailboxes AS m, for `quotas.room`: NULL without a limit, and then no other mailbox is looked at.

    joined: the expression that puts a blank between these.
    """
    return f"""
        (SELECT {joined(_ROOM_PARTS)} FROM users AS u
         WHERE u.id = m.user_id AND {LIMITED})
    """


MAILBOX_ROOM = """
    (SELECT CASE WHEN u.quota_mailboxes IS NOT NULL THEN u.quota_mailboxes -
        (SELECT COALESCE(SUM(o.selectable), 0) FROM mailboxes AS o WHERE o.user_id = u.id) END
     FROM users AS u WHERE u.id = {user})
"""
"""How many mailboxes an account may still make; NULL: as many as it likes."""


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
    return MailboxStatus(
        messages=row[0],
        recent=row[1],
        uid_next=row[2],
        uid_validity=UidValidity(row[3]),
        unseen=row[4],
        deleted=row[5],
        size_octets=row[6],
        highest_modseq=ModSeq(row[7]),
        id=MailboxId(row[9]),
    )


def location(row: Row) -> BodyLocation:
    return BodyLocation(BodyId(row[0]), row[1], row[2], row[3])


def user(row: Row | None, sought: str) -> User:
    """Raises UserNotFound."""
    if row is None:
        raise UserNotFound(sought)
    return User(UserId(row[0]), row[1], row[2], bool(row[3]), row[4], bool(row[5]), Quota(*row[6:9]), row[9])


def user_row(user: User) -> tuple[object, ...]:
    """As USER_COLUMNS has it."""
    quota = user.quota
    limits = (quota.octets, quota.messages, quota.mailboxes)
    known = (user.id, user.address, user.password_hash, user.enabled, user.created_s, user.administrator)
    return (*known, *limits, user.challenge_secrets)


def app_password(row: Row) -> AppPassword:
    """row: APP_PASSWORD_COLUMNS."""
    digest, user_id, label, scopes, created_s, last_used_s = row
    return AppPassword(UserId(user_id), label, split_words(scopes), bytes(digest), created_s, last_used_s)


def app_password_row(password: AppPassword) -> tuple[object, ...]:
    """As APP_PASSWORD_COLUMNS has it."""
    scopes = " ".join(password.scopes)
    return (password.digest, password.user_id, password.label, scopes, password.created_s, password.last_used_s)


def usage(row: Row) -> Usage:
    """row: USAGE_COLUMNS. Sums of MySQL are decimals."""
    return Usage(*map(int, row))


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

# ---- Upkeep

STORED_BODY_COLUMNS = """
    b.id, b.object_key, b.raw_octets, b.stored_octets, b.digest, b.reference_count, b.unreferenced_s,
    s.header, s.envelope, s.bodystructure, s.parts, s.sent_date, s.sent_zone, s.message_id, s.base_subject, s.preview
"""
"""Of message_bodies AS b and message_summaries AS s, for `stored_body`."""


def counted_columns(named_bits: str) -> str:
    """Of messages AS g in mailboxes AS m, with message_bodies AS b where there is one; for `mailbox_count`.

    named_bits: the flags that have a name in a mailbox.
    """
    return f"""
        count(*), sum(g.flags & 8 = 0), sum(g.flags & 4 <> 0), sum(g.size_octets), sum(g.uid >= m.recent_from),
        max(g.uid), max(g.modseq), sum(b.id IS NULL), sum(b.id IS NOT NULL AND b.raw_octets <> g.size_octets),
        sum(g.flags & ~{named_bits} <> 0)
    """


LOGGED_COLUMNS = "max(e.last_uid), max(e.modseq)"
"""Of expunges AS e, for `mailbox_count`."""

BODY_COUNT_COLUMNS = """
    b.id, b.object_key, b.raw_octets, b.stored_octets, b.digest, b.reference_count, b.unreferenced_s,
    EXISTS (SELECT 1 FROM message_summaries AS s WHERE s.body_id = b.id)
"""
"""Of message_bodies AS b, for `body_count`."""


def stored_body(row: Row) -> StoredBodyRecord:
    """row: STORED_BODY_COLUMNS."""
    body_id, key, raw_octets, stored_octets, digest, references, unreferenced_s = row[:7]
    header, envelope, bodystructure, parts, sent_date, sent_zone, message_id, base_subject, preview = row[7:]
    summary = BodySummary(
        bytes(header),
        bytes(envelope),
        bytes(bodystructure),
        bytes(parts),
        sent_date,
        sent_zone,
        bytes(message_id),
        base_subject,
        preview,
    )
    record = BodyRecord(key, raw_octets, stored_octets, bytes(digest), summary)
    return StoredBodyRecord(BodyId(body_id), record, references, None if references else unreferenced_s)


def mailbox_count(
    mailbox: Mailbox, counted: Row | None, logged: Row | None, reused: int, last_uid_validity: int
) -> MailboxCount:
    """counted: counted_columns; logged: LOGGED_COLUMNS; None where there is nothing to count.

    reused: messages whose UID the expunge log has too. Sums of MySQL are decimals.
    """
    messages, unseen, deleted, octets, recent, uid, modseq, bodiless, missized, unnamed = map(int, counted or (0,) * 10)
    logged_uid, logged_modseq = logged or (0, 0)
    return MailboxCount(
        mailbox,
        Counted(
            messages=messages,
            unseen=unseen,
            deleted=deleted,
            size_octets=octets,
            recent=recent,
            highest_uid=max(uid, logged_uid),
            highest_modseq=ModSeq(max(modseq, logged_modseq)),
            reused_uids=reused,
            bodiless=bodiless,
            missized=missized,
            unnamed=unnamed,
            last_uid_validity=last_uid_validity,
        ),
    )


def body_count(row: Row, counted: int) -> BodyCount:
    """row: BODY_COUNT_COLUMNS; counted: how many messages name the body."""
    return BodyCount(
        id=BodyId(row[0]),
        object_key=row[1],
        raw_octets=row[2],
        stored_octets=row[3],
        digest=bytes(row[4]),
        references=row[5],
        unreferenced_s=None if row[5] else row[6],
        counted=counted,
        summarized=bool(row[7]),
    )
