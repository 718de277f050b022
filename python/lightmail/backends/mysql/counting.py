"""Counting again: what mailbox and body rows say beside what the messages come to, and making them equal.

A store is counted in one state of the database, a part of the messages at a time: the time of a statement is limited.
Messages have no index by body, which every delivery would pay for; so the references of many bodies are counted in
one walk through all messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any

from lightmail._core.index import UidSet
from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.mysql.answers import Row
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.expunge import remove_rows
from lightmail.backends.mysql.mailbox_row import lock, save
from lightmail.backends.mysql.selection import census, parts
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.records import (
    BODY_COUNT_COLUMNS,
    LOGGED_COLUMNS,
    body_count,
    counted_columns,
    mailbox,
    mailbox_columns,
    mailbox_count,
)
from lightmail.backends.recounting import recount as recounted
from lightmail.model import BodyCount, BodyId, Mailbox, MailboxCount, MailboxId

PART_MESSAGES = 200_000
"""That one statement walks through."""
PART_MAILBOXES = 10_000

SELECT_MAILBOX_PAGE = f"""
    SELECT {mailbox_columns("name_octets")} FROM mailboxes AS m WHERE m.id > %(after)s ORDER BY m.id LIMIT %(limit)s
"""
NAMED_BITS = "(31 | (SELECT COALESCE(BIT_OR(1 << k.bit), 0) FROM mailbox_keywords AS k WHERE k.mailbox_id = {mailbox}))"
# A mailbox at a time, in the order of the table, so that nothing is sorted.
COUNT_MESSAGES = f"""
    SELECT m.id, {counted_columns(NAMED_BITS.format(mailbox="m.id"))}
    FROM mailboxes AS m FORCE INDEX (PRIMARY)
    STRAIGHT_JOIN messages AS g FORCE INDEX (PRIMARY) ON g.mailbox_id = m.id
    LEFT JOIN message_bodies AS b FORCE INDEX (PRIMARY) ON b.id = g.body_id
    WHERE m.id IN %(mailboxes)s GROUP BY m.id
"""
COUNT_LOG = f"""
    SELECT e.mailbox_id, {LOGGED_COLUMNS} FROM expunges AS e WHERE e.mailbox_id IN %(mailboxes)s GROUP BY e.mailbox_id
"""
# Walking up the UIDs: a message was expunged once if a range is open there. SUM, as MariaDB computes it, takes one step
# for each line; MAX(last_uid) would look at all lines before it.
COUNT_REUSED = """
    SELECT mailbox_id, COUNT(*) FROM (
        SELECT mailbox_id, step,
            SUM(step) OVER (PARTITION BY mailbox_id ORDER BY uid, place ROWS UNBOUNDED PRECEDING) AS ranges
        FROM (
            SELECT mailbox_id, first_uid AS uid, 0 AS place, 1 AS step FROM expunges WHERE mailbox_id IN %(mailboxes)s
            UNION ALL
            SELECT mailbox_id, last_uid, 2, -1 FROM expunges WHERE mailbox_id IN %(mailboxes)s
            UNION ALL
            SELECT mailbox_id, uid, 1, 0 FROM messages FORCE INDEX (PRIMARY) WHERE mailbox_id IN %(mailboxes)s
        ) AS lines_
    ) AS walked WHERE step = 0 AND ranges > 0 GROUP BY mailbox_id
"""
SELECT_BODY_PAGE = f"""
    SELECT {BODY_COUNT_COLUMNS} FROM message_bodies AS b WHERE b.id > %(after)s ORDER BY b.id LIMIT %(limit)s
"""
SELECT_LAST_UID_VALIDITIES = """
    SELECT u.id, v.last FROM users AS u JOIN uid_validities AS v ON v.address = u.address WHERE u.id IN %(users)s
"""
RAISE_UID_VALIDITY = """
    INSERT INTO uid_validities (address, last) SELECT u.address, %(last)s FROM users AS u WHERE u.id = %(user)s
    ON DUPLICATE KEY UPDATE last = GREATEST(uid_validities.last, %(last)s)
"""
SELECT_SIZES = "SELECT id, messages FROM mailboxes WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"
_REFERENCES = """
    SELECT body_id, COUNT(*) FROM messages FORCE INDEX (PRIMARY)
    WHERE mailbox_id > %(after)s AND mailbox_id <= %(last)s AND {bodies} GROUP BY body_id
