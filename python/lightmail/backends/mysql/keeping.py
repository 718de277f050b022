"""The Upkeep port over MySQL: leases and jobs, and which of the others runs where."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.mysql import bodies as body_rows
from lightmail.backends.mysql import counting, orphans, patching, records, seal
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.statements import Statements
from lightmail.model import (
    AccountRecord,
    BodyCount,
    BodyId,
    BodyRecord,
    Entries,
    ExpungeRange,
    MailboxCount,
    MailboxId,
    MailboxPatch,
    MailboxRecord,
    ModSeq,
    Orphans,
    StoredBodyRecord,
    UserId,
)

# By the server's clock, which is one for all; in whole seconds, so a lease rather ends late. The second assignment sees
# what the first has made of the row.
TAKE_LEASE = """
    INSERT INTO leases (name, holder, until_s) VALUES (%(name)s, %(holder)s, UNIX_TIMESTAMP() + %(seconds)s)
    ON DUPLICATE KEY UPDATE
        holder = CASE WHEN until_s < UNIX_TIMESTAMP() THEN %(holder)s ELSE holder END,
        until_s = CASE WHEN holder = %(holder)s THEN UNIX_TIMESTAMP() + %(seconds)s ELSE until_s END
"""
SELECT_HOLDER = "SELECT holder FROM leases WHERE name = %(name)s"
END_LEASE = "DELETE FROM leases WHERE name = %(name)s AND holder = %(holder)s"
SELECT_JOB = "SELECT state FROM jobs WHERE name = %(name)s"
PUT_JOB = """
    INSERT INTO jobs (name, state, changed_s) VALUES (%(name)s, %(state)s, %(now_s)s)
    ON DUPLICATE KEY UPDATE state = %(state)s, changed_s = %(now_s)s
"""
DELETE_JOB = "DELETE FROM jobs WHERE name = %(name)s"


class MysqlUpkeep:
    """Implements `ports.upkeep.Upkeep`."""

    def __init__(self, database: MysqlDatabase) -> None:
        """database: closed by whoever opened it."""
        self._database = database

    # ---- leases and jobs

    async def take_lease(self, name: str, holder: str, *, seconds: int) -> bool:
        values = {"name": name, "holder": holder, "seconds": seconds}

        async def take(statements: Statements) -> bool:
            await statements.run(TAKE_LEASE, values)
            # The row is locked, so this is what it says now.
            ((has_it,),) = await statements.all(SELECT_HOLDER, values)
            return bool(has_it == holder)

        return await self._database.write(take)

    async def end_lease(self, name: str, holder: str) -> None:
        values = {"name": name, "holder": holder}
        await self._database.write(lambda statements: statements.later(END_LEASE, values))

    async def get_job(self, name: str) -> bytes | None:
        row = await self._database.one(SELECT_JOB, {"name": name})
        return None if row is None else bytes(row[0])

    async def put_job(self, name: str, state: bytes | None) -> None:
        values = {"name": name, "state": state, "now_s": self._database.clock.now_s()}
        statement = DELETE_JOB if state is None else PUT_JOB
        await self._database.write(lambda statements: statements.later(statement, values))

    # ---- the seal

    async def seal(self, reason: str) -> None:
        await seal.press(self._database, reason)

    async def unseal(self) -> None:
        await seal.take_off(self._database)

    async def sealed(self) -> str | None:
        return await seal.sealed(self._database)

    # ---- out

    async def account_records(self, after: UserId, limit: int) -> list[AccountRecord]:
        return await records.account_records(self._database, after, limit)

    async def mailbox_records(self, after: MailboxId, limit: int) -> list[MailboxRecord]:
        return await records.mailbox_records(self._database, after, limit)

    async def account_acls(self, user_id: UserId) -> dict[MailboxId, Entries]:
        return await records.account_acls(self._database, user_id)

    async def expunge_ranges(self, mailbox_id: MailboxId, after: ModSeq) -> list[ExpungeRange]:
        return await records.expunge_ranges(self._database, mailbox_id, after)

    async def body_records(self, body_ids: Sequence[BodyId]) -> list[StoredBodyRecord]:
        return await records.body_records(self._database, body_ids)

    # ---- in

    async def put_accounts(self, accounts: Sequence[AccountRecord]) -> None:
        await self._database.write(lambda statements: records.put_accounts(statements, accounts))

    async def drop_accounts(self, user_ids: Sequence[UserId]) -> None:
        await self._database.write(lambda statements: records.drop_accounts(statements, user_ids))

    async def put_mailboxes(self, mailboxes: Sequence[MailboxRecord]) -> None:
        await self._database.write(lambda statements: records.put_mailboxes(statements, mailboxes))

    async def drop_mailboxes(self, mailbox_ids: Sequence[MailboxId]) -> None:
        await self._database.write(lambda statements: records.drop_mailboxes(statements, mailbox_ids))

    async def apply(self, patch: MailboxPatch) -> None:
        await self._database.write(lambda statements: patching.apply(statements, patch))

    # ---- counting again

    async def mailbox_counts(self, after: MailboxId, limit: int) -> list[MailboxCount]:
        return await counting.mailbox_counts(self._database, after, limit)

    async def body_counts(self, after: BodyId, limit: int) -> list[BodyCount]:
        return await counting.body_counts(self._database, after, limit)

    async def missing_bodies(self, mailbox_id: MailboxId) -> list[tuple[int, BodyId]]:
        return await counting.missing_bodies(self._database, mailbox_id)

    async def recount(self, mailbox_ids: Sequence[MailboxId], body_ids: Sequence[BodyId]) -> None:
        await self._database.write(
            lambda statements: counting.recount(statements, mailbox_ids, body_ids), one_state=True
        )

    async def put_bodies(self, bodies: Sequence[tuple[BodyId, BodyRecord]]) -> None:
        await self._database.write(lambda statements: patching.put_bodies(statements, bodies))

    async def replace_object(self, body_id: BodyId, old_key: str, new_key: str, stored_octets: int) -> bool:
        return await self._database.write(
            lambda statements: body_rows.replace_object(statements, body_id, old_key, new_key, stored_octets)
        )

    async def drop_messages(self, mailbox_id: MailboxId, uids: Sequence[int]) -> None:
        await self._database.write(lambda statements: counting.drop_messages(statements, mailbox_id, uids))

    async def orphans(self, limit: int) -> Orphans:
        return await orphans.find(self._database, limit)

    async def drop_orphans(self, found: Orphans) -> None:
        await self._database.write(lambda statements: orphans.drop(statements, found))
