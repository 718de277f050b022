"""Objects in a dictionary."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from lightmail.ports.blobs import NOTHING, BlobNotFound


class MemoryBlobWriter:
    """Implements `ports.blobs.BlobWriter`."""

    def __init__(self, objects: dict[str, bytes], key: str) -> None:
        self._objects = objects
        self._key = key
        self._octets = bytearray()

    async def write(self, octets: bytes) -> None:
        self._octets += octets

    async def commit(self) -> None:
        self._objects[self._key] = bytes(self._octets)

    async def abort(self) -> None:
        self._octets.clear()


class MemoryBlobs:
    """Implements `ports.blobs.BlobStore`."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def create(self, key: str, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> MemoryBlobWriter:
        return MemoryBlobWriter(self._objects, key)

    async def put(self, key: str, octets: bytes, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> None:
        self._objects[key] = bytes(octets)

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

    async def keys(self) -> AsyncIterator[str]:
        for key in list(self._objects):
            yield key

    async def close(self) -> None:
        """Nothing is open."""
