"""EXPUNGE, and what else removes messages; each leaves its UIDs in the expunge log (RFC 9051 §6.4.3, RFC 7162 §3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail._core.index import UidSet
from lightmail.backends.groups import Group, count_gone, union
from lightmail.backends.mailbox_change import EVERYTHING, MailboxChange
from lightmail.backends.mysql import selection
from lightmail.backends.mysql.mailbox_row import save
from lightmail.backends.mysql.selection import lock_chosen
from lightmail.backends.mysql.statements import Statements
from lightmail.model import ExpungeOutcome, MailboxId

# The order of the join and the index are named, so that no other bodies are locked. unreferenced_s goes first, because
# assignments are made from left to right and it looks at the count before.
UNREFER = """
    UPDATE (SELECT body_id, COUNT(*) AS messages FROM messages WHERE mailbox_id = %(mailbox)s AND %(chosen)s
            GROUP BY body_id ORDER BY NULL) AS gone
    STRAIGHT_JOIN message_bodies AS b FORCE INDEX (PRIMARY) ON b.id = gone.body_id
    SET b.unreferenced_s = CASE WHEN b.reference_count = gone.messages THEN %(now_s)s END,
        b.reference_count = b.reference_count - gone.messages
"""
# Most often nothing is, and then nothing need be locked.
SELECT_DELETED = "SELECT highest_modseq, deleted FROM mailboxes WHERE id = %(mailbox)s AND selectable"
DELETE_MESSAGES = "DELETE FROM messages WHERE mailbox_id = %(mailbox)s AND %(chosen)s"
LOG_RANGE = "INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid) VALUES (%s, %s, %s, %s)"


async def expunge(statements: Statements, mailbox_id: MailboxId, uids: UidSet | None, _now_s: int) -> ExpungeOutcome:
    chosen = await lock_chosen(statements, EVERYTHING if uids is None else uids, mailbox_id, deleted=True)
    mailbox = chosen.mailboxes[mailbox_id]
    if not chosen.groups:
        return ExpungeOutcome(UidSet(), mailbox.highest_modseq, None)
    gone = union(chosen.groups)
    await selection.run(statements, UNREFER, gone, mailbox=mailbox_id, now_s=statements.now_s)
    await remove_rows(statements, mailbox, chosen.groups, gone)
    await save(statements, [mailbox])
    return ExpungeOutcome(gone, mailbox.modseq, mailbox.delta([], gone))


async def remove_rows(statements: Statements, mailbox: MailboxChange, groups: Sequence[Group], gone: UidSet) -> None:
    """Delete the rows, log and count them off; the references of their bodies are the caller's."""
    await delete_rows(statements, mailbox, groups, gone)
    ranges = [(mailbox.id, mailbox.modseq, first, last) for first, last in gone.ranges()]
    await statements.many(LOG_RANGE, ranges, later=True)


async def delete_rows(statements: Statements, mailbox: MailboxChange, groups: Sequence[Group], gone: UidSet) -> None:
    """The same without the log."""
    await selection.run(statements, DELETE_MESSAGES, gone, mailbox=mailbox.id)
    count_gone(mailbox, groups, gone)
