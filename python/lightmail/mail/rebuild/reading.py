"""Objects read again, and what a database keeps of a body made of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from lightmail._core.frames import TAIL_OCTETS, CorruptBody, Ingest, Ingested, Layout, NeedTail, decode_all, ingest
from lightmail._core.frames import KeyUnusable as NoKey
from lightmail._core.mime import MimeLimits
from lightmail.config.sections import Limits
from lightmail.errors import KeyUnusable
from lightmail.mail.incoming import record_of
from lightmail.model import BodyRecord
from lightmail.ports.blobs import BlobNotFound, BlobStore

T = TypeVar("T")

_WHOLE_OCTETS = 524_288
"""Objects up to this are read at once."""
_RANGE_OCTETS = 1_048_576
"""Of larger ones so many raw octets at a time."""
_PLAIN = 100
"""Nothing is compressed again: only the sums and the structure are wanted."""


class Damaged(ValueError):
    """An object that is missing, or no body, or not all of one."""


class BodyReader:
    """Memory does not grow with bodies."""

    def __init__(self, *, blobs: BlobStore, limits: Limits, workers: Executor) -> None:
        self._blobs = blobs
        self._workers = workers
        self._mime_limits = MimeLimits(
            depth=limits.mime_depth, parts=limits.mime_parts, header_octets=limits.header_octets
        )

    async def read(self, key: str, stored_octets: int) -> BodyRecord:
        """Raises Damaged, KeyUnusable, Unavailable."""
        try:
            if stored_octets <= _WHOLE_OCTETS:
                stored = await self._blobs.read(key, 0, stored_octets)
                done = await self._in_worker(self._whole, stored, key)
            else:
                done = await self._large(key, stored_octets)
        except BlobNotFound:
            raise Damaged("its object is missing") from None
        except CorruptBody as error:
            raise Damaged(f"its object is damaged: {error}") from error
        except NoKey as error:
            raise KeyUnusable(key, str(error)) from error
        if not done.raw_octets:
            raise Damaged("its object is empty")
        return record_of(key, done, stored_octets=stored_octets)

    def _whole(self, stored: bytes, key: str) -> Ingested:
        return ingest(decode_all(stored, key, self._blobs.keyring), self._mime_limits, min_gain_percent=_PLAIN)

    async def _large(self, key: str, stored_octets: int) -> Ingested:
        layout = await self._layout(key, stored_octets)
        through = Ingest(self._mime_limits, min_gain_percent=_PLAIN)
        for start in range(0, layout.raw_octets, _RANGE_OCTETS):
            octets = min(_RANGE_OCTETS, layout.raw_octets - start)
            stored_start, wanted = layout.read_plan(start, octets)
            stored = await self._blobs.read(key, stored_start, wanted)
            raw = await self._in_worker(layout.decode, stored, stored_start, start, octets)
            await self._in_worker(through.feed, raw)
        return await self._in_worker(through.finish)

    async def _in_worker(self, call: Callable[..., T], *values: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, call, *values)

    async def _layout(self, key: str, stored_octets: int) -> Layout:
        octets = min(TAIL_OCTETS, stored_octets)
        while True:
            tail = await self._blobs.read(key, stored_octets - octets, octets)
            try:
                return Layout.parse(tail, stored_octets, key, self._blobs.keyring)
            except NeedTail as need:
                octets = need.octets
