"""Rows of stored bodies: where they are, what is kept of them, which of them nobody needs any more."""

from __future__ import annotations

from lightmail.backends.records import LOCATION_COLUMNS

EVER = 2**63 - 1
"""Later than any time."""

SELECT_SUMMARIES = """
    SELECT body_id, header, envelope, bodystructure, parts FROM message_summaries WHERE body_id IN %(bodies)s
"""
SELECT_LOCATIONS = f"SELECT {LOCATION_COLUMNS} FROM message_bodies WHERE id IN %(bodies)s"
SELECT_UNREFERENCED = f"""
    SELECT {LOCATION_COLUMNS} FROM message_bodies
    WHERE unreferenced_s < %(before_s)s ORDER BY unreferenced_s LIMIT %(limit)s
"""
# The summaries go with them.
DELETE_BODIES = "DELETE FROM message_bodies WHERE id IN %(bodies)s AND reference_count = 0"
SELECT_KNOWN_KEYS = "SELECT object_key FROM message_bodies WHERE object_key IN %(keys)s"
