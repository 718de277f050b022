"""The Upkeep port over SQLite: leases, jobs and the seal, and which of the other verbs runs where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from lightmail.backends.acl import by_mailbox
from lightmail.backends.records import stored_body
from lightmail.backends.sqlite import acl, bodies, counting, orphans, patching, records
from lightmail.backends.sqlite.database import SqliteDatabase
from lightmail.backends.sqlite.writer import Verb
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
from lightmail.ports.directory import SEALED

T = TypeVar("T")

# Whole seconds: a lease ends a little later than promised rather than earlier.
TAKE_LEASE = """
    INSERT INTO leases (name, holder, until_s) VALUES (:name, :holder, :now_s + :seconds)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_s = excluded.until_s
        WHERE holder = excluded.holder OR until_s < :now_s
"""
END_LEASE = "DELETE FROM leases WHERE name = :name AND holder = :holder"
SELECT_JOB = "SELECT state FROM jobs WHERE name = :name"
PUT_JOB = """
    INSERT INTO jobs (name, state, changed_s) VALUES (:name, :state, :now_s)
    ON CONFLICT (name) DO UPDATE SET state = excluded.state, changed_s = excluded.changed_s
"""
DELETE_JOB = "DELETE FROM jobs WHERE name = :name"
SELECT_SEAL = f"SELECT value FROM settings WHERE name = '{SEALED}'"
SEAL = f"""
    INSERT INTO settings (name, value) VALUES ('{SEALED}', :reason)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
UNSEAL = f"DELETE FROM settings WHERE name = '{SEALED}'"


class SqliteUpkeep:
    """Implements `ports.upkeep.Upkeep`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    # ---- leases, jobs, the seal

    async def take_lease(self, name: str, holder: str, *, seconds: int) -> bool:
        values = {"name": name, "holder": holder, "seconds": seconds, "now_s": self._now_s}
        return bool(await self._run(TAKE_LEASE, values))

    async def end_lease(self, name: str, holder: str) -> None:
        await self._run(END_LEASE, {"name": name, "holder": holder})

    async def get_job(self, name: str) -> bytes | None:
        row = self._database.one(SELECT_JOB, {"name": name})
        return None if row is None else bytes(row[0])

    async def put_job(self, name: str, state: bytes | None) -> None:
        values = {"name": name, "state": state, "now_s": self._now_s}
        await self._run(DELETE_JOB if state is None else PUT_JOB, values)

    async def seal(self, reason: str) -> None:
        # There is one writer at a time: who wrote before has ended, who comes later finds it.
        await self._run(SEAL, {"reason": reason.encode()})

    async def unseal(self) -> None:
        await self._run(UNSEAL, {})

    async def sealed(self) -> str | None:
        row = self._database.one(SELECT_SEAL)
        return None if row is None else bytes(row[0]).decode()

    # ---- out

    async def account_records(self, after: UserId, limit: int) -> list[AccountRecord]:
        values = {"after": after, "limit": limit}
        rows = await self._database.read(lambda statements: statements.all(records.SELECT_ACCOUNTS, values))
        return [records.account_record(row) for row in rows]

    async def mailbox_records(self, after: MailboxId, limit: int) -> list[MailboxRecord]:
        values = {"after": after, "limit": limit}
        rows = await self._database.read(lambda statements: statements.all(records.SELECT_MAILBOX_RECORDS, values))
        return [records.mailbox_record(row) for row in rows]

    async def account_acls(self, user_id: UserId) -> dict[MailboxId, Entries]:
        return by_mailbox(await self._database.read(lambda ask: ask.all(acl.SELECT_ACLS_OF, {"user": user_id})))

    async def expunge_ranges(self, mailbox_id: MailboxId, after: ModSeq) -> list[ExpungeRange]:
        values = {"mailbox": mailbox_id, "modseq": after}
        rows = await self._database.read(lambda statements: statements.all(patching.SELECT_LOG, values))
        return [ExpungeRange(ModSeq(modseq), first, last) for modseq, first, last in rows]

    async def body_records(self, body_ids: Sequence[BodyId]) -> list[StoredBodyRecord]:
        values = {"bodies": bodies.listed(body_ids)}
        rows = await self._database.read(lambda statements: statements.all(bodies.SELECT_STORED, values))
        return [stored_body(row) for row in rows]

    # ---- in

    async def put_accounts(self, accounts: Sequence[AccountRecord]) -> None:
        await self._write(lambda statements: records.put_accounts(statements, accounts))

    async def drop_accounts(self, user_ids: Sequence[UserId]) -> None:
        now_s = self._now_s
        await self._write(lambda statements: records.drop_accounts(statements, user_ids, now_s))

    async def put_mailboxes(self, mailboxes: Sequence[MailboxRecord]) -> None:
        await self._write(lambda statements: records.put_mailboxes(statements, mailboxes))

    async def drop_mailboxes(self, mailbox_ids: Sequence[MailboxId]) -> None:
        now_s = self._now_s
        await self._write(lambda statements: records.drop_mailboxes(statements, mailbox_ids, now_s))

    async def apply(self, patch: MailboxPatch) -> None:
        now_s = self._now_s
        await self._write(lambda statements: patching.apply(statements, patch, now_s))

    # ---- counting again

    async def mailbox_counts(self, after: MailboxId, limit: int) -> list[MailboxCount]:
        return await self._database.read(lambda statements: counting.mailbox_counts(statements, after, limit))

    async def body_counts(self, after: BodyId, limit: int) -> list[BodyCount]:
        return await self._database.read(lambda statements: counting.body_counts(statements, after, limit))

    async def missing_bodies(self, mailbox_id: MailboxId) -> list[tuple[int, BodyId]]:
        values = {"mailbox": mailbox_id}
        rows = await self._database.read(lambda statements: statements.all(counting.SELECT_MISSING, values))
        return [(uid, BodyId(body_id)) for uid, body_id in rows]

    async def recount(self, mailbox_ids: Sequence[MailboxId], body_ids: Sequence[BodyId]) -> None:
        now_s = self._now_s
        await self._write(lambda statements: counting.recount(statements, mailbox_ids, body_ids, now_s))

    async def put_bodies(self, bodies: Sequence[tuple[BodyId, BodyRecord]]) -> None:
        now_s = self._now_s
        await self._write(lambda statements: patching.put_bodies(statements, bodies, now_s))

    async def replace_object(self, body_id: BodyId, old_key: str, new_key: str, stored_octets: int) -> bool:
        now_s = self._now_s
        return await self._write(
            lambda statements: bodies.replace_object(statements, body_id, old_key, new_key, stored_octets, now_s)
        )

    async def drop_messages(self, mailbox_id: MailboxId, uids: Sequence[int]) -> None:
        await self._write(lambda statements: counting.drop_messages(statements, mailbox_id, uids))

    async def orphans(self, limit: int) -> Orphans:
        return await self._database.read(lambda statements: orphans.find(statements, limit))

    async def drop_orphans(self, found: Orphans) -> None:
        await self._write(lambda statements: orphans.drop(statements, found))

    # ---- parts of verbs

    @property
    def _now_s(self) -> int:
        return self._database.clock.now_s()

    async def _write(self, verb: Verb[T]) -> T:
        return await self._database.write(verb, although_sealed=True)

    async def _run(self, statement: str, values: Mapping[str, object]) -> int:
        """How many rows were changed."""
        return await self._write(lambda statements: statements.run(statement, values))
