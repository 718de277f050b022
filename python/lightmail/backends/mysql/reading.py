"""Reading a mailbox: all of it, what has changed, what is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

from lightmail._core.index import UidSet
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.mailbox_row import KEYWORDS
from lightmail.backends.mysql.rows import BLOCK_ROWS, LINES, PACKED, pack_all, pack_later, pack_span
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.packing import MAX_MODSEQ
from lightmail.backends.states import State, changes, everything, found, small_changes, small_load, uid_ranges
from lightmail.model import Delta, MailboxId, ModSeq
from lightmail.ports.metadata import PackedMessages

SMALL_ROWS = 4096
"""Up to so many rows come with one statement."""
READERS = 2
"""Connections that read a large mailbox at the same time."""
LOG_ROWS = 65_536
"""Of the expunge log, in one statement."""

_STATE = f"SELECT m.uid_next, m.highest_modseq, {KEYWORDS}"
_FROM = "FROM mailboxes AS m WHERE m.id = %(mailbox)s AND m.selectable"
SELECT_STATE = f"{_STATE} {_FROM}"

_FEW_EXPUNGED = f"""
    (SELECT CASE WHEN COUNT(*) <= {SMALL_ROWS} THEN
         CONCAT('[', COALESCE(GROUP_CONCAT('[', first_uid, ',', last_uid, ']' SEPARATOR ','), ''), ']') END
     FROM (SELECT first_uid, last_uid FROM expunges
           WHERE mailbox_id = %(mailbox)s AND modseq > %(modseq)s LIMIT {SMALL_ROWS + 1}) AS gone)
"""

# One statement sees one state, so the three parts fit together. NULL in place of a part that is not small.
SELECT_SMALL_CHANGES = f"""
    {_STATE},
        (SELECT CASE WHEN COUNT(*) <= {SMALL_ROWS} THEN COALESCE({LINES}, '') END
         FROM (SELECT {PACKED} AS packed FROM messages
               WHERE mailbox_id = %(mailbox)s AND modseq > %(modseq)s LIMIT {SMALL_ROWS + 1}) AS changed),
        {_FEW_EXPUNGED}
    {_FROM}
"""

SELECT_SMALL_MAILBOX = f"""
    {_STATE},
        CASE WHEN m.messages <= {SMALL_ROWS} THEN
            (SELECT COALESCE({LINES}, '') FROM
                (SELECT {PACKED} AS packed FROM messages WHERE mailbox_id = %(mailbox)s LIMIT {SMALL_ROWS}) AS every) END,
        m.messages
    {_FROM}
"""

SELECT_FEW_EXPUNGED = f"{_STATE}, {_FEW_EXPUNGED} {_FROM}"

SELECT_EXPUNGED = f"""
    SELECT GROUP_CONCAT('[', modseq, ',', first_uid, ',', last_uid, ']' SEPARATOR ',')
    FROM (SELECT modseq, first_uid, last_uid FROM expunges
          WHERE mailbox_id = %(mailbox)s AND (modseq > %(modseq)s OR modseq = %(modseq)s AND first_uid > %(after)s)
          ORDER BY modseq, first_uid LIMIT {LOG_ROWS}) AS gone
