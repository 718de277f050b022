"""Reading a mailbox: all of it, what has changed, what is gone."""

from __future__ import annotations

import json

from lightmail._core.index import UidSet
from lightmail.backends.packing import MAX_MODSEQ, split_words
from lightmail.backends.sqlite.connection import Row, Statements
from lightmail.backends.sqlite.mailbox_row import KEYWORDS
from lightmail.backends.sqlite.rows import PACKED, pack_all, pack_changed
from lightmail.errors import MailboxNotFound
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


def small_load(row: Row | None, mailbox_id: MailboxId) -> PackedMessages | None:
    """From the row of SELECT_SMALL_MAILBOX; None when the mailbox is not small. Raises MailboxNotFound."""
    uid_next, highest_modseq, keywords, packed = _found(row, mailbox_id)
    if packed is None:
        return None
    return PackedMessages([packed] if packed else [], split_words(keywords), uid_next, highest_modseq)


def load(statements: Statements, mailbox_id: MailboxId) -> PackedMessages:
    row = statements.one(SELECT_STATE, {"mailbox": mailbox_id})
    uid_next, highest_modseq, keywords = _found(row, mailbox_id)
    return PackedMessages(pack_all(statements, mailbox_id), split_words(keywords), uid_next, highest_modseq)


def small_changes(row: Row | None, mailbox_id: MailboxId, modseq: ModSeq) -> Delta | None:
    """From the row of SELECT_SMALL_CHANGES; None when there are too many. Raises MailboxNotFound."""
    uid_next, highest_modseq, keywords, packed, expunged = _found(row, mailbox_id)
    if packed is None or expunged is None:
        return None
    return Delta(
        mailbox_id=mailbox_id,
        base_modseq=modseq,
        highest_modseq=highest_modseq,
        uid_next=uid_next,
        rows=[packed] if packed else [],
        expunged=_ranges(expunged),
        keywords=split_words(keywords),
    )


def changes_since(statements: Statements, mailbox_id: MailboxId, modseq: ModSeq) -> Delta:
    row = statements.one(SELECT_STATE, {"mailbox": mailbox_id})
    uid_next, highest_modseq, keywords = _found(row, mailbox_id)
    return Delta(
        mailbox_id=mailbox_id,
        base_modseq=modseq,
        highest_modseq=highest_modseq,
        uid_next=uid_next,
        rows=pack_changed(statements, mailbox_id, modseq),
        expunged=_expunged(statements, mailbox_id, modseq),
        keywords=split_words(keywords),
    )


def expunged_since(statements: Statements, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
    _found(statements.one(SELECT_STATE, {"mailbox": mailbox_id}), mailbox_id)
    return _expunged(statements, mailbox_id, modseq)


def _expunged(statements: Statements, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
    ((ranges,),) = statements.all(SELECT_EXPUNGED, {"mailbox": mailbox_id, "modseq": min(modseq, MAX_MODSEQ)})
    return _ranges(ranges)


def _ranges(ranges: str) -> UidSet:
    return UidSet() if ranges == "[]" else UidSet.from_ranges([(first, last) for first, last in json.loads(ranges)])


def _found(row: Row | None, mailbox_id: MailboxId) -> Row:
    if row is None:
        raise MailboxNotFound(str(mailbox_id))
    return row
