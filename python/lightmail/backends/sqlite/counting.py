"""Counting again: what rows say of messages, and what these come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from lightmail._core.index import UidSet
from lightmail.backends.groups import union
from lightmail.backends.records import (
    BODY_COUNT_COLUMNS,
    LOGGED_COLUMNS,
    body_count,
    counted_columns,
    mailbox,
    mailbox_columns,
    mailbox_count,
)
from lightmail.backends.recounting import recount as recounted
from lightmail.backends.sqlite.connection import Row, Statements
from lightmail.backends.sqlite.expunge import log_expunged, remove_rows
from lightmail.backends.sqlite.mailbox_row import MailboxRow
from lightmail.backends.sqlite.selection import census
from lightmail.model import BodyCount, BodyId, MailboxCount, MailboxId

_MAILBOXES = f"SELECT {mailbox_columns('name')} FROM mailboxes AS m"
SELECT_PAGE = f"{_MAILBOXES} WHERE m.id > :after ORDER BY m.id LIMIT :limit"
SELECT_THESE = f"{_MAILBOXES} WHERE m.id IN (SELECT value FROM json_each(:mailboxes)) ORDER BY m.id"
SELECT_LAST_UID_VALIDITIES = """
    SELECT u.id, v.last FROM users AS u JOIN uid_validities AS v ON v.address = u.address
    WHERE u.id IN (SELECT value FROM json_each(:users))
"""
RAISE_UID_VALIDITY = """
    INSERT INTO uid_validities (address, last) SELECT u.address, :last FROM users AS u WHERE u.id = :user
    ON CONFLICT (address) DO UPDATE SET last = max(last, excluded.last)
"""
NAMED_BITS = "(31 | (SELECT coalesce(sum(1 << k.bit), 0) FROM mailbox_keywords AS k WHERE k.mailbox_id = {mailbox}))"
COUNT_MESSAGES = f"""
    SELECT m.id, {counted_columns(NAMED_BITS.format(mailbox="m.id"))}
    FROM mailboxes AS m JOIN messages AS g ON g.mailbox_id = m.id LEFT JOIN message_bodies AS b ON b.id = g.body_id
    WHERE m.id IN (SELECT value FROM json_each(:mailboxes)) GROUP BY m.id
"""
COUNT_LOGGED = f"""
    SELECT e.mailbox_id, {LOGGED_COLUMNS} FROM expunges AS e
    WHERE e.mailbox_id IN (SELECT value FROM json_each(:mailboxes)) GROUP BY e.mailbox_id
"""
# From the log's side: each of its ranges is one search by UID.
COUNT_REUSED = """
    SELECT e.mailbox_id, count(DISTINCT g.uid)
    FROM expunges AS e CROSS JOIN messages AS g
        ON g.mailbox_id = e.mailbox_id AND g.uid BETWEEN e.first_uid AND e.last_uid
    WHERE e.mailbox_id IN (SELECT value FROM json_each(:mailboxes)) GROUP BY e.mailbox_id
"""
SET_SIZES = """
    UPDATE messages SET size_octets = b.raw_octets, modseq = :modseq FROM message_bodies AS b
    WHERE mailbox_id = :mailbox AND b.id = body_id AND size_octets <> b.raw_octets
"""
_OF_MAILBOX = NAMED_BITS.format(mailbox=":mailbox")
SET_FLAGS = f"""
    UPDATE messages SET flags = flags & {_OF_MAILBOX}, modseq = :modseq
    WHERE mailbox_id = :mailbox AND flags & ~{_OF_MAILBOX} <> 0
"""
UPDATE_COUNTERS = """
    UPDATE mailboxes
    SET messages = :messages, unseen = :unseen, deleted = :deleted, size_octets = :size_octets, recent = :recent,
        uid_next = :uid_next, highest_modseq = :highest_modseq
    WHERE id = :mailbox_id
