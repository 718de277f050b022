"""APPEND and delivery: bodies, then the messages that name them, in one transaction (laws 1, 2 and 3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.mailbox_row import MailboxRow
from lightmail.backends.sqlite.rows import packed
from lightmail.model import Appended, BodyId, BodyRecord, Delta, MailboxId, NewMessage, Uid

INSERT_BODY = """
    INSERT INTO message_bodies (id, object_key, raw_octets, stored_octets, digest, reference_count)
    VALUES (?, ?, ?, ?, ?, ?)
"""
INSERT_SUMMARY = """
    INSERT INTO message_summaries
        (body_id, header, envelope, bodystructure, parts, sent_date, sent_zone, message_id, base_subject, preview)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_MESSAGE = """
    INSERT INTO messages
        (uid, size_octets, flags, modseq, body_id, internaldate, internaldate_zone, savedate, sent_date, sent_zone,
         mailbox_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
SELECT_LAST_BODY = "SELECT seq FROM sqlite_sequence WHERE name = 'message_bodies'"


def append(statements: Statements, messages: Sequence[NewMessage]) -> tuple[list[Appended], list[Delta]]:
    """Raises MailboxNotFound, LimitExceeded; one statement per table and mailbox, whatever the number of messages."""
    counts = Counter(message.mailbox_id for message in messages)
    mailboxes = MailboxRow.get_many(statements, list(counts))
    body_ids = _add_bodies(statements, messages)
    next_uid = {mailbox_id: mailboxes[mailbox_id].take_uids(count) for mailbox_id, count in counts.items()}
    appended: list[Appended] = []
    rows: list[tuple[int, ...]] = []
    blocks: dict[MailboxId, list[str]] = {mailbox_id: [] for mailbox_id in counts}
    for message in messages:
        mailbox = mailboxes[message.mailbox_id]
        body = message.body
        uid = next_uid[mailbox.id]
        next_uid[mailbox.id] = uid + 1
        flags = mailbox.keywords.bits_of(message.flags, create=True)
        mailbox.count(flags, 1, body.raw_octets)
        body_id = body_ids[body.object_key]
        row = (
            uid,
            body.raw_octets,
            flags,
            mailbox.modseq,
            body_id,
            message.internaldate,
            message.internaldate_zone,
            message.savedate,
            body.summary.sent_date,
            body.summary.sent_zone,
        )
        rows.append((*row, mailbox.id))
        blocks[mailbox.id].append(packed(row))
        appended.append(Appended(mailbox.id, Uid(uid), mailbox.uid_validity, BodyId(body_id)))
    if len(rows) == 1:
        statements.run(INSERT_MESSAGE, rows[0])
    else:
        statements.many(INSERT_MESSAGE, rows)
    deltas = [mailbox.save(statements, ["".join(blocks[mailbox_id])]) for mailbox_id, mailbox in mailboxes.items()]
    return appended, deltas


def _add_bodies(statements: Statements, messages: Sequence[NewMessage]) -> dict[str, int]:
    """Body ids by object key; ids are never used twice, since caches go by them."""
    references = Counter(message.body.object_key for message in messages)
    bodies = {message.body.object_key: message.body for message in messages}
    if len(bodies) == 1:
        ((key, body),) = bodies.items()
        body_id = statements.insert(INSERT_BODY, _body_row(None, body, references[key]))
        statements.run(INSERT_SUMMARY, _summary_row(body_id, body))
        return {key: body_id}
    last = statements.one(SELECT_LAST_BODY)
    ids = {key: at for at, key in enumerate(bodies, 1 + (last[0] if last else 0))}
    statements.many(INSERT_BODY, [_body_row(ids[key], body, references[key]) for key, body in bodies.items()])
    statements.many(INSERT_SUMMARY, [_summary_row(ids[key], body) for key, body in bodies.items()])
    return ids


def _body_row(body_id: int | None, body: BodyRecord, references: int) -> tuple[object, ...]:
    return (body_id, body.object_key, body.raw_octets, body.stored_octets, body.digest, references)


def _summary_row(body_id: int, body: BodyRecord) -> tuple[object, ...]:
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
