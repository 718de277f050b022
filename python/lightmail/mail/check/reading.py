"""Reading bodies back from the store as they are there, past every cache of ours, and comparing their digests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import aclosing
from typing import TypeVar

import msgspec

from lightmail._core.frames import Ingest, Ingested
from lightmail._core.mime import MimeLimits
from lightmail.config import Config
from lightmail.errors import BodyCorrupt, BodyMissing, KeyUnusable
from lightmail.mail.bodies import Bodies
from lightmail.mail.check.damage import Kind
from lightmail.model import BodyCount
from lightmail.ports.blobs import BlobStore
from lightmail.ports.metadata import MetadataStore

T = TypeVar("T")

WIDTH = 16
"""Objects that are asked for at the same time."""
_BATCH = 1_000
_INLINE_OCTETS = 65_536


def uncached(config: Config) -> Config:
    """The same store, with its bodies read from where they are and not from this node's copies."""
    return msgspec.structs.replace(config, node_cache=msgspec.structs.replace(config.node_cache, octets=0))


class Reader:
    """Bodies at most WIDTH at a time, large ones by their frames: memory does not grow with them."""

    def __init__(self, *, metadata: MetadataStore, blobs: BlobStore, config: Config, workers: Executor) -> None:
        # A layout that Redis remembers says nothing of the object's own.
        limits = msgspec.structs.replace(config.limits, body_cache_octets=0)
        config = msgspec.structs.replace(config, limits=limits)
        self._bodies = Bodies(metadata=metadata, blobs=blobs, config=config, workers=workers, shared=None)
        self._workers = workers
        self._mime_limits = MimeLimits(
            depth=limits.mime_depth, parts=limits.mime_parts, header_octets=limits.header_octets
        )

    async def damaged(
        self, bodies: Sequence[BodyCount], read: Callable[[int], None]
    ) -> list[tuple[BodyCount, Kind, str]]:
        """Those whose octets are not what was stored, with what is wrong.

        read: called with the octets of each. Raises Unavailable.
        """
        found: list[tuple[BodyCount, Kind, str]] = []

        async def look(body: BodyCount) -> None:
            try:
                problem = await self._problem(body)
            except BodyMissing:
                found.append((body, Kind.OBJECT_MISSING, ""))
            except KeyUnusable as error:
                found.append((body, Kind.KEY_MISSING, error.reason))
            else:
                if problem:
                    found.append((body, Kind.OBJECT_DAMAGED, problem))
            read(body.raw_octets)

        for start in range(0, len(bodies), _BATCH):
            batch = bodies[start : start + _BATCH]
            await self._bodies.locate(each.id for each in batch)
            await side_by_side(look, batch)
        return found

    async def read(self, body: BodyCount) -> Ingested:
        """All of it, through hash and analysis. Raises BodyMissing, BodyCorrupt, Unavailable."""
        ingest = Ingest(self._mime_limits, min_gain_percent=100)
        loop = asyncio.get_running_loop()
        async with aclosing(self._bodies.stream(body.id, 0, body.raw_octets)) as chunks:
            async for chunk in chunks:
                if len(chunk) <= _INLINE_OCTETS:
                    ingest.feed(chunk)
                else:
                    await loop.run_in_executor(self._workers, ingest.feed, chunk)
        if body.raw_octets <= _INLINE_OCTETS:
            return ingest.finish()
        return await loop.run_in_executor(self._workers, ingest.finish)

    async def _problem(self, body: BodyCount) -> str:
        """Raises BodyMissing, Unavailable."""
        try:
            done = await self.read(body)
        except BodyCorrupt as error:
            return error.reason
        if done.raw_octets != body.raw_octets:
            return f"{done.raw_octets} octets instead of {body.raw_octets}"
        return "" if done.digest == body.digest else "their digest is another"


async def side_by_side(work: Callable[[T], Awaitable[None]], items: Iterable[T], *, width: int = WIDTH) -> None:
    """`width` at a time; the first that fails gives up the others. Raises what the work raises."""
    rest = iter(items)

    async def go_on() -> None:
        for each in rest:
            await work(each)

    tasks = [asyncio.create_task(go_on()) for _ in range(width)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
