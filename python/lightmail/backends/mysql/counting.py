"""Counting again: what mailbox and body rows say beside what the messages come to, and making them equal.

A store is counted in one state of the database, a part of the messages at a time: the time of a statement is limited.
Messages have no index by body, which every delivery would pay for; so the references of many bodies are counted in
one walk through all messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from lightmail._core.index import UidSet
from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.expunge import remove_rows
from lightmail.backends.mysql.mailbox_row import lock, save
from lightmail.backends.mysql.selection import census, parts
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.records import mailbox, mailbox_columns
from lightmail.model import BodyCount, BodyId, Counted, MailboxCount, MailboxId, ModSeq

PART_MESSAGES = 200_000
"""That one statement walks through."""
PART_MAILBOXES = 10_000

_COUNTED = """
    COUNT(*), CAST(COALESCE(SUM(s.flags & 8 = 0), 0) AS SIGNED), CAST(COALESCE(SUM(s.deleted), 0) AS SIGNED),
    CAST(COALESCE(SUM(s.size_octets), 0) AS SIGNED), CAST(COALESCE(SUM(s.uid >= m.recent_from), 0) AS SIGNED),
    COALESCE(MAX(s.uid), 0), COALESCE(MAX(s.modseq), 0)
"""
SELECT_MAILBOX_PAGE = f"""
    SELECT {mailbox_columns("name_octets")} FROM mailboxes AS m WHERE m.id > %(after)s ORDER BY m.id LIMIT %(limit)s
"""
# A mailbox at a time, in the order of the table, so that nothing is sorted.
COUNT_MESSAGES = f"""
    SELECT m.id, {_COUNTED}, CAST(SUM(b.id IS NULL) AS SIGNED),
        CAST(SUM(b.id IS NOT NULL AND b.raw_octets <> s.size_octets) AS SIGNED)
    FROM mailboxes AS m FORCE INDEX (PRIMARY)
    STRAIGHT_JOIN messages AS s FORCE INDEX (PRIMARY) ON s.mailbox_id = m.id
    LEFT JOIN message_bodies AS b FORCE INDEX (PRIMARY) ON b.id = s.body_id
    WHERE m.id IN %(mailboxes)s GROUP BY m.id
"""
COUNT_LOG = """
    SELECT mailbox_id, MAX(last_uid), MAX(modseq) FROM expunges WHERE mailbox_id IN %(mailboxes)s GROUP BY mailbox_id
"""
# Walking up the UIDs: a message was expunged once if a range that began before has not ended.
COUNT_REUSED = """
    SELECT mailbox_id, COUNT(*) FROM (
        SELECT mailbox_id, uid, is_message,
            MAX(last_uid) OVER (PARTITION BY mailbox_id ORDER BY uid, is_message ROWS UNBOUNDED PRECEDING) AS gone_to
        FROM (
            SELECT mailbox_id, first_uid AS uid, 0 AS is_message, last_uid FROM expunges
            WHERE mailbox_id IN %(mailboxes)s
            UNION ALL
            SELECT mailbox_id, uid, 1, 0 FROM messages FORCE INDEX (PRIMARY) WHERE mailbox_id IN %(mailboxes)s
        ) AS lines_
    ) AS walked WHERE is_message = 1 AND uid <= gone_to GROUP BY mailbox_id
"""
SELECT_BODY_PAGE = """
    SELECT b.id, b.object_key, b.raw_octets, b.stored_octets, b.digest, b.reference_count, b.unreferenced_s,
        EXISTS (SELECT 1 FROM message_summaries AS s WHERE s.body_id = b.id)
    FROM message_bodies AS b WHERE b.id > %(after)s ORDER BY b.id LIMIT %(limit)s
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
SET_COUNTERS = """
    UPDATE mailboxes
    SET messages = %(messages)s, unseen = %(unseen)s, deleted = %(deleted)s, size_octets = %(size_octets)s,
        recent = %(recent)s, uid_next = %(uid_next)s, highest_modseq = %(highest_modseq)s
    WHERE id = %(mailbox)s
"""
SET_REFERENCES = """
    UPDATE message_bodies
    SET unreferenced_s = CASE WHEN %(references)s = 0 THEN COALESCE(unreferenced_s, %(now_s)s) END,
        reference_count = %(references)s
    WHERE id IN %(bodies)s
"""


# ---- telling


async def mailbox_counts(database: MysqlDatabase, after: MailboxId, limit: int) -> list[MailboxCount]:
    async def count(statements: Statements) -> list[MailboxCount]:
        rows = await statements.all(SELECT_MAILBOX_PAGE, {"after": after, "limit": limit})
        page = [mailbox(row) for row in rows]
        counted = await _counted(statements, [(one.id, one.messages) for one in page])
        return [MailboxCount(one, counted[one.id]) for one in page]

    return await database.read(count)


