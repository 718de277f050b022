"""Sets of UIDs in statements, without a statement or a row of an answer per message.

A census reads what a verb needs to know of the messages it is asked to work on: one row per distinct set of flags and
65,536 UIDs. What it then works on are UIDs that exist, as ranges and lists.
"""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.groups import Group
from lightmail.backends.mysql.literals import Sql
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.packing import MAX_MODSEQ, uid_set
from lightmail.model import MailboxId, ModSeq

TERMS = 16_384
"""Ranges of one statement, single UIDs among them. Beyond some 30,000 MySQL would read the whole mailbox instead
(range_optimizer_max_mem_size)."""

# A list of UIDs may be no longer than max_allowed_packet.
_CENSUS = """
    SELECT flags, modseq > %(modseq)s AS later, COUNT(*), SUM(size_octets), GROUP_CONCAT(uid SEPARATOR ',')
    FROM messages{index} WHERE mailbox_id = %(mailbox)s AND {which}%(chosen)s
    GROUP BY uid >> 16, flags, later
"""
CENSUS = _CENSUS.format(index="", which="")
CENSUS_DELETED = _CENSUS.format(index=" FORCE INDEX (messages_deleted)", which="deleted = 1 AND ")


async def census(
    statements: Statements, mailbox_id: MailboxId, uids: UidSet, *, deleted: bool = False, modseq: ModSeq | None = None
) -> list[Group]:
    """Those of `uids` that exist, by flags; deleted: only those with \\Deleted. One statement for TERMS ranges."""
    statement = CENSUS_DELETED if deleted else CENSUS
    later = MAX_MODSEQ if modseq is None else min(modseq, MAX_MODSEQ)
    groups: list[Group] = []
    for chosen, _ in conditions(uids):
        rows = await statements.all(statement, {"mailbox": mailbox_id, "modseq": later, "chosen": chosen})
        groups += [
            Group(flags, bool(later), count, octets, uid_set(listed)) for flags, later, count, octets, listed in rows
        ]
    return groups


def conditions(uids: UidSet) -> list[tuple[Sql, UidSet]]:
    """Conditions on the column `uid` that together choose these, each with those it chooses."""
    ranges = uids.ranges()
    if len(ranges) <= TERMS:
        return [(_condition(ranges), uids)] if ranges else []
    parts = [ranges[at : at + TERMS] for at in range(0, len(ranges), TERMS)]
    return [(_condition(part), UidSet.from_ranges(part)) for part in parts]


async def run(statements: Statements, statement: str, uids: UidSet, **values: int) -> None:
    """A statement over chosen messages: `AND %(chosen)s` in its condition. Once for TERMS ranges."""
    for chosen, _ in conditions(uids):
        await statements.run(statement, {"chosen": chosen, **values})


def _condition(ranges: list[tuple[int, int]]) -> Sql:
    terms = [f"uid BETWEEN {first} AND {last}" for first, last in ranges if first != last]
    single = [str(first) for first, last in ranges if first == last]
    if single:
        terms.append(f"uid IN ({','.join(single)})")
    return Sql((terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})").encode())