"""
COUNT_REFERENCES = _REFERENCES.format(bodies="body_id BETWEEN %(first_body)s AND %(last_body)s")
COUNT_REFERENCES_OF = _REFERENCES.format(bodies="body_id IN %(bodies)s")
SELECT_BODILESS = """
    SELECT s.uid, s.body_id FROM messages AS s FORCE INDEX (PRIMARY)
    LEFT JOIN message_bodies AS b FORCE INDEX (PRIMARY) ON b.id = s.body_id
    WHERE s.mailbox_id = %(mailbox)s AND b.id IS NULL ORDER BY s.uid
"""
SELECT_BODILESS_OF = """
    SELECT s.uid FROM messages AS s FORCE INDEX (PRIMARY)
    LEFT JOIN message_bodies AS b FORCE INDEX (PRIMARY) ON b.id = s.body_id
    WHERE s.mailbox_id = %(mailbox)s AND s.uid IN %(uids)s AND b.id IS NULL
"""
# Nothing here is read without a lock: that would be older than a row that was waited for.
LOCK_COUNTERS = """
    SELECT m.id, m.user_id, m.name, m.uid_validity, m.uid_next, m.highest_modseq, 0, m.special_use, m.selectable,
        m.messages, m.unseen, m.deleted, m.size_octets, m.recent_from, m.recent
    FROM mailboxes AS m FORCE INDEX (PRIMARY)
    WHERE m.id IN %(mailboxes)s ORDER BY m.id FOR UPDATE
"""
LOCK_REFERENCES = """
    SELECT id, reference_count, unreferenced_s FROM message_bodies FORCE INDEX (PRIMARY)
    WHERE id IN %(bodies)s ORDER BY id FOR UPDATE
"""
SET_SIZES = """
    UPDATE messages AS g FORCE INDEX (PRIMARY)
    STRAIGHT_JOIN message_bodies AS b FORCE INDEX (PRIMARY) ON b.id = g.body_id
    SET g.size_octets = b.raw_octets, g.modseq = %(modseq)s
    WHERE g.mailbox_id = %(mailbox)s AND g.size_octets <> b.raw_octets
"""
_OF_MAILBOX = NAMED_BITS.format(mailbox="%(mailbox)s")
# A combination of bits is unsigned, and the column is not.
SET_FLAGS = f"""
    UPDATE messages SET flags = CAST(flags & {_OF_MAILBOX} AS SIGNED), modseq = %(modseq)s
    WHERE mailbox_id = %(mailbox)s AND flags & ~{_OF_MAILBOX} <> 0
"""
SET_COUNTERS = """
    UPDATE mailboxes
    SET messages = %(messages)s, unseen = %(unseen)s, deleted = %(deleted)s, size_octets = %(size_octets)s,
        recent = %(recent)s, uid_next = %(uid_next)s, highest_modseq = %(highest_modseq)s
    WHERE id = %(mailbox_id)s
"""
SET_REFERENCES = """
    UPDATE message_bodies
    SET unreferenced_s = CASE WHEN %(references)s = 0 THEN %(now_s)s END, reference_count = %(references)s
    WHERE id IN %(bodies)s
