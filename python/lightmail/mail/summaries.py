"""Summaries (header, ENVELOPE, BODYSTRUCTURE, part table) from the database into the cache, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lightmail._core.index import SummaryCache
from lightmail.errors import BodyMissing
from lightmail.model import BodyId, BodySummary
from lightmail.ports.metadata import MetadataStore


class Summaries:
    def __init__(self, *, metadata: MetadataStore, max_octets: int) -> None:
        self.cache = SummaryCache(max_octets)
        self._metadata = metadata

    def added(self, summaries: Iterable[tuple[BodyId, BodySummary]]) -> None:
        """These have just been stored: no statement is needed to know them."""
        self.cache.insert(
            (body_id, summary.header, summary.envelope, summary.bodystructure, summary.parts, summary.preview)
            for body_id, summary in summaries
        )

    async def fill(self, body_ids: Sequence[int]) -> None:
        """Bring these into the cache with one statement. Raises BodyMissing when one is not known, Unavailable."""
        rows = await self._metadata.summaries([BodyId(body_id) for body_id in body_ids])
        self.cache.insert(rows)
        unknown = set(body_ids).difference(row[0] for row in rows)
        if unknown:
            raise BodyMissing(min(unknown))
