"""Sets of UIDs in statements, without a statement or a row of an answer per message.

A census reads what a verb needs to know of the messages it is asked to work on: one row per distinct set of flags and
65,536 UIDs. What it then works on are UIDs that exist, as ranges and lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lightmail._core.index import UidSet
from lightmail.backends.groups import Group
from lightmail.backends.keywords import DELETED
from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.mysql.answers import Row
from lightmail.backends.mysql.literals import Sql
from lightmail.backends.mysql.mailbox_row import (
    LIMITED_COLUMN,
    LOCKED_COLUMNS,
    TARGET_COLUMNS,
    admit,
    limit,
    lock,
)
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.packing import MAX_MODSEQ, uid_set
from lightmail.model import MailboxId, ModSeq

PART = 8192
"""UIDs that one statement changes, ranges that one asks about. Changing so many rows stays far below the time that a
statement may take; and beyond some 30,000 ranges MySQL would read the whole mailbox (range_optimizer_max_mem_size)."""

# A list of UIDs may be no longer than max_allowed_packet.
_CENSUS = """
    SELECT flags, modseq > %(modseq)s AS later, COUNT(*), SUM(size_octets), GROUP_CONCAT(uid SEPARATOR ',')
    FROM messages{index} WHERE mailbox_id = %(mailbox)s AND {which}%(chosen)s
    GROUP BY uid >> 16, flags, later
"""
CENSUS = _CENSUS.format(index="", which="")
CENSUS_DELETED = _CENSUS.format(index=" FORCE INDEX (messages_deleted)", which="deleted = 1 AND ")


# With the only message that a verb is about.
_LOCK_WITH_ONE = """
    SELECT {columns}, s.uid, s.size_octets, s.flags, s.modseq, s.body_id, s.internaldate, s.internaldate_zone,
        s.savedate, s.sent_date, s.sent_zone
    FROM mailboxes AS m FORCE INDEX (PRIMARY)
    LEFT JOIN messages AS s ON s.mailbox_id = m.id AND s.uid = %(uid)s AND m.id = %(source)s
    WHERE m.id IN %(mailboxes)s AND m.selectable
    ORDER BY m.id FOR UPDATE
"""
LOCK_WITH_ONE = _LOCK_WITH_ONE.format(columns=LOCKED_COLUMNS)
LOCK_TARGET_WITH_ONE = _LOCK_WITH_ONE.format(columns=TARGET_COLUMNS)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The mailboxes a verb locks, and those of the UIDs it was given that exist in the first of them."""

    mailboxes: dict[MailboxId, MailboxChange]
    groups: list[Group]
    row: Row | None
    """Of the message, as MESSAGE_ROW has it, where only one UID was given."""


async def lock_chosen(
    statements: Statements,
    uids: UidSet,
    source: MailboxId,
    *others: MailboxId,
    deleted: bool = False,
    arriving: bool = False,
) -> Chosen:
    """arriving: copies of them come to the last mailbox named. deleted: only
    messages with \\Deleted. Two statements; one for a single UID. Raises MailboxNotFound,
    StoreSealed.
    """
    if len(uids) != 1:
        mailboxes = await lock(statements, source, *others, arriving=arriving)
        return Chosen(mailboxes, await census(statements, source, uids, deleted=deleted), None)
    mailboxes, row = await lock_with_one(statements, uids.first, source, *others, arriving=arriving)
    if row is None or (deleted and not row[2] & DELETED):
        return Chosen(mailboxes, [], None)
    return Chosen(mailboxes, [Group(row[2], False, 1, row[1], uids)], row)


async def lock_with_one(
    statements: Statements, uid: int, source: MailboxId, *others: MailboxId, arriving: bool = False
) -> tuple[dict[MailboxId, MailboxChange], Row | None]:
    """The mailboxes, and the row of one message as MESSAGE_ROW has it. Raises MailboxNotFound, StoreSealed."""
    values = {"mailboxes": sorted({source, *others}), "source": source, "uid": uid}
    rows = await statements.all(LOCK_TARGET_WITH_ONE if arriving else LOCK_WITH_ONE, values)
    admit(rows)
    mailboxes = MailboxChange.in_order([source, *others], rows)
    if arriving:
        limit(mailboxes, rows)
    # Behind the columns of the mailbox.
    at = LIMITED_COLUMN + arriving
    (message,) = [row[at:] for row in rows if row[0] == source]
    return mailboxes, None if message[0] is None else message


async def census(
    statements: Statements, mailbox_id: MailboxId, uids: UidSet, *, deleted: bool = False, modseq: ModSeq | None = None
) -> list[Group]:
    """Those of `uids` that exist, by flags; deleted: only those with \\Deleted. One statement for PART ranges."""
    statement = CENSUS_DELETED if deleted else CENSUS
    later = MAX_MODSEQ if modseq is None else min(modseq, MAX_MODSEQ)
    ranges = uids.ranges()
    groups: list[Group] = []
    for at in range(0, len(ranges), PART):
        chosen = _condition(ranges[at : at + PART])
        rows = await statements.all(statement, {"mailbox": mailbox_id, "modseq": later, "chosen": chosen})
        groups += [
            Group(flags, bool(later), count, octets, uid_set(listed)) for flags, later, count, octets, listed in rows
        ]
    return groups


def parts(uids: UidSet) -> Iterator[tuple[Sql, UidSet]]:
    """These UIDs, all of which exist, in parts of at most PART, each with the condition that chooses it."""
    if len(uids) <= PART:
        ranges = uids.ranges()
        if ranges:
            yield _condition(ranges), uids
        return
    part: list[tuple[int, int]] = []
    room = PART
    for first, last in uids.ranges():
        while first <= last:
            cut = min(last, first + room - 1)
            part.append((first, cut))
            room -= cut - first + 1
            first = cut + 1
            if not room:
                yield _condition(part), UidSet.from_ranges(part)
                part, room = [], PART
    if part:
        yield _condition(part), UidSet.from_ranges(part)


async def run(statements: Statements, statement: str, uids: UidSet, **values: object) -> None:
    """A statement that changes chosen messages: `AND %(chosen)s` in its condition. Once for each part.

    What takes long has a round trip of its own, since its time is limited; on one message it takes none.
    """
    run = statements.later if len(uids) == 1 else statements.run
    for chosen, _ in parts(uids):
        await run(statement, {"chosen": chosen, **values})


def _condition(ranges: list[tuple[int, int]]) -> Sql:
    terms = [f"uid BETWEEN {first} AND {last}" for first, last in ranges if first != last]
    single = [str(first) for first, last in ranges if first == last]
    if single:
        terms.append(f"uid IN ({','.join(single)})")
    return Sql((terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})").encode())
