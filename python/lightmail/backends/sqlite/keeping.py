"""Leases, jobs and the seal in SQLite."""

from __future__ import annotations

from collections.abc import Mapping

from lightmail.backends.sqlite.database import SqliteDatabase
from lightmail.ports.directory import SEALED

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

    @property
    def _now_s(self) -> int:
        return self._database.clock.now_s()

    async def _run(self, statement: str, values: Mapping[str, object]) -> int:
        """How many rows were changed."""
        return await self._database.write(lambda statements: statements.run(statement, values), although_sealed=True)
