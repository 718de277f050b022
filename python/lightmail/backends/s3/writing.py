"""An object on its way into the store: one PUT when it is small, a multipart upload that runs while it arrives otherwise.

Nothing is visible before CompleteMultipartUpload. A process that is killed leaves an upload that nobody sees and the
store may charge for; a lifecycle rule of the bucket (AbortIncompleteMultipartUpload) removes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from lightmail.backends.s3.objects import Objects
from lightmail.backends.s3.room import Room
from lightmail.errors import Unavailable

_MOST_PARTS = 3
"""In memory: two under way, and the one that is being filled."""
_SMALL_OCTETS = 1_048_576
"""Up to here a body takes no room from others."""
_PATIENCE_S = 3.0
"""How long giving up waits for an upload to get its name, without which it cannot be aborted."""

_log = structlog.get_logger("lightmail.s3")


class S3BlobWriter:
    """Implements `ports.blobs.BlobWriter`."""

    def __init__(
        self,
        objects: Objects,
        key: str,
        *,
        about: Mapping[str, str],
        account: int,
        part_octets: int,
        verify: bool,
        room: Room,
    ) -> None:
        self._objects = objects
        self._room = room
        self._room_parts = 0
        """How much of it is ours."""
        self._key = key
        self._about = about
        self._account = account
        self._part_octets = part_octets
        self._verify = verify
        self._chunks: list[bytes | memoryview] = []
        self._held_octets = 0
        self._octets = 0
        self._upload: asyncio.Task[str] | None = None
        self._parts: list[asyncio.Task[str]] = []
        """By part number, from 1."""
        self._over = False
        self._uncertain = False
        """The object may be visible although nobody was told so."""

    async def write(self, octets: bytes) -> None:
        if self._over:
            raise ValueError("this object is complete, or was given up")
        if not self._room_parts and self._octets + len(octets) > _SMALL_OCTETS:
            await self._room.take(self._account)
            self._room_parts = 1
        rest = memoryview(octets)
        # A full part waits for the octet after it: a body of exactly one part is one PUT.
        while self._held_octets + len(rest) > self._part_octets:
            head = rest[: self._part_octets - self._held_octets]
            rest = rest[len(head) :]
            self._hold(head)
            await self._send_part()
        if rest:
            self._hold(octets if len(rest) == len(octets) else rest)

    async def commit(self) -> None:
        if self._over:
            raise ValueError("this object is complete, or was given up")
        self._uncertain = True
        if self._upload is None:
            etag = await self._objects.put(self._key, self._held(), self._about, self._account)
            if self._verify:
                await verify(self._objects, self._key, self._octets, etag, self._account)
        else:
            await self._send_part()
            etags = await asyncio.gather(*self._parts)
            completed = await self._objects.complete_upload(self._key, await self._upload, etags, self._account)
            if self._verify or not completed:
                await verify(self._objects, self._key, self._octets, "", self._account)
        self._over = True
        self._leave_room()

    async def abort(self) -> None:
        if self._over:
            return
        self._over = True
        self._chunks.clear()
        for part in self._parts:
            part.cancel()
        self._leave_room()
        await asyncio.gather(*self._parts, return_exceptions=True)
        try:
            if self._upload is not None:
                await asyncio.wait([self._upload], timeout=_PATIENCE_S)
                if self._upload.done():
                    await self._objects.abort_upload(self._key, self._upload.result(), self._account)
                else:
                    self._upload.cancel()
            if self._uncertain:
                await self._objects.delete([self._key], attempts=1)
        except Unavailable as error:
            # Nobody sees an upload, and the sweep finds an object: what is left costs space for a while.
            _log.info("an object is left behind", key=self._key, problem=str(error))

    def _hold(self, octets: bytes | memoryview) -> None:
        if octets:
            self._chunks.append(octets)
            self._held_octets += len(octets)
            self._octets += len(octets)

    def _held(self) -> bytes:
        """Takes out what is held."""
        chunks, self._chunks, self._held_octets = self._chunks, [], 0
        return chunks[0] if len(chunks) == 1 and isinstance(chunks[0], bytes) else b"".join(chunks)

    async def _send_part(self) -> None:
        """Waits until there is room for the next one, and not for this one to arrive. Raises what failed before."""
        if self._upload is None:
            self._upload = asyncio.create_task(self._objects.create_upload(self._key, self._about, self._account))
        self._parts.append(asyncio.create_task(self._upload_part(len(self._parts) + 1, self._held())))
        while len(running := [part for part in self._parts if not part.done()]) >= self._room_parts:
            if self._room_parts < _MOST_PARTS and self._room.try_take():
                self._room_parts += 1
            else:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for part in self._parts:
            if part.done():
                part.result()

    def _leave_room(self) -> None:
        parts, self._room_parts = self._room_parts, 0
        self._room.give_back(parts)

    async def _upload_part(self, number: int, octets: bytes) -> str:
        assert self._upload is not None
        upload = await asyncio.shield(self._upload)
        return await self._objects.upload_part(self._key, upload, number, octets, self._account)


async def verify(objects: Objects, key: str, octets: int, etag: str, account: int) -> None:
    """Asks for what was written. etag: "" when it cannot be known. Raises Unavailable when it is not there as it should be."""
    found = await objects.head(key, account)
    if found is None:
        raise Unavailable("the body store (an object that it took is not there)")
    if found.octets != octets or (etag and found.etag != etag):
        raise Unavailable("the body store (an object that it took is not as it was written)")
