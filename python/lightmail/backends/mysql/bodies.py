"""Rows of stored bodies: where they are, what is kept of them, which of them nobody needs any more."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.mysql.counting import message_parts
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.seal import SEAL, unsealed
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.records import LOCATION_COLUMNS
from lightmail.model import BodyId

EVER = 2**63 - 1
"""Later than any time."""

SELECT_SUMMARIES = """
    SELECT body_id, header, envelope, bodystructure, parts, preview FROM message_summaries WHERE body_id IN %(bodies)s
"""
SELECT_LOCATIONS = f"SELECT {LOCATION_COLUMNS} FROM message_bodies WHERE id IN %(bodies)s"
SELECT_UNREFERENCED = f"""
    SELECT {LOCATION_COLUMNS} FROM message_bodies
    WHERE unreferenced_s < %(before_s)s ORDER BY unreferenced_s LIMIT %(limit)s
"""
# The index is named because the optimizer would rather lock all that have no reference.
LOCK_UNREFERENCED = f"""
    SELECT id, {SEAL} FROM message_bodies FORCE INDEX (PRIMARY) WHERE id IN %(bodies)s AND reference_count = 0
    ORDER BY id FOR UPDATE
"""
# The summaries go with them.
DELETE_BODIES = "DELETE FROM message_bodies WHERE id IN %(bodies)s"
SELECT_LOCATIONS_AFTER = f"""
    SELECT {LOCATION_COLUMNS} FROM message_bodies WHERE id > %(after)s ORDER BY id LIMIT %(limit)s
"""
SELECT_NAMED = """
    SELECT DISTINCT body_id FROM messages
    WHERE mailbox_id > %(after)s AND mailbox_id <= %(last)s AND body_id IN %(bodies)s
"""
SELECT_KNOWN_KEYS = "SELECT object_key FROM message_bodies WHERE object_key IN %(keys)s"
LOCK_OBJECT = """
    SELECT raw_octets, stored_octets, digest FROM message_bodies FORCE INDEX (PRIMARY)
    WHERE id = %(body)s AND object_key = %(old_key)s FOR UPDATE
"""
SET_OBJECT = "UPDATE message_bodies SET object_key = %(new_key)s, stored_octets = %(stored_octets)s WHERE id = %(body)s"
INSERT_UNREFERENCED = """
    INSERT INTO message_bodies (object_key, raw_octets, stored_octets, digest, reference_count, unreferenced_s)
    VALUES (%s, %s, %s, %s, 0, %s)
"""


async def forget(statements: Statements, body_ids: Sequence[BodyId]) -> list[BodyId]:
    """Those that no message has any more. MySQL cannot tell what a DELETE has found. Raises StoreSealed."""
    rows = await statements.all(LOCK_UNREFERENCED, {"bodies": sorted(body_ids)})
    found = [BodyId(body_id) for body_id, _ in rows]
    if found:
        unsealed(rows[0][1])
        await statements.later(DELETE_BODIES, {"bodies": found})
    return found


async def replace_object(
    statements: Statements, body_id: BodyId, old_key: str, new_key: str, stored_octets: int
) -> bool:
    """Whether the body was there. What is left gets an id of its own."""
    values = {"body": body_id, "old_key": old_key, "new_key": new_key, "stored_octets": stored_octets}
    old = await statements.one(LOCK_OBJECT, values)
    if old is None:
        return False
    await statements.later(SET_OBJECT, values)
    await statements.later(INSERT_UNREFERENCED, (old_key, *old, statements.now_s))
    return True


async def named(database: MysqlDatabase, body_ids: Sequence[BodyId]) -> frozenset[BodyId]:
    """Those that messages name, in one state of the database."""

    async def look(statements: Statements) -> frozenset[BodyId]:
        found: set[BodyId] = set()
        async for after, last in message_parts(statements):
            values = {"after": after, "last": last, "bodies": sorted(body_ids)}
            found.update(BodyId(body_id) for (body_id,) in await statements.all(SELECT_NAMED, values))
        return frozenset(found)

    return await database.read(look) if body_ids else frozenset()
