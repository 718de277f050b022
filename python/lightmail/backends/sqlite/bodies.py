"""Rows of stored bodies: where they are, what is kept of them, which of them nobody needs any more."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.sqlite.connection import Row
from lightmail.model import BodyId
from lightmail.ports.metadata import BodyLocation

EVER = 2**63 - 1
"""Later than any time."""

SELECT_SUMMARIES = """
    SELECT body_id, header, envelope, bodystructure, parts FROM message_summaries
    WHERE body_id IN (SELECT value FROM json_each(:bodies))
"""
SELECT_LOCATIONS = """
    SELECT id, object_key, raw_octets, stored_octets FROM message_bodies
    WHERE id IN (SELECT value FROM json_each(:bodies))
"""
SELECT_UNREFERENCED = """
    SELECT id, object_key, raw_octets, stored_octets FROM message_bodies
    WHERE reference_count = 0 AND unreferenced_s < :before_s ORDER BY unreferenced_s LIMIT :limit
"""
DELETE_BODIES = """
    DELETE FROM message_bodies WHERE id IN (SELECT value FROM json_each(:bodies)) AND reference_count = 0
"""
SELECT_KNOWN_KEYS = """
    SELECT object_key FROM message_bodies WHERE object_key IN (SELECT value FROM json_each(:keys))
"""


def listed(body_ids: Sequence[BodyId]) -> str:
    """A JSON array."""
    return f"[{','.join(map(str, body_ids))}]"


def location(row: Row) -> BodyLocation:
    return BodyLocation(BodyId(row[0]), row[1], row[2], row[3])
