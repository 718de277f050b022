"""Packed message rows, made inside SQLite, so that they never become Python objects one by one."""

from __future__ import annotations

from lightmail.backends.packing import MAX_MODSEQ
from lightmail.backends.sqlite.connection import Statements

BLOCK_ROWS = 4096

# The columns of ports.metadata.MESSAGE_ROW.
PACKED = (
    "format('%d %d %d %d %d %d %d %d %d %d' || char(10), uid, size_octets, flags, modseq, body_id,"
    " internaldate, internaldate_zone, savedate, sent_date, sent_zone)"
)

PACK_BLOCK = f"""
    SELECT group_concat(packed, ''), count(*), max(uid)
    FROM (SELECT uid, {PACKED} AS packed FROM messages
          WHERE mailbox_id = :mailbox AND uid > :after ORDER BY uid LIMIT {BLOCK_ROWS})
"""

PACK_CHANGED = f"SELECT group_concat({PACKED}, '') FROM messages WHERE mailbox_id = :mailbox AND modseq > :modseq"


def pack_all(statements: Statements, mailbox_id: int) -> list[str]:
    """Every message of a mailbox, in blocks."""
    blocks: list[str] = []
    after, rows = 0, BLOCK_ROWS
    while rows == BLOCK_ROWS:
        block, rows, after = statements.all(PACK_BLOCK, {"mailbox": mailbox_id, "after": after})[0]
        if rows:
            blocks.append(block)
    return blocks


def pack_changed(statements: Statements, mailbox_id: int, modseq: int) -> list[str]:
    """Messages with a greater MODSEQ, in one block; [] when there are none."""
    ((block,),) = statements.all(PACK_CHANGED, {"mailbox": mailbox_id, "modseq": min(modseq, MAX_MODSEQ)})
    return [block] if block else []