"""

SELECT_MODSEQS = "SELECT id, highest_modseq FROM mailboxes WHERE id IN %(mailboxes)s AND selectable"

Span: TypeAlias = tuple[int, int]


async def load(database: MysqlDatabase, mailbox_id: MailboxId) -> PackedMessages:
    row = found(await database.one(SELECT_SMALL_MAILBOX, {"mailbox": mailbox_id}), mailbox_id)
    small = small_load(row)
    if small is not None:
        return small
    uid_next, *_, messages = row
    return await _load_large(database, mailbox_id, _spans(uid_next, messages))


async def changes_since(database: MysqlDatabase, mailbox_id: MailboxId, modseq: ModSeq) -> Delta:
    values = {"mailbox": mailbox_id, "modseq": min(modseq, MAX_MODSEQ)}
    row = found(await database.one(SELECT_SMALL_CHANGES, values), mailbox_id)
    small = small_changes(row, mailbox_id, modseq)
    if small is not None:
        return small

    async def read(statements: Statements) -> Delta:
        state = await _state(statements, mailbox_id)
        rows = await pack_later(statements, mailbox_id, modseq)
        return changes(mailbox_id, modseq, state, rows, await _expunged(statements, mailbox_id, modseq))

    return await database.read(read)


async def expunged_since(database: MysqlDatabase, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
    values = {"mailbox": mailbox_id, "modseq": min(modseq, MAX_MODSEQ)}
    row = found(await database.one(SELECT_FEW_EXPUNGED, values), mailbox_id)
    if row[3] is not None:
        return uid_ranges(row[3])
    return await database.read(lambda statements: _expunged(statements, mailbox_id, modseq))


async def _state(statements: Statements, mailbox_id: MailboxId) -> State:
    return found(await statements.one(SELECT_STATE, {"mailbox": mailbox_id}), mailbox_id)


async def _expunged(statements: Statements, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
    lines = await log_lines(statements, mailbox_id, modseq)
    return UidSet.from_ranges([(first_uid, last_uid) for _, first_uid, last_uid in lines])


async def log_lines(statements: Statements, mailbox_id: MailboxId, modseq: ModSeq) -> list[tuple[int, int, int]]:
    """(MODSEQ, first UID, last UID) of the expunge log beyond `modseq`, ascending."""
    lines: list[tuple[int, int, int]] = []
    last, after, rows = min(modseq, MAX_MODSEQ), 2**32, LOG_ROWS
    while rows == LOG_ROWS:
        values = {"mailbox": mailbox_id, "modseq": last, "after": after}
        ((listed,),) = await statements.all(SELECT_EXPUNGED, values)
        log: list[list[int]] = json.loads(f"[{listed or ''}]")
        rows = len(log)
        if log:
            log.sort()
            last, after, _ = log[-1]
            lines += [(at, first_uid, last_uid) for at, first_uid, last_uid in log]
    return lines


# ---- large mailboxes


async def _load_large(database: MysqlDatabase, mailbox_id: MailboxId, spans: list[Span]) -> PackedMessages:
    """Several connections, each with a view of its own, take spans of UIDs until there are none left.

    Every change of a mailbox takes a MODSEQ, so views with the same HIGHESTMODSEQ fit together. When something was
    changed between the first moments of the views, which are milliseconds apart, one connection reads it all again.
    """
    todo = iter(spans)
    readers = [_Reader(mailbox_id, todo) for _ in range(READERS)]
    reading = [asyncio.ensure_future(database.read(reader.read)) for reader in readers]
    try:
        states = await asyncio.gather(*reading)
    except BaseException:
        for task in reading:
            task.cancel()
        raise
    if all(state == states[0] for state in states):
        blocks = sorted(pair for reader in readers for pair in reader.blocks)
        return everything(states[0], [block for _, of_span in blocks for block in of_span])

    async def read(statements: Statements) -> PackedMessages:
        return everything(await _state(statements, mailbox_id), await pack_all(statements, mailbox_id))

    return await database.read(read)


class _Reader:
    """Takes spans from those not taken yet. When a connection is lost, it reads those it has taken once more."""

    def __init__(self, mailbox_id: MailboxId, todo: Iterator[Span]) -> None:
        self._mailbox_id = mailbox_id
        self._todo = todo
        self._taken: list[Span] = []
        self.blocks: list[tuple[Span, list[str]]] = []

    async def read(self, statements: Statements) -> State:
        self.blocks.clear()
        state = await _state(statements, self._mailbox_id)
        for span in chain(list(self._taken), self._take()):
            self.blocks.append((span, await pack_span(statements, self._mailbox_id, *span)))
        return state

    def _take(self) -> Iterator[Span]:
        for span in self._todo:
            self._taken.append(span)
            yield span


def _spans(uid_next: int, messages: int) -> list[Span]:
    """The UIDs of a mailbox in spans of about BLOCK_ROWS messages, if they are spread evenly; the last has no end."""
    width = max(1, BLOCK_ROWS * uid_next // max(1, messages))
    firsts = list(range(1, uid_next, width)) or [1]
    return list(zip(firsts, [*(first - 1 for first in firsts[1:]), 2**32 - 1], strict=True))
