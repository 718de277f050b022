"""STORE: one flag operation on a set of messages (RFC 9051 §6.4.6, RFC 7162 §3.1.3).

Most often the set is one message; then its row comes together with the mailbox's, and three statements do.
"""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.groups import reflag, reflag_one
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.mailbox_row import MAILBOX_COLUMNS, MailboxRow
from lightmail.backends.sqlite.rows import pack_changed
from lightmail.backends.sqlite.selection import Chosen, OnChosen, census
from lightmail.errors import MailboxNotFound
from lightmail.model import FlagOp, FlagOutcome, MailboxId, ModSeq, Rights

SET_FLAGS = OnChosen.of("""
    UPDATE messages SET flags = (flags & :keep) | :add, modseq = :modseq
    WHERE mailbox_id = :mailbox AND {chosen}
""")

SELECT_ONE = f"""
    SELECT {MAILBOX_COLUMNS}, s.uid, s.size_octets, s.flags, s.modseq, s.body_id, s.internaldate, s.internaldate_zone,
        s.savedate, s.sent_date, s.sent_zone
    FROM mailboxes AS m LEFT JOIN messages AS s ON s.mailbox_id = m.id AND s.uid = :uid
    WHERE m.id = :mailbox AND m.selectable
"""
SET_FLAGS_OF_ONE = """
    UPDATE messages SET flags = :flags, modseq = :modseq WHERE mailbox_id = :mailbox AND uid = :uid
"""


def set_flags(
    statements: Statements,
    mailbox_id: MailboxId,
    uids: UidSet,
    op: FlagOp,
    flags: tuple[str, ...],
    unchanged_since: ModSeq | None,
    rights: Rights,
) -> FlagOutcome:
    if len(uids) == 1:
        return _set_flags_of_one(statements, mailbox_id, uids, op, flags, unchanged_since, rights)
    mailbox = MailboxRow.get(statements, mailbox_id)
    groups = census(statements, mailbox_id, uids, modseq=unchanged_since)
    change = reflag(mailbox, groups, op, flags, rights)
    if not change.changed:
        return FlagOutcome(UidSet(), change.refused, mailbox.highest_modseq, None)
    values = {"mailbox": mailbox_id, "modseq": mailbox.modseq, "keep": change.keep, "add": change.add}
    SET_FLAGS.run(statements, Chosen.of(change.changed, **values))
    rows = pack_changed(statements, mailbox_id, mailbox.highest_modseq)
    mailbox.save(statements)
    return FlagOutcome(change.changed, change.refused, mailbox.modseq, mailbox.delta(rows))


def _set_flags_of_one(
    statements: Statements,
    mailbox_id: MailboxId,
    uids: UidSet,
    op: FlagOp,
    flags: tuple[str, ...],
    unchanged_since: ModSeq | None,
    rights: Rights,
) -> FlagOutcome:
    row = statements.one(SELECT_ONE, {"mailbox": mailbox_id, "uid": uids.first})
    if row is None:
        raise MailboxNotFound(str(mailbox_id))
    mailbox = MailboxRow(row)
    if row[7] is None:
        return FlagOutcome(UidSet(), UidSet(), mailbox.highest_modseq, None)
    after, outcome = reflag_one(mailbox, row[7:], op, flags, unchanged_since, rights)
    if outcome.delta is not None:
        values = {"mailbox": mailbox_id, "uid": uids.first, "flags": after, "modseq": mailbox.modseq}
        statements.run(SET_FLAGS_OF_ONE, values)
        mailbox.save(statements)
    return outcome
