"""A message on its way in: octets from the socket through hash, compression and MIME analysis to the body store.

Only small messages are ever whole in memory (law 7); the octets of large ones are worked on off the loop thread.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import Executor

from lightmail._core.frames import Ingest, Ingested, Keyring, ingest
from lightmail._core.mime import MimeLimits
from lightmail.config.sections import Limits
from lightmail.errors import EmptyMessage, TooBig
from lightmail.mail.layouts import Layouts
from lightmail.model import BodyRecord, BodySummary
from lightmail.ports.blobs import NO_KEYS, BlobStore, BlobWriter

_INLINE_OCTETS = 98_304
"""Up to here a message is worked on at once: a fraction of a millisecond, not worth the way to a thread and back."""
_BLOCK_OCTETS = 262_144
"""This many octets go to a worker thread at a time; a message that fits goes through the extension in one call."""


def new_object_key(keyring: Keyring = NO_KEYS) -> str:
    """A key that is never reused, tells nothing but by what it is encrypted, and spreads evenly over prefixes and folders
    (law 3).
    """
    name = os.urandom(16).hex()
    return f"{name[:2]}/{name[2:]}{encrypted_mark(keyring)}"


def encrypted_mark(keyring: Keyring) -> str:
    """What the key of an object ends in that is written now; "": it is not encrypted. See `_core.frames.key_id`."""
    return "" if keyring.active is None else f".{keyring.active}"


def record_of(object_key: str, done: Ingested, *, stored_octets: int) -> BodyRecord:
    """What the database keeps of a body that has passed through the extension. stored_octets: of the object as it is."""
    summary = done.summary
    return BodyRecord(
        object_key=object_key,
        raw_octets=done.raw_octets,
        stored_octets=stored_octets,
        digest=done.digest,
        summary=BodySummary(
            header=summary.header,
            envelope=summary.envelope,
            bodystructure=summary.bodystructure,
            parts=summary.parts,
            sent_date=summary.sent_date,
            sent_zone=summary.sent_zone,
            message_id=summary.message_id,
            base_subject=summary.base_subject,
            preview=summary.preview,
        ),
    )


class Incoming:
    """`write` the chunks in order, then `finish` or `abort`. A failure of any of them has already aborted it."""

    def __init__(
        self,
        *,
        blobs: BlobStore,
        layouts: Layouts,
        limits: Limits,
        min_gain_percent: int,
        workers: Executor,
        about: Mapping[str, str],
        account: int,
    ) -> None:
        """about, account: as `ports.blobs.BlobStore` takes them."""
        self.octets = 0
        """Raw octets so far."""
        self._blobs = blobs
        self._layouts = layouts
        self._about = about
        self._account = account
        self._limit_octets = limits.message_octets
        self._small_octets = limits.small_body_octets
        self._workers = workers
        self._min_gain_percent = min_gain_percent
        self._mime_limits = MimeLimits(
            depth=limits.mime_depth, parts=limits.mime_parts, header_octets=limits.header_octets
        )
        self._ingest: Ingest | None = None
        self._key = new_object_key(blobs.keyring)
        self._block: list[bytes] = []
        self._block_octets = 0
        self._stored: list[bytes] = []
        self._held_octets = 0
        self._writer: BlobWriter | None = None

    async def write(self, chunk: bytes) -> None:
        """The next octets of the message. Raises TooBig, Unavailable."""
        self.octets += len(chunk)
        if self.octets > self._limit_octets:
            await self.abort()
            raise TooBig(self.octets, self._limit_octets)
        self._block.append(chunk)
        self._block_octets += len(chunk)
        if self._block_octets >= _BLOCK_OCTETS:
            await self._work()

    async def finish(self) -> BodyRecord:
        """The body is durable when this returns (law 1), and nobody knows of it yet.

        Raises EmptyMessage for a message of zero octets, Unavailable.
        """
        if not self.octets:
            await self.abort()
            raise EmptyMessage()
        try:
            done = await self._last()
            self._keep(done.tail)
            if self._writer is None:
                about = {**self._about, "octets": str(self.octets)}
                await self._blobs.put(self._key, b"".join(self._stored), about=about, account=self._account)
            else:
                await self._flush(self._writer)
                await self._writer.commit()
                self._writer = None
            if self.octets > self._small_octets:
                await self._layouts.stored(self._key, done.tail, done.stored_octets)
        except BaseException:
            await self.abort()
            raise
        finally:
            self._stored.clear()
        return record_of(self._key, done, stored_octets=done.stored_octets)

    async def abort(self) -> None:
        """Leaves nothing behind. Safe at any time before `finish` has returned, and twice."""
        self._block.clear()
        self._stored.clear()
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.abort()

    def _keep(self, stored: bytes) -> None:
        if stored:
            self._stored.append(stored)
            self._held_octets += len(stored)

    def _take_block(self) -> bytes:
        block = self._block[0] if len(self._block) == 1 else b"".join(self._block)
        self._block.clear()
        self._block_octets = 0
        return block

    async def _last(self) -> Ingested:
        loop = asyncio.get_running_loop()
        block = self._take_block()
        if self._ingest is not None:
            self._keep(await loop.run_in_executor(self._workers, self._ingest.feed, block))
            return await loop.run_in_executor(self._workers, self._ingest.finish)
        if len(block) <= _INLINE_OCTETS:
            return self._whole(block)
        return await loop.run_in_executor(self._workers, self._whole, block)

    def _whole(self, message: bytes) -> Ingested:
        return ingest(
            message,
            self._mime_limits,
            min_gain_percent=self._min_gain_percent,
            object_key=self._key,
            keyring=self._blobs.keyring,
        )

    async def _work(self) -> None:
        """Take the block through the extension on a worker thread, and pass on what is ready."""
        if self._ingest is None:
            self._ingest = Ingest(
                self._mime_limits,
                min_gain_percent=self._min_gain_percent,
                object_key=self._key,
                keyring=self._blobs.keyring,
            )
        block = self._take_block()
        try:
            self._keep(await asyncio.get_running_loop().run_in_executor(self._workers, self._ingest.feed, block))
            if self._writer is None and self._held_octets > self._small_octets:
                self._writer = await self._blobs.create(self._key, about=self._about, account=self._account)
            if self._writer is not None:
                await self._flush(self._writer)
        except BaseException:
            await self.abort()
            raise

    async def _flush(self, writer: BlobWriter) -> None:
        if self._stored:
            stored = b"".join(self._stored)
            self._stored.clear()
            self._held_octets = 0
            await writer.write(stored)
