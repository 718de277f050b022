"""The BlobStore port: immutable objects under keys that are never reused (law 3). Knows nothing of mail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol


class BlobNotFound(LookupError):
    """No object under this key."""


class BlobWriter(Protocol):
    """One object on its way in; nobody sees it before commit."""

    async def write(self, octets: bytes) -> None:
        """Raises Unavailable."""
        ...

    async def commit(self) -> None:
        """Durable and readable when it returns: fsync of file and folder, or a confirmed PUT (law 1).

        Raises Unavailable.
        """
        ...

    async def abort(self) -> None:
        """Leaves nothing behind. Safe to call after a failure, and twice."""
        ...


class BlobStore(Protocol):
    async def create(self, key: str) -> BlobWriter: ...

    async def put(self, key: str, octets: bytes) -> None:
        """A whole small object: create, write, commit in one step."""
        ...

    async def read(self, key: str, start: int, octets: int) -> bytes:
        """Exactly these octets, fewer only at the end. Raises BlobNotFound, Unavailable."""
        ...

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        """The same when it can be had at once from memory; None otherwise. Never blocks."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Keys that are not there are skipped."""
        ...

    def keys(self) -> AsyncIterator[str]:
        """Every object, in any order (the sweep)."""
        ...

    async def close(self) -> None: ...
