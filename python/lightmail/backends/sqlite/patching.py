"""MailboxPatch: a mailbox is led to where it is elsewhere, in one transaction (law 3: bodies come before what names them)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lightmail.backends.groups import union
from lightmail.backends.packing import split_words
from lightmail.backends.patching import Patching
from lightmail.backends.records import body_row, summary_row
from lightmail.backends.sqlite.append import INSERT_MESSAGE, INSERT_SUMMARY
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.expunge import remove_rows
from lightmail.backends.sqlite.mailbox_row import INSERT_KEYWORD, MAILBOX_COLUMNS, MailboxRow
from lightmail.backends.sqlite.mailboxes import DELETE_ALL_KEYWORDS
from lightmail.backends.sqlite.selection import Chosen, OnChosen, census
from lightmail.errors import MailboxNotFound
from lightmail.model import BodyId, BodyRecord, MailboxPatch

SELECT_MAILBOX = f"SELECT {MAILBOX_COLUMNS} FROM mailboxes AS m WHERE m.id = :mailbox"
"""Selectable or not."""

SELECT_LOG = """
    SELECT modseq, first_uid, last_uid FROM expunges
    WHERE mailbox_id = :mailbox AND modseq > :modseq ORDER BY modseq, first_uid
"""

SELECT_PRESENT = "SELECT id FROM message_bodies WHERE id IN (SELECT value FROM json_each(:bodies))"
# Nothing names them yet: what the patch names of them is counted with everything else.
INSERT_BODY = """
    INSERT INTO message_bodies (id, object_key, raw_octets, stored_octets, digest, reference_count, unreferenced_s)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
KEEP = " ON CONFLICT DO NOTHING"
SELECT_LOST = OnChosen.of("""
    SELECT body_id, count(*) FROM messages WHERE mailbox_id = :mailbox AND {chosen} GROUP BY body_id
""")
CHANGE_REFERENCES = """
    UPDATE message_bodies
    SET reference_count = reference_count + change.by,
        unreferenced_s = CASE WHEN reference_count + change.by = 0 THEN :now_s ELSE unreferenced_s END
    FROM (SELECT value ->> 0 AS body_id, value ->> 1 AS by FROM json_each(:changes)) AS change
    WHERE id = change.body_id
"""
LOG = """
    INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid)
    SELECT :mailbox, value ->> 0, value ->> 1, value ->> 2 FROM json_each(:log) WHERE true
    ON CONFLICT DO UPDATE SET last_uid = max(last_uid, excluded.last_uid)
"""


def apply(statements: Statements, patch: MailboxPatch, now_s: int) -> None:
    """Raises MailboxNotFound, BodyMissing."""
    row = statements.one(SELECT_MAILBOX, {"mailbox": patch.mailbox_id})
    if row is None:
        raise MailboxNotFound(str(patch.mailbox_id))
    mailbox, patching = MailboxRow(row), Patching(patch)
    _add_bodies(statements, patch, patching, now_s)
    lost: list[tuple[int, int]] = []
    groups = census(statements, mailbox.id, patching.leaving)
    if groups:
        leaving = union(groups)
        lost = SELECT_LOST.all(statements, Chosen.of(leaving, mailbox=mailbox.id))
        remove_rows(statements, mailbox, groups, leaving)
    statements.many(INSERT_MESSAGE, patching.rows)
    patching.count_arrivals(mailbox)
    changes = json.dumps(patching.references(lost))
    statements.run(CHANGE_REFERENCES, {"changes": changes, "now_s": now_s})
    log = json.dumps([(gone.modseq, gone.first_uid, gone.last_uid) for gone in patch.expunged])
    statements.run(LOG, {"mailbox": mailbox.id, "log": log})
    if patch.keywords != split_words(row[5]):
        statements.run(DELETE_ALL_KEYWORDS, {"mailbox": mailbox.id})
        statements.many(INSERT_KEYWORD, [(mailbox.id, bit, keyword) for bit, keyword in patching.keywords])
    mailbox.save_as(statements, patch.uid_next, patch.highest_modseq)


def put_bodies(statements: Statements, bodies: Sequence[tuple[BodyId, BodyRecord]], now_s: int) -> None:
    """Rows that are missing, whatever names them."""
    statements.many(INSERT_BODY + KEEP, [(body_id, *body_row(body, 0), now_s) for body_id, body in bodies])
    statements.many(INSERT_SUMMARY + KEEP, [summary_row(body_id, body) for body_id, body in bodies])


def _add_bodies(statements: Statements, patch: MailboxPatch, patching: Patching, now_s: int) -> None:
    """Raises BodyMissing."""
    given = dict(patch.bodies)
    asked = json.dumps(sorted(given.keys() | set(patching.body_ids)))
    present = {body_id for (body_id,) in statements.all(SELECT_PRESENT, {"bodies": asked})}
    patching.require(present | given.keys())
    added = [(body_id, body) for body_id, body in sorted(given.items()) if body_id not in present]
    statements.many(INSERT_BODY, [(body_id, *body_row(body, 0), now_s) for body_id, body in added])
    statements.many(INSERT_SUMMARY, [summary_row(body_id, body) for body_id, body in added])
