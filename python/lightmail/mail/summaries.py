"""Summaries (header, ENVELOPE, BODYSTRUCTURE, part table) from the database into the cache, many at a time."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail._core.index import SummaryCache
from lightmail.errors import BodyMissing
from lightmail.model import BodyId
from lightmail.ports.metadata import MetadataStore


class Summaries:
    def __init__(self, *, metadata: MetadataStore, max_octets: int) -> None:
        self.cache = SummaryCache(max_octets)
        self._metadata = metadata

    async def fill(self, body_ids: Sequence[int]) -> None:
        """Bring these into the cache with one statement. Raises BodyMissing when one is not known, Unavailable."""
        rows = await self._metadata.summaries([BodyId(body_id) for body_id in body_ids])
        self.cache.insert(rows)
        unknown = set(body_ids).difference(row[0] for row in rows)
        if unknown:
            raise BodyMissing(min(unknown))
