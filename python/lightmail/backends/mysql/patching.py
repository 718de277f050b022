"""MailboxPatch: a mailbox is led to where it is elsewhere, in one transaction (law 3: bodies come before what names them).

A dozen statements, however many messages there are, as long as they fit into one part (`selection.PART`).
"""

from __future__ import annotations

from collections.abc import Sequence

from lightmail._core.index import UidSet
from lightmail.backends.groups import union
from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.mysql.append import INSERT_MESSAGE, INSERT_SUMMARY
from lightmail.backends.mysql.expunge import delete_rows
from lightmail.backends.mysql.mailbox_row import INSERT_KEYWORD, LOCKED_COLUMNS
from lightmail.backends.mysql.mailboxes import DELETE_ALL_KEYWORDS
from lightmail.backends.mysql.selection import PART, census, parts
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.packing import split_words
from lightmail.backends.patching import Patching
from lightmail.backends.records import body_row, summary_row
from lightmail.errors import MailboxNotFound
from lightmail.model import BodyId, BodyRecord, MailboxPatch

# Selectable or not.
LOCK_MAILBOX = f"""
    SELECT {LOCKED_COLUMNS} FROM mailboxes AS m FORCE INDEX (PRIMARY) WHERE m.id = %(mailbox)s FOR UPDATE
"""
LOCK_BODIES = "SELECT id FROM message_bodies FORCE INDEX (PRIMARY) WHERE id IN %(bodies)s ORDER BY id FOR UPDATE"
# Nothing names them yet: what the patch names of them is counted with everything else. Another patch, of another mailbox,
# may bring the same body at the same moment: who comes second waits for the first, and finds the row there.
INSERT_BODY = """
    INSERT INTO message_bodies (id, object_key, raw_octets, stored_octets, digest, reference_count, unreferenced_s)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON DUPLICATE KEY UPDATE id = id
"""
ADD_SUMMARY = f"{INSERT_SUMMARY.rstrip()} ON DUPLICATE KEY UPDATE body_id = body_id"
SELECT_LOST = """
    SELECT body_id, COUNT(*) FROM messages WHERE mailbox_id = %(mailbox)s AND %(chosen)s GROUP BY body_id ORDER BY NULL
"""
# From left to right: the first looks at the count before.
CHANGE_REFERENCES = """
    UPDATE message_bodies
    SET unreferenced_s = CASE WHEN reference_count + %(by)s = 0 THEN %(now_s)s END,
        reference_count = reference_count + %(by)s
    WHERE id IN %(bodies)s
"""
LOG = """
    INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid) VALUES (%s, %s, %s, %s)
    ON DUPLICATE KEY UPDATE mailbox_id = mailbox_id
"""
UPDATE_MAILBOX = """
    UPDATE mailboxes
    SET uid_next = %(uid_next)s, highest_modseq = %(highest_modseq)s, messages = messages + %(messages)s,
        unseen = unseen + %(unseen)s, deleted = deleted + %(deleted)s, size_octets = size_octets + %(octets)s,
        recent = recent + %(recent)s
    WHERE id = %(mailbox)s
"""


async def apply(statements: Statements, patch: MailboxPatch) -> None:
    """Raises MailboxNotFound, BodyMissing."""
    row = await statements.one(LOCK_MAILBOX, {"mailbox": patch.mailbox_id})
    if row is None:
        raise MailboxNotFound(str(patch.mailbox_id))
    mailbox, patching = MailboxChange(row), Patching(patch)
    await _add_bodies(statements, patch, patching)
    lost = await _remove(statements, mailbox, patching.leaving)
    await statements.many(INSERT_MESSAGE, patching.rows)
    patching.count_arrivals(mailbox)
    await _change_references(statements, patching.references(lost))
    log = [(mailbox.id, gone.modseq, gone.first_uid, gone.last_uid) for gone in patch.expunged]
    await statements.many(LOG, log)
    if patch.keywords != split_words(row[5]):
        await statements.later(DELETE_ALL_KEYWORDS, {"mailbox": mailbox.id})
        await statements.many(INSERT_KEYWORD, [(mailbox.id, bit, word) for bit, word in patching.keywords], later=True)
    values = {"mailbox": mailbox.id, "uid_next": patch.uid_next, "highest_modseq": patch.highest_modseq}
    await statements.later(UPDATE_MAILBOX, {**values, **mailbox.counted()})


async def put_bodies(statements: Statements, bodies: Sequence[tuple[BodyId, BodyRecord]]) -> None:
    """Rows that are missing, whatever names them."""
    ascending = sorted(bodies, key=lambda each: each[0])
    await statements.many(INSERT_BODY, [(body_id, *body_row(body, 0), statements.now_s) for body_id, body in ascending])
    await statements.many(ADD_SUMMARY, [summary_row(body_id, body) for body_id, body in ascending])


async def _add_bodies(statements: Statements, patch: MailboxPatch, patching: Patching) -> None:
    """Raises BodyMissing."""
    given = dict(patch.bodies)
    asked = sorted(given.keys() | set(patching.body_ids))
    present: set[int] = set()
    for at in range(0, len(asked), PART):
        present.update(one for (one,) in await statements.all(LOCK_BODIES, {"bodies": asked[at : at + PART]}))
    patching.require(present | given.keys())
    added = [(body_id, body) for body_id, body in sorted(given.items()) if body_id not in present]
    await statements.many(INSERT_BODY, [(body_id, *body_row(body, 0), statements.now_s) for body_id, body in added])
    await statements.many(ADD_SUMMARY, [summary_row(body_id, body) for body_id, body in added])


async def _remove(statements: Statements, mailbox: MailboxChange, leaving: UidSet) -> list[tuple[int, int]]:
    """(body id, how many messages that named it have left)"""
    lost: list[tuple[int, int]] = []
    groups = await census(statements, mailbox.id, leaving)
    if groups:
        gone = union(groups)
        for chosen, _ in parts(gone):
            lost += await statements.all(SELECT_LOST, {"mailbox": mailbox.id, "chosen": chosen})
        await delete_rows(statements, mailbox, groups, gone)
    return lost


async def _change_references(statements: Statements, changes: list[tuple[int, int]]) -> None:
    """One statement for all bodies whose count changes by as many."""
    alike: dict[int, list[int]] = {}
    for body_id, by in changes:
        alike.setdefault(by, []).append(body_id)
    for by, bodies in alike.items():
        for at in range(0, len(bodies), PART):
            values = {"by": by, "bodies": bodies[at : at + PART], "now_s": statements.now_s}
            await statements.run(CHANGE_REFERENCES, values)
