"""The BlobStore port: immutable objects under keys that are never reused (law 3). Knows nothing of mail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from lightmail._core.frames import Keyring

NO_KEYS = Keyring({})
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StoredObject:
    key: str
    octets: int
    modified_s: int
    """When it was written, by the clock of who keeps it."""


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
    """about: what the object is, in few and short words, kept beside it where the store can (S3 user metadata, extended
    attributes of a file), so that rows can be rebuilt without the database; never needed to read it. Names are small
    letters, digits and "-"; what is too long is shortened, see `backends.about`.

    account: on whose behalf; a store that bounds its requests shares them fairly between accounts. 0: the house's own.
    """

    keyring: Keyring
    """What its objects are encrypted with, by who writes and reads them: the store itself is given what is encrypted
    already. Each side of a migration has its own."""

    async def create(self, key: str, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> BlobWriter: ...

    async def put(self, key: str, octets: bytes, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> None:
        """A whole small object: create, write, commit in one step. Raises Unavailable."""
        ...

    async def read(self, key: str, start: int, octets: int, *, account: int = 0) -> bytes:
        """Exactly these octets, fewer only at the end. Raises BlobNotFound, Unavailable."""
        ...

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        """The same when it can be had at once from memory; None otherwise. Never blocks."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Keys that are not there are skipped. Raises Unavailable."""
        ...

    def objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object whose key begins so, in any order; what comes or goes meanwhile may be told or not.

        Raises Unavailable.
        """
        ...

    async def about(self, key: str) -> Mapping[str, str]:
        """As it was given, perhaps shortened; empty where the store could not keep it. Raises BlobNotFound, Unavailable."""
        ...

    async def close(self) -> None: ...