"""

SELECT_BODIES = f"SELECT {BODY_COUNT_COLUMNS} FROM message_bodies AS b WHERE b.id > :after ORDER BY b.id LIMIT :limit"
# `messages` has no index on bodies: it is read as a whole, once a page.
COUNT_NAMED = "SELECT body_id, count(*) FROM messages WHERE body_id BETWEEN :first AND :last GROUP BY body_id"
RECOUNT_BODIES = """
    WITH named AS (
        SELECT body_id, count(*) AS messages FROM messages
        WHERE body_id IN (SELECT value FROM json_each(:bodies)) GROUP BY body_id
    ), counted AS (
        SELECT value AS body_id, coalesce(named.messages, 0) AS messages
        FROM json_each(:bodies) LEFT JOIN named ON named.body_id = value
    )
    UPDATE message_bodies
    SET reference_count = counted.messages,
        unreferenced_s = CASE WHEN counted.messages = 0 THEN :now_s ELSE unreferenced_s END
    FROM counted WHERE id = counted.body_id AND reference_count <> counted.messages
"""

SELECT_MISSING = """
    SELECT uid, body_id FROM messages
    WHERE mailbox_id = :mailbox AND NOT EXISTS (SELECT 1 FROM message_bodies WHERE id = body_id) ORDER BY uid
"""


def mailbox_counts(statements: Statements, after: MailboxId, limit: int) -> list[MailboxCount]:
    return _counted(statements, statements.all(SELECT_PAGE, {"after": after, "limit": limit}))


def body_counts(statements: Statements, after: BodyId, limit: int) -> list[BodyCount]:
    rows = statements.all(SELECT_BODIES, {"after": after, "limit": limit})
    if not rows:
        return []
    named: dict[int, int] = dict(statements.all(COUNT_NAMED, {"first": rows[0][0], "last": rows[-1][0]}))
    return [body_count(row, named.get(row[0], 0)) for row in rows]


def recount(statements: Statements, mailbox_ids: Sequence[MailboxId], body_ids: Sequence[BodyId], now_s: int) -> None:
    if mailbox_ids:
        rows = statements.all(SELECT_THESE, {"mailboxes": json.dumps(mailbox_ids)})
        for row in rows:
            values = {"mailbox": row[0], "modseq": mailbox(row).highest_modseq + 1}
            statements.run(SET_SIZES, values)
            statements.run(SET_FLAGS, values)
        counts = _counted(statements, rows)
        for count in counts:
            box = count.mailbox
            if box.uid_validity > count.counted.last_uid_validity:
                statements.run(RAISE_UID_VALIDITY, {"user": box.user_id, "last": box.uid_validity})
        changes = [change for count in counts if (change := recounted(count))]
        statements.many(UPDATE_COUNTERS, [asdict(change) for change in changes])
    if body_ids:
        statements.run(RECOUNT_BODIES, {"bodies": json.dumps(sorted(set(body_ids))), "now_s": now_s})


def drop_messages(statements: Statements, mailbox_id: MailboxId, uids: Sequence[int]) -> None:
    """Raises MailboxNotFound."""
    mailbox_row = MailboxRow.get(statements, mailbox_id)
    bodiless = UidSet(uid for uid, _ in statements.all(SELECT_MISSING, {"mailbox": mailbox_id}))
    groups = census(statements, mailbox_id, bodiless & UidSet(uids))
    if not groups:
        return
    gone = union(groups)
    remove_rows(statements, mailbox_row, groups, gone)
    log_expunged(statements, mailbox_row, gone)
    mailbox_row.save(statements)


def _counted(statements: Statements, rows: Sequence[Row]) -> list[MailboxCount]:
    """rows: of these mailboxes."""
    values = {"mailboxes": json.dumps([row[0] for row in rows])}
    messages = {row[0]: row[1:] for row in statements.all(COUNT_MESSAGES, values)}
    logged = {row[0]: row[1:] for row in statements.all(COUNT_LOGGED, values)}
    reused: dict[int, int] = dict(statements.all(COUNT_REUSED, values))
    mailboxes = [mailbox(row) for row in rows]
    users = json.dumps(sorted({one.user_id for one in mailboxes}))
    last: dict[int, int] = dict(statements.all(SELECT_LAST_UID_VALIDITIES, {"users": users}))
    return [
        mailbox_count(one, messages.get(one.id), logged.get(one.id), reused.get(one.id, 0), last.get(one.user_id, 0))
        for one in mailboxes
    ]
