"""Bodies: the octets of messages, in by `receive`, out whole or by ranges.

Small bodies are read and cached whole. Of large ones only the frames that cover a range are read (law 5), in blocks
of one frame, so that a client that asks for 16 KiB at a time does not have each frame decoded eight times.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import aclosing

from lightmail._core.frames import CorruptBody, Layout, decode_all
from lightmail._core.frames import KeyUnusable as NoKey
from lightmail.config import Config
from lightmail.errors import BodyCorrupt, BodyMissing, KeyUnusable
from lightmail.mail.incoming import Incoming
from lightmail.mail.layouts import Layouts
from lightmail.mail.lru import OctetCache
from lightmail.mail.streaming import BLOCK_OCTETS, Budget, Fetched, Stream, octets_to_boundary
from lightmail.model import Appended, BodyId, NewMessage
from lightmail.ports.blobs import NOTHING, BlobNotFound, BlobStore
from lightmail.ports.cache import Cache
from lightmail.ports.metadata import BodyLocation, MetadataStore

_LOCATIONS_REMEMBERED = 65_536


class Bodies:
    """One instance per process; all caches are of immutable things, so none is ever wrong (law 3)."""

    def __init__(
        self,
        *,
        metadata: MetadataStore,
        blobs: BlobStore,
        config: Config,
        workers: Executor,
        shared: Cache | None = None,
    ) -> None:
        """shared: what all nodes keep together."""
        self._metadata = metadata
        self._blobs = blobs
        self._limits = config.limits
        self._min_gain_percent = config.storage.compression_gain_percent
        self._workers = workers
        self._small_octets = config.limits.small_body_octets
        self.cache: OctetCache[int] = OctetCache(config.limits.body_cache_octets)
        self._locations: dict[int, BodyLocation] = {}
        self._layouts = Layouts(shared, blobs.keyring)
        self._ahead = Budget(config.limits.read_ahead_octets)

    # ---- in

    def receive(self, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> Incoming:
        """A new body. Holds nothing outside this process until a large one has grown beyond `small_body_octets`.

        about: see `about.py`. account: on whose behalf.
        """
        return Incoming(
            blobs=self._blobs,
            layouts=self._layouts,
            limits=self._limits,
            min_gain_percent=self._min_gain_percent,
            workers=self._workers,
            about=about,
            account=account,
        )

    def added(self, messages: Sequence[NewMessage], appended: Sequence[Appended]) -> None:
        """These have just been stored: where their bodies are needs no statement to be known."""
        for message, stored in zip(messages, appended, strict=True):
            body = message.body
            self._remember(BodyLocation(stored.body_id, body.object_key, body.raw_octets, body.stored_octets))

    # ---- out

    async def locate(self, body_ids: Iterable[int]) -> None:
        """Learn where these bodies are, with one statement for all that are not known yet. Raises Unavailable."""
        unknown = [BodyId(body_id) for body_id in body_ids if body_id not in self._locations]
        if unknown:
            for location in await self._metadata.body_locations(unknown):
                self._remember(location)

    def read_nowait(self, body_id: int, start: int, octets: int) -> bytes | None:
        """What `read` would return, when it can be had at once: from this cache, or from the store's own memory.

        Raises BodyCorrupt.
        """
        location = self._locations.get(body_id)
        if location is None:
            return None
        if location.raw_octets > self._small_octets:
            return self._read_block_nowait(location, start, octets)
        raw = self.cache.get(body_id)
        if raw is None:
            stored = self._blobs.read_nowait(location.object_key, 0, location.stored_octets)
            if stored is None:
                return None
            raw = self._whole(location, stored)
        return raw if start == 0 and octets >= len(raw) else raw[start : start + octets]

    async def read(self, body_id: int, start: int, octets: int, *, account: int = 0) -> bytes:
        """A raw range, fewer octets only at the end. For ranges beyond a few blocks use `stream`.

        account: on whose behalf, for a store that shares its requests fairly.
        Raises BodyMissing, BodyCorrupt, Unavailable.
        """
        raw = self.read_nowait(body_id, start, octets)
        if raw is not None:
            return raw
        known = self._locations.get(body_id)
        try:
            return await self._read(body_id, start, octets, account)
        except BodyMissing:
            if not await self._is_elsewhere(body_id, known):
                raise
            return await self._read(body_id, start, octets, account)

    async def _read(self, body_id: int, start: int, octets: int, account: int) -> bytes:
        location = await self._location(body_id)
        if location.raw_octets <= self._small_octets:
            stored = await _read_stored(self._blobs, location, 0, location.stored_octets, account)
            raw = self._whole(location, stored)
            return raw if start == 0 and octets >= len(raw) else raw[start : start + octets]
        end = min(start + octets, location.raw_octets)
        if start >= end:
            return b""
        layout = await self._layout(location, account)
        if start // BLOCK_OCTETS == (end - 1) // BLOCK_OCTETS:
            block_start = start - start % BLOCK_OCTETS
            block = await self._read_range(location, layout, block_start, BLOCK_OCTETS, account)
            self.cache.put(_block_key(body_id, start), block)
            return block[start - block_start : end - block_start]
        return await self._read_range(location, layout, start, end - start, account)

    async def read_all(self, ranges: Iterable[tuple[int, int, int]], *, account: int = 0) -> list[bytes]:
        """(body_id, start, octets) side by side, in order; the first that fails gives up the others. Raises as `read`."""
        reads = [asyncio.ensure_future(self.read(*each, account=account)) for each in ranges]
        try:
            return await asyncio.gather(*reads)
        except BaseException:
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
            raise

    async def stream(self, body_id: int, start: int, octets: int, *, account: int = 0) -> AsyncGenerator[bytes, None]:
        """A raw range in chunks of a block at most. What is in memory is handed over as it is; from the first octet on
        that is not, more is on its way while the caller deals with the last (see `streaming.py`).

        Nothing is read before the first chunk is asked for, and that chunk tells whether the body is there.
        Close it (contextlib.aclosing) when not read to its end. Raises BodyMissing, BodyCorrupt, Unavailable.
        """
        end = start + octets
        while True:
            known = await self._location(body_id)
            try:
                async with aclosing(self._stream(body_id, start, end - start, account)) as chunks:
                    async for chunk in chunks:
                        start += len(chunk)
                        yield chunk
                return
            except BodyMissing:
                if not await self._is_elsewhere(body_id, known):
                    raise

    async def _stream(self, body_id: int, start: int, octets: int, account: int) -> AsyncGenerator[bytes, None]:
        location = await self._location(body_id)
        if location.raw_octets <= self._small_octets:
            yield await self.read(body_id, start, octets, account=account)
            return
        large = _Large(self._blobs, location, await self._layout(location, account), account)
        end = min(start + octets, location.raw_octets)
        while start < end:
            at_hand = large.at_hand(start, min(octets_to_boundary(start), end - start))
            if at_hand is None:
                break
            start += len(at_hand)
            yield at_hand
            await asyncio.sleep(0)
        stream = Stream(large, start, end, self._ahead)
        async with aclosing(stream.chunks()) as chunks:
            async for chunk in chunks:
                yield chunk

    # ---- steps

    def _remember(self, location: BodyLocation) -> None:
        if len(self._locations) >= _LOCATIONS_REMEMBERED:
            del self._locations[next(iter(self._locations))]
        self._locations[location.body_id] = location

    async def _location(self, body_id: int) -> BodyLocation:
        location = self._locations.get(body_id)
        if location is None:
            found = await self._metadata.body_locations([BodyId(body_id)])
            if not found:
                raise BodyMissing(body_id)
            location = found[0]
            self._remember(location)
        return location

    async def _is_elsewhere(self, body_id: int, known: BodyLocation | None) -> bool:
        """An object is not where it was known to be: whether its body has moved to another one, as bodies do that are
        encrypted anew. One statement.
        """
        self._locations.pop(body_id, None)
        return known is not None and (await self._location(body_id)).object_key != known.object_key

    async def _layout(self, location: BodyLocation, account: int) -> Layout:
        async def read_tail(octets: int) -> bytes:
            return await _read_stored(self._blobs, location, location.stored_octets - octets, octets, account)

        return await self._layouts.of(location, read_tail)

    def _read_block_nowait(self, location: BodyLocation, start: int, octets: int) -> bytes | None:
        """A range within one block of a large body that has just been read."""
        end = min(start + octets, location.raw_octets)
        if start >= end:
            return b""
        if start // BLOCK_OCTETS != (end - 1) // BLOCK_OCTETS:
            return None
        block = self.cache.get(_block_key(location.body_id, start))
        if block is None:
            return None
        return block[start % BLOCK_OCTETS : end - (start - start % BLOCK_OCTETS)]

    def _whole(self, location: BodyLocation, stored: bytes) -> bytes:
        """Decode a small body and keep it. Raises BodyCorrupt, KeyUnusable."""
        try:
            raw = decode_all(stored, location.object_key, self._blobs.keyring)
        except CorruptBody as error:
            raise BodyCorrupt(location.body_id, str(error)) from error
        except NoKey as error:
            raise KeyUnusable(location.object_key, str(error)) from error
        if len(raw) != location.raw_octets:
            raise BodyCorrupt(location.body_id, f"{len(raw)} octets where {location.raw_octets} were stored")
        self.cache.put(location.body_id, raw)
        return raw

    async def _read_range(self, location: BodyLocation, layout: Layout, start: int, octets: int, account: int) -> bytes:
        """A raw range of a large body, decoded off the loop. Raises BodyMissing, BodyCorrupt, Unavailable."""
        fetched = await _Large(self._blobs, location, layout, account).fetch(start, octets)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._workers, layout.decode, *fetched, start, min(octets, layout.raw_octets - start)
            )
        except CorruptBody as error:
            raise BodyCorrupt(location.body_id, str(error)) from error


class _Large:
    """A body that is read by its frames. Implements `streaming.Source`."""

    __slots__ = ("_account", "_blobs", "_layout", "_location")

    def __init__(self, blobs: BlobStore, location: BodyLocation, layout: Layout, account: int) -> None:
        self._blobs = blobs
        self._location = location
        self._layout = layout
        self._account = account

    def at_hand(self, start: int, octets: int) -> bytes | None:
        """A block, or a part of one, whose octets are in memory. Raises BodyCorrupt."""
        stored_start, stored_octets = self._layout.read_plan(start, octets)
        stored = self._blobs.read_nowait(self._location.object_key, stored_start, stored_octets)
        return None if stored is None else self.block(Fetched(stored, stored_start), start, octets)

    async def fetch(self, start: int, octets: int) -> Fetched:
        stored_start, stored_octets = self._layout.read_plan(start, octets)
        stored = await _read_stored(self._blobs, self._location, stored_start, stored_octets, self._account)
        return Fetched(stored, stored_start)

    def block(self, fetched: Fetched, start: int, octets: int) -> bytes:
        try:
            block = self._layout.decode(*fetched, start, octets)
        except CorruptBody as error:
            raise BodyCorrupt(self._location.body_id, str(error)) from error
        if len(block) != octets:
            raise BodyCorrupt(self._location.body_id, "seek table")
        return block


async def _read_stored(blobs: BlobStore, location: BodyLocation, start: int, octets: int, account: int) -> bytes:
    """Raises BodyMissing, BodyCorrupt, Unavailable."""
    try:
        stored = await blobs.read(location.object_key, start, octets, account=account)
    except BlobNotFound as error:
        raise BodyMissing(location.body_id) from error
    if len(stored) != octets:
        raise BodyCorrupt(location.body_id, f"{len(stored)} stored octets where {octets} were expected")
    return stored


def _block_key(body_id: int, start: int) -> int:
    """The key of a block in the cache whose other keys are body ids: below zero, so never one of these."""
    return -(body_id * 2**32 + start // BLOCK_OCTETS) - 1
