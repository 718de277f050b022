"""Reading a mailbox: all of it, what has changed, what is gone."""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.packing import MAX_MODSEQ
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.mailbox_row import KEYWORDS
from lightmail.backends.sqlite.rows import PACKED, pack_all, pack_changed
from lightmail.backends.states import changes, everything, found, uid_ranges
from lightmail.model import Delta, MailboxId, ModSeq
from lightmail.ports.metadata import PackedMessages

SMALL_ROWS = 256
"""Up to so many rows are read on the loop thread."""

SELECT_STATE = f"""
    SELECT m.uid_next, m.highest_modseq, {KEYWORDS} FROM mailboxes AS m WHERE m.id = :mailbox AND m.selectable
"""

# One statement sees one state, so the three parts fit together. NULL in place of a part that is not small.
SELECT_SMALL_CHANGES = f"""
    SELECT m.uid_next, m.highest_modseq, {KEYWORDS},
        (SELECT CASE WHEN count(*) <= {SMALL_ROWS} THEN coalesce(group_concat(packed, ''), '') END
         FROM (SELECT {PACKED} AS packed FROM messages
               WHERE mailbox_id = m.id AND modseq > :modseq LIMIT {SMALL_ROWS + 1})),
        (SELECT CASE WHEN count(*) <= {SMALL_ROWS} THEN json_group_array(json_array(first_uid, last_uid)) END
         FROM (SELECT first_uid, last_uid FROM expunges
               WHERE mailbox_id = m.id AND modseq > :modseq LIMIT {SMALL_ROWS + 1}))
    FROM mailboxes AS m WHERE m.id = :mailbox AND m.selectable
"""

SELECT_SMALL_MAILBOX = f"""
    SELECT m.uid_next, m.highest_modseq, {KEYWORDS},
        CASE WHEN m.messages <= {SMALL_ROWS} THEN
            (SELECT coalesce(group_concat({PACKED}, ''), '') FROM messages WHERE mailbox_id = m.id) END
    FROM mailboxes AS m WHERE m.id = :mailbox AND m.selectable
"""

SELECT_EXPUNGED = """
    SELECT json_group_array(json_array(first_uid, last_uid)) FROM expunges
    WHERE mailbox_id = :mailbox AND modseq > :modseq
"""

SELECT_MODSEQS = """
    SELECT id, highest_modseq FROM mailboxes WHERE id IN (SELECT value FROM json_each(:mailboxes)) AND selectable
"""


def load(statements: Statements, mailbox_id: MailboxId) -> PackedMessages:
    state = found(statements.one(SELECT_STATE, {"mailbox": mailbox_id}), mailbox_id)
    return everything(state, pack_all(statements, mailbox_id))


def changes_since(statements: Statements, mailbox_id: MailboxId, modseq: ModSeq) -> Delta:
    state = found(statements.one(SELECT_STATE, {"mailbox": mailbox_id}), mailbox_id)
    rows = pack_changed(statements, mailbox_id, modseq)
    return changes(mailbox_id, modseq, state, rows, _expunged(statements, mailbox_id, modseq))


def expunged_since(statements: Statements, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
    found(statements.one(SELECT_STATE, {"mailbox": mailbox_id}), mailbox_id)
    return _expunged(statements, mailbox_id, modseq)


def _expunged(statements: Statements, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
    ((ranges,),) = statements.all(SELECT_EXPUNGED, {"mailbox": mailbox_id, "modseq": min(modseq, MAX_MODSEQ)})
    return uid_ranges(ranges)
