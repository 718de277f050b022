"""Rows of stored bodies: where they are, what is kept of them, which of them nobody needs any more."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.records import LOCATION_COLUMNS, STORED_BODY_COLUMNS
from lightmail.backends.sqlite.connection import Statements
from lightmail.model import BodyId

EVER = 2**63 - 1
"""Later than any time."""

SELECT_SUMMARIES = """
    SELECT body_id, header, envelope, bodystructure, parts, preview FROM message_summaries
    WHERE body_id IN (SELECT value FROM json_each(:bodies))
"""
SELECT_LOCATIONS = f"""
    SELECT {LOCATION_COLUMNS} FROM message_bodies
    WHERE id IN (SELECT value FROM json_each(:bodies))
"""
SELECT_STORED = f"""
    SELECT {STORED_BODY_COLUMNS} FROM message_bodies AS b JOIN message_summaries AS s ON s.body_id = b.id
    WHERE b.id IN (SELECT value FROM json_each(:bodies)) ORDER BY b.id
"""
SELECT_UNREFERENCED = f"""
    SELECT {LOCATION_COLUMNS} FROM message_bodies
    WHERE reference_count = 0 AND unreferenced_s < :before_s ORDER BY unreferenced_s LIMIT :limit
"""
DELETE_BODIES = """
    DELETE FROM message_bodies WHERE id IN (SELECT value FROM json_each(:bodies)) AND reference_count = 0
    RETURNING id
"""
# The plus keeps SQLite from looking for an index: each message is looked at once.
SELECT_NAMED = """
    SELECT DISTINCT body_id FROM messages WHERE +body_id IN (SELECT value FROM json_each(:bodies))
"""
SELECT_LOCATIONS_AFTER = f"SELECT {LOCATION_COLUMNS} FROM message_bodies WHERE id > :after ORDER BY id LIMIT :limit"
SELECT_KNOWN_KEYS = """
    SELECT object_key FROM message_bodies WHERE object_key IN (SELECT value FROM json_each(:keys))
"""
SELECT_OBJECT = """
    SELECT raw_octets, stored_octets, digest FROM message_bodies WHERE id = :body AND object_key = :old_key
"""
SET_OBJECT = "UPDATE message_bodies SET object_key = :new_key, stored_octets = :stored_octets WHERE id = :body"
INSERT_UNREFERENCED = """
    INSERT INTO message_bodies (object_key, raw_octets, stored_octets, digest, reference_count, unreferenced_s)
    VALUES (?, ?, ?, ?, 0, ?)
"""


def listed(body_ids: Sequence[BodyId]) -> str:
    """A JSON array."""
    return f"[{','.join(map(str, body_ids))}]"


def forget(statements: Statements, body_ids: Sequence[BodyId]) -> list[BodyId]:
    """Those that no message has any more; the summaries go with them."""
    return [BodyId(body_id) for (body_id,) in statements.all(DELETE_BODIES, {"bodies": listed(body_ids)})]


def replace_object(
    statements: Statements, body_id: BodyId, old_key: str, new_key: str, stored_octets: int, now_s: int
) -> bool:
    """Whether the body was there. What is left gets an id of its own."""
    values = {"body": body_id, "old_key": old_key, "new_key": new_key, "stored_octets": stored_octets}
    old = statements.one(SELECT_OBJECT, values)
    if old is None:
        return False
    statements.run(SET_OBJECT, values)
    statements.run(INSERT_UNREFERENCED, (old_key, *old, now_s))
    return True
