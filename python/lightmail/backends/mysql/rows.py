"""Packed message rows, made inside the server, so that they never become Python objects one by one."""

from __future__ import annotations

from typing import Any

from lightmail.backends.mailbox_change import MAX_UID
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.packing import MAX_MODSEQ

BLOCK_ROWS = 16_384
"""A row has at most 130 octets, and a value may not be longer than max_allowed_packet (16 MiB by default)."""

# The columns of ports.metadata.MESSAGE_ROW.
PACKED = (
    "CONCAT_WS(' ', uid, size_octets, flags, modseq, body_id, internaldate, internaldate_zone, savedate, sent_date,"
    " sent_zone)"
)
LINES = "GROUP_CONCAT(packed, '\n' SEPARATOR '')"

_PACK = f"""
    SELECT {LINES}, COUNT(*), MAX(uid)
    FROM (SELECT uid, {PACKED} AS packed FROM messages{{index}}
          WHERE mailbox_id = %(mailbox)s AND uid > %(after)s AND {{condition}} ORDER BY uid LIMIT {BLOCK_ROWS}) AS block
"""
PACK_SPAN = _PACK.format(index="", condition="uid <= %(last)s")
# MySQL would rather merge two indexes, and sort.
PACK_STAMPED = _PACK.format(index=" FORCE INDEX (messages_modseq)", condition="modseq = %(modseq)s")
# Of many messages that have changed: one walk through the mailbox, rather than a sort for each block.
PACK_LATER = _PACK.format(index=" FORCE INDEX (PRIMARY)", condition="modseq > %(modseq)s")


async def pack_span(statements: Statements, mailbox_id: int, first: int, last: int) -> list[str]:
    """The messages of a range of UIDs, in blocks."""
    return await _blocks(statements, PACK_SPAN, first - 1, mailbox=mailbox_id, last=last)


async def pack_all(statements: Statements, mailbox_id: int) -> list[str]:
    return await pack_span(statements, mailbox_id, 1, MAX_UID)


async def pack_stamped(statements: Statements, mailbox_id: int, modseq: int) -> list[str]:
    """Messages that have this MODSEQ, in blocks: what a verb has changed."""
    return await _blocks(statements, PACK_STAMPED, 0, mailbox=mailbox_id, modseq=modseq)


async def pack_later(statements: Statements, mailbox_id: int, modseq: int) -> list[str]:
    """Messages with a greater MODSEQ, in blocks."""
    return await _blocks(statements, PACK_LATER, 0, mailbox=mailbox_id, modseq=min(modseq, MAX_MODSEQ))


async def _blocks(statements: Statements, statement: str, after: int, **values: int) -> list[str]:
    blocks: list[str] = []
    rows = BLOCK_ROWS
    while rows == BLOCK_ROWS:
        row: Any = await statements.one(statement, {"after": after, **values})
        block, rows, after = row
        if rows:
            blocks.append(block)
    return blocks
