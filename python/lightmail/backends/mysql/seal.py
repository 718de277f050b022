"""The seal: the row `sealed` of `settings`, with the reason, or empty. A store that has been moved takes no writes.

Every verb that changes something reads the row in its first statement and keeps it locked, shared, to the end of its
transaction (`SEAL`, `unsealed`). So whoever writes the row has waited for the writers under way, and those to come
wait for the row and see what it says. It is there from the beginning: what is not there cannot be locked.

A Galera node knows of no locks that others hold. There, who wrote the row on one node has the writers of another
rolled back when that one gets to know of it, which may be a moment later; so `press` then changes every row that a
writer changes, and changes it back: what was begun before that is not certified any more.
"""

from __future__ import annotations

import time

from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.errors import REPEATABLE, Refused
from lightmail.backends.mysql.statements import Statements
from lightmail.errors import StoreSealed, Unavailable
from lightmail.ports.directory import SEALED

# A scalar for the columns of a first statement; and a condition for one that has no columns, which then finds nothing.
SEAL = f"(SELECT value FROM settings WHERE name = '{SEALED}' LOCK IN SHARE MODE)"
NOT_SEALED = f"COALESCE({SEAL}, '') = ''"

SELECT_SEAL = f"SELECT value FROM settings WHERE name = '{SEALED}'"
SET_SEAL = f"""
    INSERT INTO settings (name, value) VALUES ('{SEALED}', %(reason)s) ON DUPLICATE KEY UPDATE value = %(reason)s
"""

_WAIT_S = 120.0
"""For writers under way: the longest verbs change millions of rows."""
_TOUCHED = 2000
"""Rows that are changed and changed back in one transaction."""
_LAST_ID = "SELECT MAX(id) FROM {table}"
SELECT_LAST_USER = _LAST_ID.format(table="users")
SELECT_LAST_MAILBOX = _LAST_ID.format(table="mailboxes")
TOUCH_MAILBOXES = "UPDATE mailboxes SET recent = recent + %(by)s WHERE id BETWEEN %(first)s AND %(last)s"
TOUCH_USERS = "UPDATE users SET enabled = enabled + %(by)s WHERE id BETWEEN %(first)s AND %(last)s"
TOUCH_UID_VALIDITIES = """
    UPDATE users AS u STRAIGHT_JOIN uid_validities AS v FORCE INDEX (PRIMARY) ON v.address = u.address
    SET v.last = v.last + %(by)s WHERE u.id BETWEEN %(first)s AND %(last)s
"""


def unsealed(seal: bytes | None) -> None:
    """seal: what SEAL has read. Raises StoreSealed."""
    if seal:
        raise StoreSealed(seal.decode())


async def changed_or_unsealed(statements: Statements, changed: int) -> bool:
    """Of a statement with NOT_SEALED in its condition: whether it changed something. Raises StoreSealed."""
    if not changed:
        row = await statements.one(SELECT_SEAL)
        unsealed(row[0] if row else None)
    return bool(changed)


async def sealed(database: MysqlDatabase) -> str | None:
    row = await database.one(SELECT_SEAL)
    return row[0].decode() if row and row[0] else None


async def press(database: MysqlDatabase, reason: str) -> None:
    """Raises Unavailable: it is not sealed, because somebody writes for longer than anybody waits."""
    galera = await _write_patiently(database, reason.encode())
    if galera:
        await touch_all(database)


async def take_off(database: MysqlDatabase) -> None:
    await database.write(lambda statements: statements.later(SET_SEAL, {"reason": b""}))


async def _write_patiently(database: MysqlDatabase, reason: bytes) -> bool:
    """Whether the server is a node of Galera."""

    async def write(statements: Statements) -> bool:
        await statements.run(SET_SEAL, {"reason": reason})
        return statements.connection.galera

    end_s = time.monotonic() + _WAIT_S
    while True:
        try:
            return await database.write(write)
        except Unavailable as error:
            cause = error.__cause__
            if not (isinstance(cause, Refused) and cause.number in REPEATABLE) or time.monotonic() > end_s:
                raise


async def touch_all(database: MysqlDatabase) -> None:
    """A few thousand rows at a time."""
    for last_of, statements in (
        (SELECT_LAST_USER, (TOUCH_USERS, TOUCH_UID_VALIDITIES)),
        (SELECT_LAST_MAILBOX, (TOUCH_MAILBOXES,)),
    ):
        row = await database.one(last_of)
        last = row[0] if row else None
        for first in range(1, (last or 0) + 1, _TOUCHED):
            for statement in statements:
                await _touch(database, statement, first)


async def _touch(database: MysqlDatabase, statement: str, first: int) -> None:
    async def touch(statements: Statements) -> None:
        for by in (1, -1):
            await statements.run(statement, {"by": by, "first": first, "last": first + _TOUCHED - 1})

    await database.write(touch)
