"""Records as they are: accounts, mailboxes, the expunge log, bodies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.mailbox_row import KEYWORDS
from lightmail.backends.mysql.reading import log_lines
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.packing import split_words
from lightmail.backends.records import SUMMARY_COLUMNS, USER_COLUMNS, mailbox, mailbox_columns, user
from lightmail.model import (
    AccountRecord,
    BodyId,
    BodyRecord,
    BodySummary,
    ExpungeRange,
    MailboxId,
    MailboxRecord,
    ModSeq,
    StoredBodyRecord,
    UserId,
)

SELECT_USER_PAGE = f"SELECT {USER_COLUMNS} FROM users WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"
SELECT_ALIASES = "SELECT user_id, address FROM aliases WHERE user_id IN %(users)s"
SELECT_SUBSCRIBED = "SELECT user_id, name FROM subscriptions WHERE user_id IN %(users)s"
SELECT_LAST_VALIDITIES = "SELECT address, last FROM uid_validities WHERE address IN %(addresses)s"
SELECT_MAILBOX_RECORDS = f"""
    SELECT {mailbox_columns("name_octets")}, {KEYWORDS}
    FROM mailboxes AS m WHERE m.id > %(after)s ORDER BY m.id LIMIT %(limit)s
"""
SELECT_BODIES = f"""
    SELECT b.id, b.object_key, b.raw_octets, b.stored_octets, b.digest, b.reference_count, b.unreferenced_s,
        {SUMMARY_COLUMNS}
    FROM message_bodies AS b FORCE INDEX (PRIMARY)
    STRAIGHT_JOIN message_summaries AS s FORCE INDEX (PRIMARY) ON s.body_id = b.id
    WHERE b.id IN %(bodies)s ORDER BY b.id
"""


async def account_records(database: MysqlDatabase, after: UserId, limit: int) -> list[AccountRecord]:
    async def read(statements: Statements) -> list[AccountRecord]:
        rows = await statements.all(SELECT_USER_PAGE, {"after": after, "limit": limit})
        users = [user(row, "") for row in rows]
        if not users:
            return []
        values = {"users": [one.id for one in users], "addresses": [one.address for one in users]}
        aliases, subscriptions = defaultdict(list), defaultdict(list)
        for user_id, address in await statements.all(SELECT_ALIASES, values):
            aliases[user_id].append(address)
        for user_id, name in await statements.all(SELECT_SUBSCRIBED, values):
            subscriptions[user_id].append(name)
        last: dict[str, int] = dict(await statements.all(SELECT_LAST_VALIDITIES, values))
        return [
            AccountRecord(
                user=one,
                aliases=tuple(sorted(aliases[one.id])),
                subscriptions=tuple(sorted(subscriptions[one.id])),
                last_uid_validity=last.get(one.address, 0),
            )
            for one in users
        ]

    return await database.read(read)


async def mailbox_records(database: MysqlDatabase, after: MailboxId, limit: int) -> list[MailboxRecord]:
    rows = await database.all(SELECT_MAILBOX_RECORDS, {"after": after, "limit": limit})
    return [MailboxRecord(mailbox(row), split_words(row[-1])) for row in rows]


async def expunge_ranges(database: MysqlDatabase, mailbox_id: MailboxId, after: ModSeq) -> list[ExpungeRange]:
    lines = await database.read(lambda statements: log_lines(statements, mailbox_id, after))
    return [ExpungeRange(ModSeq(modseq), first_uid, last_uid) for modseq, first_uid, last_uid in lines]


async def body_records(database: MysqlDatabase, body_ids: Sequence[BodyId]) -> list[StoredBodyRecord]:
    if not body_ids:
        return []
    rows = await database.all(SELECT_BODIES, {"bodies": sorted(set(body_ids))})
    return [
        StoredBodyRecord(
            id=BodyId(body_id),
            record=BodyRecord(key, raw_octets, stored_octets, bytes(digest), BodySummary(*summary)),
            references=references,
            unreferenced_s=unreferenced_s,
        )
        for body_id, key, raw_octets, stored_octets, digest, references, unreferenced_s, _, *summary in rows
    ]
