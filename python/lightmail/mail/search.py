"""SEARCH over one mailbox: what `SearchRun` cannot decide from columns is decided from summaries, then from octets.

Source: RFC 9051 §6.4.4. The answer is exact: a body that cannot be read makes the search fail, never shorter. FUZZY
keys (RFC 6203) are decided the same way, with a score; comparing words takes long, and is done on a worker thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from lightmail._core.imap import SearchProgram
from lightmail._core.index import Scores, SearchRun, Snapshot, UidSet
from lightmail.mail.bodies import Bodies
from lightmail.mail.comparators import DEFAULT, Comparator
from lightmail.mail.summaries import Summaries
from lightmail.ports.clock import Clock

_SUMMARIES_AT_ONCE = 1_000
_BODIES_AT_ONCE = 64
_FUZZY_AT_ONCE = 256
"""Messages whose header fields are compared in one go, while nobody else can use the cache of summaries."""
_OCTETS_AT_ONCE = 4_194_304
"""Of the bodies scanned in one go; a single larger message is taken by itself."""
_CONCURRENT_SCANS = 2


class Searches:
    """One instance per process: scans of bodies share its bound on memory and threads (law 7)."""

    def __init__(self, *, bodies: Bodies, summaries: Summaries, clock: Clock, workers: Executor) -> None:
        self._bodies = bodies
        self._summaries = summaries
        self._clock = clock
        self._workers = workers
        self._scans = asyncio.Semaphore(_CONCURRENT_SCANS)

    async def search(
        self,
        program: SearchProgram,
        view: Snapshot,
        *,
        saved: UidSet | None,
        recent_from: int,
        account: int = 0,
        within: UidSet | None = None,
        progress: Callable[[int, int], None] | None = None,
        comparator: Comparator = DEFAULT,
    ) -> tuple[UidSet, Scores | None]:
        """The UIDs that match, and how well they do where a key is FUZZY. Does not suspend when the columns and the
        cached summaries decide, and no key is FUZZY.

        within: only these are looked at. account: on whose behalf bodies are read. progress: is told how many of how
        many messages are decided.
        Raises BadCharset, BadSet, BodyMissing, BodyCorrupt, Unavailable.
        """
        run = SearchRun(
            program,
            view,
            saved=saved,
            recent_from=recent_from,
            now_s=self._clock.now_s(),
            within=within,
            collation=comparator.collation,
        )
        if program.needs_summary:
            cache = self._summaries.cache
            await self._use_summaries(run, program)
            while missing := run.missing_summaries(cache, _SUMMARIES_AT_ONCE):
                await self._summaries.fill(missing)
                await self._use_summaries(run, program)
                if progress is not None:
                    progress(len(view) - run.pending, len(view))
        while not run.done:
            async with self._scans:
                await self._scan(run, account)
            if progress is not None:
                progress(len(view) - run.pending, len(view))
        return run.result(), run.scores() if program.is_fuzzy else None

    async def _use_summaries(self, run: SearchRun, program: SearchProgram) -> None:
        cache = self._summaries.cache
        if not program.is_fuzzy:
            run.use_summaries(cache)
            return
        for _ in range(0, run.pending, _FUZZY_AT_ONCE):
            await asyncio.get_running_loop().run_in_executor(self._workers, run.use_summaries, cache, _FUZZY_AT_ONCE)

    async def _scan(self, run: SearchRun, account: int) -> None:
        """One batch of bodies: read side by side, then searched on a worker thread."""
        batch: list[tuple[int, int]] = []
        batch_octets = 0
        for body_id, octets in run.wanted_bodies(_BODIES_AT_ONCE):
            if batch and batch_octets + octets > _OCTETS_AT_ONCE:
                break
            batch.append((body_id, octets))
            batch_octets += octets
        bodies = self._bodies
        await bodies.locate([body_id for body_id, _ in batch])
        pairs: list[tuple[int, bytes]] = []
        waiting: list[tuple[int, int]] = []
        for body_id, octets in batch:
            raw = bodies.read_nowait(body_id, 0, octets)
            if raw is None:
                waiting.append((body_id, octets))
            else:
                pairs.append((body_id, raw))
        if waiting:
            read = await bodies.read_all([(body_id, 0, octets) for body_id, octets in waiting], account=account)
            pairs.extend((body_id, raw) for (body_id, _), raw in zip(waiting, read, strict=True))
        await asyncio.get_running_loop().run_in_executor(self._workers, run.use_bodies, self._summaries.cache, pairs)
