"""The Upkeep port over MySQL: leases and jobs, and which of the others runs where."""

from __future__ import annotations

from lightmail.backends.mysql import seal
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.statements import Statements

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
