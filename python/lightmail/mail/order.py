"""SORT and THREAD over what a search found: what is compared comes from the mailbox's columns, or from headers.

The keys that a header gives are made once and kept (`limits.sort_cache_octets`), so that a client that sorts a mailbox
again and again makes no statement; those of the default comparator, which nearly all clients leave as it is.
Source: RFC 5256.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from lightmail._core.imap import SortOrder
from lightmail._core.index import KeyCache, OrderRun, Scores, Snapshot, UidList, UidSet
from lightmail.mail.comparators import DEFAULT, Comparator
from lightmail.mail.summaries import Summaries

_SUMMARIES_AT_ONCE = 1_000
_LITTLE_WORK = 64
"""Messages whose keys are made, or that are ordered, in less time than it takes to ask another thread."""
_CONCURRENT_RUNS = 2
"""Each holds the keys of all its messages, whatever the cache has room for."""


class Orders:
    """One instance per process: orderings share its bound on memory and threads (law 7)."""

    def __init__(self, *, summaries: Summaries, workers: Executor, max_octets: int) -> None:
        self.keys = KeyCache(max_octets)
        self._summaries = summaries
        self._workers = workers
        self._runs = asyncio.Semaphore(_CONCURRENT_RUNS)

    async def sort(
        self,
        order: SortOrder,
        view: Snapshot,
        found: UidSet,
        scores: Scores | None = None,
        *,
        comparator: Comparator = DEFAULT,
    ) -> UidList:
        """The messages of `found`, which are in the view, in this order; equal ones in the order of the mailbox.

        scores: of the messages, where the order is by RELEVANCY.
        Raises BodyMissing, Unavailable.
        """
        async with self._runs:
            run = OrderRun(view, found, with_keys=order.needs_summary, collation=comparator.collation)
            await self._gather(run)
            if len(run) <= _LITTLE_WORK:
                return run.sort(order, scores, comparator.descending)
            return await asyncio.get_running_loop().run_in_executor(
                self._workers, run.sort, order, scores, comparator.descending
            )

    async def thread(
        self, algorithm: str, view: Snapshot, found: UidSet, *, by_uid: bool, comparator: Comparator = DEFAULT
    ) -> bytes:
        """The threads of `found` as THREAD answers them, in UIDs or in numbers of the view; b"" when there are none.

        algorithm: ORDEREDSUBJECT, REFERENCES or REFS. Raises BodyMissing, Unavailable.
        """
        async with self._runs:
            run = OrderRun(view, found, with_keys=True, collation=comparator.collation)
            await self._gather(run)
            numbers = None if by_uid else view
            if len(run) <= _LITTLE_WORK:
                return run.thread(algorithm, numbers)
            return await asyncio.get_running_loop().run_in_executor(self._workers, run.thread, algorithm, numbers)

    async def _gather(self, run: OrderRun) -> None:
        """Until the keys of all messages are known."""
        cache, keys = self._summaries.cache, self.keys
        run.use_keys(keys)
        while not run.done:
            missing = run.missing_summaries(cache, _SUMMARIES_AT_ONCE)
            if missing:
                await self._summaries.fill(missing)
            if len(run) <= _LITTLE_WORK:
                run.use_summaries(cache, keys)
            else:
                await asyncio.get_running_loop().run_in_executor(self._workers, run.use_summaries, cache, keys)
