"""STORE: one flag operation on a set of messages (RFC 9051 §6.4.6, RFC 7162 §3.1.3).

Most often the set is one message; then its row comes together with the mailbox's, and three statements do.
"""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.groups import reflag, reflag_one
from lightmail.backends.mysql import selection
from lightmail.backends.mysql.mailbox_row import lock, save
from lightmail.backends.mysql.rows import pack_stamped
from lightmail.backends.mysql.selection import census, lock_with_one
from lightmail.backends.mysql.statements import Statements
from lightmail.model import FlagOp, FlagOutcome, MailboxId, ModSeq, Rights

# Of bits the server makes unsigned numbers.
SET_FLAGS = """
    UPDATE messages SET flags = CAST((flags & %(keep)s) | %(add)s AS SIGNED), modseq = %(modseq)s
    WHERE mailbox_id = %(mailbox)s AND %(chosen)s
"""

SET_FLAGS_OF_ONE = """
    UPDATE messages SET flags = %(flags)s, modseq = %(modseq)s WHERE mailbox_id = %(mailbox)s AND uid = %(uid)s
"""


async def set_flags(
    statements: Statements,
    mailbox_id: MailboxId,
    uids: UidSet,
    op: FlagOp,
    flags: tuple[str, ...],
    unchanged_since: ModSeq | None,
    rights: Rights,
) -> FlagOutcome:
    if len(uids) == 1:
        return await _set_flags_of_one(statements, mailbox_id, uids, op, flags, unchanged_since, rights)
    mailbox = (await lock(statements, mailbox_id))[mailbox_id]
    groups = await census(statements, mailbox_id, uids, modseq=unchanged_since)
    change = reflag(mailbox, groups, op, flags, rights)
    if not change.changed:
        return FlagOutcome(UidSet(), change.refused, mailbox.highest_modseq, None)
    values = {"mailbox": mailbox_id, "modseq": mailbox.modseq, "keep": change.keep, "add": change.add}
    await selection.run(statements, SET_FLAGS, change.changed, **values)
    rows = await pack_stamped(statements, mailbox_id, mailbox.modseq)
    await save(statements, [mailbox])
    return FlagOutcome(change.changed, change.refused, mailbox.modseq, mailbox.delta(rows))


async def _set_flags_of_one(
    statements: Statements,
    mailbox_id: MailboxId,
    uids: UidSet,
    op: FlagOp,
    flags: tuple[str, ...],
    unchanged_since: ModSeq | None,
    rights: Rights,
) -> FlagOutcome:
    mailboxes, row = await lock_with_one(statements, uids.first, mailbox_id)
    mailbox = mailboxes[mailbox_id]
    if row is None:
        return FlagOutcome(UidSet(), UidSet(), mailbox.highest_modseq, None)
    after, outcome = reflag_one(mailbox, row, op, flags, unchanged_since, rights)
    if outcome.delta is not None:
        values = {"mailbox": mailbox_id, "uid": uids.first, "flags": after, "modseq": mailbox.modseq}
        await statements.later(SET_FLAGS_OF_ONE, values)
        await save(statements, [mailbox])
    return outcome
