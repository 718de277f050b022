"""Sets of UIDs in statements, without a statement or a Python object per message.

A census reads what a verb needs to know of the messages it is asked to work on: one row per distinct set of flags.
What it then works on is `chosen`: UIDs that exist, so that one range, or one list, names exactly these.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lightmail._core.index import UidSet
from lightmail.backends.groups import Group
from lightmail.backends.packing import MAX_MODSEQ, uid_set
from lightmail.backends.sqlite.connection import Row, Statements
from lightmail.model import MailboxId, ModSeq

_CENSUS = "SELECT flags, modseq > :modseq AS later, count(*), sum(size_octets), group_concat(uid)"

CENSUS_RANGE = f"""
    {_CENSUS} FROM messages WHERE mailbox_id = :mailbox AND uid BETWEEN :first AND :last GROUP BY flags, later
"""
CENSUS_RANGES = f"""
    {_CENSUS} FROM json_each(:ranges) AS range CROSS JOIN messages
    WHERE mailbox_id = :mailbox AND uid BETWEEN range.value ->> 0 AND range.value ->> 1 GROUP BY flags, later
"""
# SQLite would rather walk the whole range than use the small index made for this condition.
CENSUS_DELETED = f"""
    {_CENSUS} FROM messages INDEXED BY messages_deleted
    WHERE mailbox_id = :mailbox AND flags & 4 AND uid BETWEEN :first AND :last
    GROUP BY flags, later
"""
CENSUS_DELETED_RANGES = f"""
    {_CENSUS} FROM json_each(:ranges) AS range CROSS JOIN messages INDEXED BY messages_deleted
    WHERE mailbox_id = :mailbox AND flags & 4 AND uid BETWEEN range.value ->> 0 AND range.value ->> 1
    GROUP BY flags, later
"""

IN_RANGE = "uid BETWEEN :first AND :last"
IN_LIST = "uid IN (SELECT value FROM json_each(:uids))"


def census(
    statements: Statements, mailbox_id: MailboxId, uids: UidSet, *, deleted: bool = False, modseq: ModSeq | None = None
) -> list[Group]:
    """Those of `uids` that exist, by flags; deleted: only those with \\Deleted. One statement."""
    ranges = uids.ranges()
    if not ranges:
        return []
    values: dict[str, Any] = {
        "mailbox": mailbox_id,
        "modseq": MAX_MODSEQ if modseq is None else min(modseq, MAX_MODSEQ),
    }
    if len(ranges) == 1:
        statement = CENSUS_DELETED if deleted else CENSUS_RANGE
        values["first"], values["last"] = ranges[0]
    else:
        statement = CENSUS_DELETED_RANGES if deleted else CENSUS_RANGES
        values["ranges"] = json.dumps(ranges)
    rows = statements.all(statement, values)
    return [Group(flags, bool(later), count, octets, uid_set(listed)) for flags, later, count, octets, listed in rows]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Existing UIDs of one mailbox, as a condition and its values."""

    listed: bool
    """Whether the statement is the one with IN_LIST; otherwise that with IN_RANGE."""
    values: dict[str, Any]

    @classmethod
    def of(cls, uids: UidSet, **values: int) -> Chosen:
        """uids: not empty."""
        ranges = uids.ranges()
        if len(ranges) == 1:
            return cls(False, {"first": ranges[0][0], "last": ranges[0][1], **values})
        return cls(True, {"uids": json.dumps(list(uids), separators=(",", ":")), **values})


@dataclass(frozen=True, slots=True)
class OnChosen:
    """A statement over chosen messages, in its two forms; {chosen} stands for the condition."""

    by_range: str
    by_list: str

    @classmethod
    def of(cls, template: str) -> OnChosen:
        return cls(template.format(chosen=IN_RANGE), template.format(chosen=IN_LIST))

    def run(self, statements: Statements, chosen: Chosen) -> int:
        return statements.run(self.by_list if chosen.listed else self.by_range, chosen.values)

    def all(self, statements: Statements, chosen: Chosen) -> list[Row]:
        return statements.all(self.by_list if chosen.listed else self.by_range, chosen.values)
