"""Bodies from one body store into another: the stored octets as they are, under the same keys, with what they are about."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lightmail.migrate.moving.patience import patiently
from lightmail.migrate.moving.sides import Progress, Report, Side
from lightmail.model import StoredBodyRecord
from lightmail.ports.blobs import BlobNotFound

WIDTH = 32
"""Objects on their way at the same time."""
PIECE_OCTETS = 1_048_576
"""Of a large object, so that memory is bounded: WIDTH of them."""

_REMEMBERED = 10_000


class BodiesGone(Exception):
    """Bodies that messages have named a moment ago: expunged and collected meanwhile, or the source is damaged."""


class Objects:
    """shared: both sides keep their bodies in one place; nothing is to be copied.

    look: the target may have some of them: an earlier run has brought them, or they were left there on purpose.
    """

    def __init__(
        self, source: Side, target: Side, report: Report, progress: Progress, *, shared: bool, look: bool
    ) -> None:
        self._source = source.blobs
        self._target = target.blobs
        self._report = report
        self._progress = progress
        self._shared = shared
        self._look = look
        self._room = asyncio.Semaphore(WIDTH)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._brought: dict[str, None] = {}
        """The latest ones, which the target's database may not know of yet."""
        self._remembers = False
        self._remembered: list[StoredBodyRecord] = []

    def remember(self) -> None:
        """From now on `take` tells which are brought."""
        self._remembers = True

    def take(self) -> list[StoredBodyRecord]:
        """Those that have been brought since it was last called."""
        taken, self._remembered = self._remembered, []
        return taken

    async def bring(self, bodies: Sequence[StoredBodyRecord]) -> None:
        """Durable in the target when it returns. Two mailboxes that share a body wait for one copy of it.

        Raises BodiesGone (the source does not have one, or not whole), Unavailable.
        """
        if self._shared:
            return
        tasks = [self._task(body) for body in bodies if body.record.object_key not in self._brought]
        try:
            # One that fails is told by itself; the others go on, as somebody else may wait for them.
            await asyncio.gather(*(asyncio.shield(task) for task in tasks))
        finally:
            for body in bodies:
                task = self._under_way.get(body.record.object_key)
                if task is not None and task.done():
                    del self._under_way[body.record.object_key]

    async def end(self) -> None:
        """Give up what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._under_way.clear()

    def _task(self, body: StoredBodyRecord) -> asyncio.Task[None]:
        key = body.record.object_key
        task = self._under_way.get(key)
        if task is None or task.done():
            task = self._under_way[key] = asyncio.create_task(self._bring(body))
        return task

    async def _bring(self, body: StoredBodyRecord) -> None:
        key, octets = body.record.object_key, body.record.stored_octets
        async with self._room:
            if self._look and await patiently(self._is_there, key, octets):
                self._report.bodies_kept += 1
            else:
                await patiently(self._copy, body)
                self._report.bodies_copied += 1
                self._report.octets_copied += octets
        self._brought[key] = None
        if len(self._brought) > _REMEMBERED:
            del self._brought[next(iter(self._brought))]
        if self._remembers:
            self._remembered.append(body)
        self._progress.advance(0, octets)

    async def _is_there(self, key: str, octets: int) -> bool:
        """Whole: keys are never used again, so an object of this length is this one."""
        try:
            return len(await self._target.read(key, octets - 1, 2)) == 1
        except BlobNotFound:
            return False

    async def _copy(self, body: StoredBodyRecord) -> None:
        key, octets = body.record.object_key, body.record.stored_octets
        try:
            about = await self._source.about(key)
            piece = await self._source.read(key, 0, min(octets, PIECE_OCTETS))
            if octets <= PIECE_OCTETS:
                _whole(body, len(piece))
                await self._target.put(key, piece, about=about)
                return
            writer = await self._target.create(key, about=about)
            try:
                done = 0
                while piece:
                    await writer.write(piece)
                    done += len(piece)
                    left = min(octets - done, PIECE_OCTETS)
                    piece = await self._source.read(key, done, left) if left else b""
                _whole(body, done)
                await writer.commit()
            except BaseException:
                await writer.abort()
                raise
        except BlobNotFound:
            raise BodiesGone(f"{_name(body)} is missing from the body store") from None


def _whole(body: StoredBodyRecord, octets: int) -> None:
    if octets != body.record.stored_octets:
        raise BodiesGone(f"{_name(body)} has {octets} octets instead of {body.record.stored_octets}")


def _name(body: StoredBodyRecord) -> str:
    return f"body {body.id} (object {body.record.object_key})"