async def body_counts(database: MysqlDatabase, after: BodyId, limit: int) -> list[BodyCount]:
    async def count(statements: Statements) -> list[BodyCount]:
        rows = await statements.all(SELECT_BODY_PAGE, {"after": after, "limit": limit})
        if not rows:
            return []
        span = {"first_body": rows[0][0], "last_body": rows[-1][0]}
        counted = await _references(statements, COUNT_REFERENCES, span)
        return [
            BodyCount(
                id=BodyId(row[0]),
                object_key=row[1],
                raw_octets=row[2],
                stored_octets=row[3],
                digest=bytes(row[4]),
                references=row[5],
                unreferenced_s=row[6],
                counted=counted[row[0]],
                summarized=bool(row[7]),
            )
            for row in rows
        ]

    return await database.read(count)


async def missing_bodies(database: MysqlDatabase, mailbox_id: MailboxId) -> list[tuple[int, BodyId]]:
    rows = await database.all(SELECT_BODILESS, {"mailbox": mailbox_id})
    return [(uid, BodyId(body_id)) for uid, body_id in rows]


# ---- setting right


async def recount(
    statements: Statements, mailbox_ids: Sequence[MailboxId], body_ids: Sequence[BodyId], now_s: int
) -> None:
    """In a transaction that sees one state from its first read on, which comes after all locks."""
    rows = await statements.all(LOCK_COUNTERS, {"mailboxes": sorted(set(mailbox_ids))})
    bodies = await statements.all(LOCK_REFERENCES, {"bodies": sorted(set(body_ids))})
    locked = [mailbox(row) for row in rows]
    counted = await _counted(statements, [(one.id, one.messages) for one in locked])
    for one in locked:
        values = _set_right(MailboxCount(one, counted[one.id]))
        if values is not None:
            await statements.later(SET_COUNTERS, values)
    if bodies:
        of = {"bodies": [body_id for body_id, *_ in bodies]}
        references = await _references(statements, COUNT_REFERENCES_OF, of)
        wrong: dict[int, list[int]] = {}
        for body_id, count, unreferenced_s in bodies:
            there = references[body_id]
            if count != there or (unreferenced_s is None) == (there == 0):
                wrong.setdefault(there, []).append(body_id)
        for there, ids in wrong.items():
            await statements.later(SET_REFERENCES, {"references": there, "bodies": ids, "now_s": now_s})


def _set_right(count: MailboxCount) -> dict[str, int] | None:
    """The columns as they should be; None: they are."""
    says, are = count.mailbox, count.counted
    counters = {
        "messages": are.messages,
        "unseen": are.unseen,
        "deleted": are.deleted,
        "size_octets": are.size_octets,
        "recent": are.recent,
        "uid_next": max(says.uid_next, are.highest_uid + 1),
    }
    modseq: int = max(says.highest_modseq, are.highest_modseq)
    if any(getattr(says, name) != value for name, value in counters.items()):
        modseq += 1
    elif modseq == says.highest_modseq:
        return None
    return {**counters, "highest_modseq": modseq, "mailbox": says.id}


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


async def _counted(statements: Statements, sizes: Sequence[tuple[MailboxId, int]]) -> dict[MailboxId, Counted]:
    """sizes: mailboxes with about how many messages they have."""
    messages: dict[int, Sequence[Any]] = {}
    log: dict[int, tuple[int, int]] = {}
    reused: dict[int, int] = {}
    for part in _gathered(sizes):
        for mailbox_id, *counts in await statements.all(COUNT_MESSAGES, {"mailboxes": part}):
            messages[mailbox_id] = counts
        logged = {row[0]: (row[1], row[2]) for row in await statements.all(COUNT_LOG, {"mailboxes": part})}
        log |= logged
        if logged:
            reused |= dict(await statements.all(COUNT_REUSED, {"mailboxes": list(logged)}))
    return {
        mailbox_id: _told(messages.get(mailbox_id, [0] * 9), log.get(mailbox_id, (0, 0)), reused.get(mailbox_id, 0))
        for mailbox_id, _ in sizes
    }


def _told(counts: Sequence[int], log: tuple[int, int], reused: int) -> Counted:
    """counts: of COUNT_MESSAGES; log: of COUNT_LOG; without the mailbox."""
    return Counted(
        messages=counts[0],
        unseen=counts[1],
        deleted=counts[2],
        size_octets=counts[3],
        recent=counts[4],
        highest_uid=max(counts[5], log[0]),
        highest_modseq=ModSeq(max(counts[6], log[1])),
        reused_uids=reused,
        bodiless=counts[7],
        missized=counts[8],
    )


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
