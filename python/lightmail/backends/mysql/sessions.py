"""Who is connected where, in MySQL: one row per client, and one per process that tells when it was last heard of.

A beat without news is two statements.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.literals import Sql
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.records import SESSION_COLUMNS, session, session_row
from lightmail.model import ClientSession
from lightmail.ports.sessions import EXPIRES_S

TOUCH_PROCESS = """
    INSERT INTO processes (process, seen_s) VALUES (%(process)s, %(now_s)s) ON DUPLICATE KEY UPDATE seen_s = %(now_s)s
"""
INSERT_SESSION = f"""
    INSERT INTO sessions ({SESSION_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE id = id
"""
DELETE_SESSIONS = "DELETE FROM sessions WHERE id IN %(ids)s"
# tally: two sets of as many sessions are hardly ever taken for the same.
SELECT_TALLY = """
    SELECT own.sessions, own.tally, (SELECT COUNT(*) FROM processes WHERE seen_s <= %(silent_s)s)
    FROM (SELECT COUNT(*) AS sessions, COALESCE(SUM(CRC32(id)), 0) AS tally FROM sessions WHERE process = %(process)s)
        AS own
"""
SELECT_SILENT = "SELECT process FROM processes WHERE seen_s <= %(silent_s)s"
DELETE_SESSIONS_OF = "DELETE FROM sessions WHERE process IN %(processes)s"
DELETE_PROCESSES = "DELETE FROM processes WHERE process IN %(processes)s"
SELECT_SESSIONS = f"""
    SELECT {SESSION_COLUMNS} FROM sessions JOIN processes USING (process)
    WHERE seen_s > %(silent_s)s ORDER BY address, since_s, id
"""
SELECT_SESSIONS_OF = f"""
    SELECT {SESSION_COLUMNS} FROM sessions JOIN processes USING (process)
    WHERE seen_s > %(silent_s)s AND address = %(address)s ORDER BY since_s, id
"""


class MysqlSessions:
    """Implements `ports.sessions.SessionTable`."""

    def __init__(self, database: MysqlDatabase) -> None:
        """database: closed by whoever opened it."""
        self._database = database

    async def beat(
        self, process: str, opened: Sequence[ClientSession], closed: Sequence[str], *, all_ids: Sequence[str]
    ) -> bool:
        values = {"process": process, "now_s": self._database.now_s, "silent_s": self._silent_s()}
        wanted = len(all_ids), sum(zlib.crc32(name.encode()) for name in all_ids)

        async def beat(statements: Statements) -> bool:
            await statements.later(TOUCH_PROCESS, values)
            if opened and len(opened) == len(all_ids):
                await statements.later(DELETE_SESSIONS_OF, {"processes": [process]})
            if closed:
                await statements.later(DELETE_SESSIONS, {"ids": list(closed)})
            if opened:
                await statements.many(INSERT_SESSION, [session_row(one) for one in opened], later=True)
            ((sessions, tally, silent),) = await statements.all(SELECT_TALLY, values)
            if silent:
                await _forget(statements, [name for (name,) in await statements.all(SELECT_SILENT, values)])
            if sessions and not all_ids:
                await statements.later(DELETE_SESSIONS_OF, {"processes": [process]})
                return True
            return (sessions, tally) == wanted

        return await self._database.write(beat)

    async def list(self, *, address: str | None = None) -> list[ClientSession]:
        statement = SELECT_SESSIONS if address is None else SELECT_SESSIONS_OF
        rows = await self._database.all(statement, {"silent_s": self._silent_s(), "address": address})
        return [session(row) for row in rows]

    async def forget(self, process: str) -> None:
        await self._database.write(lambda statements: _forget(statements, [process]))

    async def close(self) -> None:
        """The database is closed by whoever opened it."""

    def _silent_s(self) -> Sql:
        """A process that was last heard of at this time is gone."""
        return Sql(b"%s - %d" % (self._database.now_s, int(EXPIRES_S)))


async def _forget(statements: Statements, processes: Sequence[str]) -> None:
    await statements.later(DELETE_SESSIONS_OF, {"processes": processes})
    await statements.later(DELETE_PROCESSES, {"processes": processes})
