"""Objects in a dictionary."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from lightmail._core.frames import Keyring
from lightmail.ports.blobs import NO_KEYS, NOTHING, BlobNotFound, StoredObject


class MemoryBlobWriter:
    """Implements `ports.blobs.BlobWriter`."""

    def __init__(self, blobs: MemoryBlobs, key: str, about: Mapping[str, str]) -> None:
        self._blobs = blobs
        self._key = key
        self._about = about
        self._octets = bytearray()

    async def write(self, octets: bytes) -> None:
        self._octets += octets

    async def commit(self) -> None:
        self._blobs.keep(self._key, self._octets, self._about)

    async def abort(self) -> None:
        self._octets.clear()


class MemoryBlobs:
    """Implements `ports.blobs.BlobStore`."""

    def __init__(self, now_s: Callable[[], float] = time.time, keyring: Keyring = NO_KEYS) -> None:
        self.keyring = keyring
        self._now_s = now_s
        self._objects: dict[str, bytes] = {}
        self._notes: dict[str, tuple[int, dict[str, str]]] = {}
        """When each was written, and what it is about."""

    async def create(self, key: str, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> MemoryBlobWriter:
        return MemoryBlobWriter(self, key, about)

    async def put(self, key: str, octets: bytes, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> None:
        self.keep(key, octets, about)

    async def read(self, key: str, start: int, octets: int, *, account: int = 0) -> bytes:
        stored = self.read_nowait(key, start, octets)
        if stored is None:
            raise BlobNotFound(key)
        return stored

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        stored = self._objects.get(key)
        return None if stored is None else stored[start : start + octets]

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._objects.pop(key, None)
            self._notes.pop(key, None)

    async def objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        for key, octets in list(self._objects.items()):
            if key.startswith(prefix):
                yield StoredObject(key, len(octets), self._notes[key][0])

    async def about(self, key: str) -> Mapping[str, str]:
        if key not in self._objects:
            raise BlobNotFound(key)
        return self._notes[key][1]

    def keep(self, key: str, octets: bytes | bytearray, about: Mapping[str, str]) -> None:
        """What both ways in come to."""
        self._objects[key] = bytes(octets)
        self._notes[key] = (int(self._now_s()), dict(about))

    async def close(self) -> None:
        """Nothing is open."""
