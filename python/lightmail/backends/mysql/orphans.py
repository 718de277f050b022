"""Rights and annotations of mailboxes and accounts that are gone. Looked for without locks, then deleted by mailbox."""

from __future__ import annotations

from lightmail.backends import orphans
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.statements import Statements
from lightmail.model import MailboxId, Orphans, UserId

SELECT_RIGHTS = f"{orphans.SELECT_RIGHTS} LIMIT %(limit)s"
SELECT_ANNOTATIONS = f"{orphans.SELECT_ANNOTATIONS} LIMIT %(limit)s"
DELETE_RIGHTS = orphans.DELETE_RIGHTS.format(mailboxes="%(mailboxes)s")
DELETE_ANNOTATIONS = orphans.DELETE_ANNOTATIONS.format(mailboxes="%(mailboxes)s")


async def find(database: MysqlDatabase, limit: int) -> Orphans:
    rights = await database.all(SELECT_RIGHTS, {"limit": limit})
    annotations = await database.all(SELECT_ANNOTATIONS, {"limit": limit})
    return Orphans(
        [(MailboxId(mailbox_id), identifier) for mailbox_id, identifier in rights],
        [(MailboxId(mailbox_id), UserId(user_id), entry) for mailbox_id, user_id, entry in annotations],
    )


async def drop(statements: Statements, found: Orphans) -> None:
    if found.rights:
        await statements.run(DELETE_RIGHTS, {"mailboxes": sorted({mailbox_id for mailbox_id, _ in found.rights})})
    if found.annotations:
        mailboxes = sorted({mailbox_id for mailbox_id, *_ in found.annotations})
        await statements.run(DELETE_ANNOTATIONS, {"mailboxes": mailboxes})