"""


# ---- telling


async def mailbox_counts(database: MysqlDatabase, after: MailboxId, limit: int) -> list[MailboxCount]:
    async def count(statements: Statements) -> list[MailboxCount]:
        rows = await statements.all(SELECT_MAILBOX_PAGE, {"after": after, "limit": limit})
        return await _counted(statements, [mailbox(row) for row in rows])

    return await database.read(count)


async def body_counts(database: MysqlDatabase, after: BodyId, limit: int) -> list[BodyCount]:
    async def count(statements: Statements) -> list[BodyCount]:
        rows = await statements.all(SELECT_BODY_PAGE, {"after": after, "limit": limit})
        if not rows:
            return []
        span = {"first_body": rows[0][0], "last_body": rows[-1][0]}
        counted = await _references(statements, COUNT_REFERENCES, span)
        return [body_count(row, counted[row[0]]) for row in rows]

    return await database.read(count)


async def missing_bodies(database: MysqlDatabase, mailbox_id: MailboxId) -> list[tuple[int, BodyId]]:
    rows = await database.all(SELECT_BODILESS, {"mailbox": mailbox_id})
    return [(uid, BodyId(body_id)) for uid, body_id in rows]


# ---- setting right


async def recount(statements: Statements, mailbox_ids: Sequence[MailboxId], body_ids: Sequence[BodyId]) -> None:
    """In a transaction that sees one state from its first read on, which comes after all locks."""
    rows = await statements.all(LOCK_COUNTERS, {"mailboxes": sorted(set(mailbox_ids))})
    bodies = await statements.all(LOCK_REFERENCES, {"bodies": sorted(set(body_ids))})
    mailboxes = [mailbox(row) for row in rows]
    for one in mailboxes:
        values = {"mailbox": one.id, "modseq": one.highest_modseq + 1}
        await statements.run(SET_SIZES, values)
        await statements.run(SET_FLAGS, values)
    for count in await _counted(statements, mailboxes):
        box = count.mailbox
        if box.uid_validity > count.counted.last_uid_validity:
            await statements.later(RAISE_UID_VALIDITY, {"user": box.user_id, "last": box.uid_validity})
        change = recounted(count)
        if change is not None:
            await statements.later(SET_COUNTERS, asdict(change))
    if bodies:
        of = {"bodies": [body_id for body_id, *_ in bodies]}
        references = await _references(statements, COUNT_REFERENCES_OF, of)
        wrong: dict[int, list[int]] = {}
        for body_id, count, unreferenced_s in bodies:
            there = references[body_id]
            if count != there or (unreferenced_s is None) == (there == 0):
                wrong.setdefault(there, []).append(body_id)
        for there, ids in wrong.items():
            await statements.later(SET_REFERENCES, {"references": there, "bodies": ids, "now_s": statements.now_s})


async def drop_messages(statements: Statements, mailbox_id: MailboxId, uids: Sequence[int]) -> None:
    """Raises MailboxNotFound."""
    box: MailboxChange = (await lock(statements, mailbox_id, although_sealed=True))[mailbox_id]
    gone: list[int] = []
    for _, part in parts(UidSet(uids)):
        rows = await statements.all(SELECT_BODILESS_OF, {"mailbox": mailbox_id, "uids": list(part)})
        gone += [uid for (uid,) in rows]
    if gone:
        chosen = UidSet(gone)
        await remove_rows(statements, box, await census(statements, mailbox_id, chosen), chosen)
        await save(statements, [box])


# ---- parts of both


async def _counted(statements: Statements, mailboxes: Sequence[Mailbox]) -> list[MailboxCount]:
    messages: dict[int, Row] = {}
    log: dict[int, Row] = {}
    reused: dict[int, int] = {}
    for part in _gathered([(one.id, one.messages) for one in mailboxes]):
        messages |= {row[0]: row[1:] for row in await statements.all(COUNT_MESSAGES, {"mailboxes": part})}
        logged = {row[0]: row[1:] for row in await statements.all(COUNT_LOG, {"mailboxes": part})}
        if logged:
            log |= logged
            reused |= dict(await statements.all(COUNT_REUSED, {"mailboxes": list(logged)}))
    users = sorted({one.user_id for one in mailboxes})
    last: dict[int, int] = dict(await statements.all(SELECT_LAST_UID_VALIDITIES, {"users": users})) if users else {}
    return [
        mailbox_count(one, messages.get(one.id), log.get(one.id), reused.get(one.id, 0), last.get(one.user_id, 0))
        for one in mailboxes
    ]


async def _references(statements: Statements, statement: str, bodies: dict[str, Any]) -> Counter[int]:
    """How many messages name each body; in a transaction that sees one state: messages move."""
    found: Counter[int] = Counter()
    async for after, last in message_parts(statements):
        for body_id, count in await statements.all(statement, {"after": after, "last": last, **bodies}):
            found[body_id] += count
    return found


async def message_parts(statements: Statements) -> AsyncIterator[tuple[int, int]]:
    """All mailboxes, as (after this id, to this id) with about PART_MESSAGES messages."""
    after = 0
    while sizes := await statements.all(SELECT_SIZES, {"after": after, "limit": PART_MAILBOXES}):
        for part in _gathered([(MailboxId(row[0]), row[1]) for row in sizes]):
            yield after, part[-1]
            after = part[-1]


def _gathered(sizes: Sequence[tuple[MailboxId, int]]) -> list[list[MailboxId]]:
    """In parts of about PART_MESSAGES."""
    groups: list[list[MailboxId]] = []
    together = PART_MESSAGES
    for mailbox_id, messages in sizes:
        if together >= PART_MESSAGES:
            groups.append([])
            together = 0
        groups[-1].append(mailbox_id)
        together += messages
    return groups
