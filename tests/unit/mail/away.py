"""A body store that goes away and comes back: the calls that a test names fail while it is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from lightmail.backends.memory import MemoryBlobs
from lightmail.backends.memory.blobs import MemoryBlobWriter
from lightmail.errors import StoreReadOnly, Unavailable
from lightmail.ports.blobs import NOTHING, BlobNotFound, StoredObject
from tests.unit.mail.house import House

READING = frozenset({"read", "objects"})
WRITING = frozenset({"put", "create", "write", "commit"})


class AwayBlobs(MemoryBlobs):
    """Nothing is at hand without asking."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: frozenset[str] = frozenset()
        self.read_only = False

    def go(self, *calls: str) -> None:
        """Away: for these calls, for all of them when none is named."""
        self.failing = frozenset(calls) or READING | WRITING | {"delete"}

    def come_back(self) -> None:
        self.failing = frozenset()

    def check(self, call: str) -> None:
        if call in self.failing:
            raise (StoreReadOnly if self.read_only else Unavailable)("the body store")

    async def create(self, key: str, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> MemoryBlobWriter:
        self.check("create")
        return _AwayWriter(self, key, about)

    async def put(self, key: str, octets: bytes, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> None:
        self.check("put")
        await super().put(key, octets, about=about)

    async def read(self, key: str, start: int, octets: int, *, account: int = 0) -> bytes:
        self.check("read")
        found = super().read_nowait(key, start, octets)
        if found is None:
            raise BlobNotFound(key)
        return found

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        return None

    async def objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        self.check("objects")
        async for found in super().objects(prefix):
            yield found


class _AwayWriter(MemoryBlobWriter):
    def __init__(self, store: AwayBlobs, key: str, about: Mapping[str, str]) -> None:
        super().__init__(store, key, about)
        self._store = store

    async def write(self, octets: bytes) -> None:
        self._store.check("write")
        await super().write(octets)

    async def commit(self) -> None:
        self._store.check("commit")
        await super().commit()


async def house_with(blobs: AwayBlobs, like: House | None = None, **limits: int) -> House:
    """like: another process over the same data."""
    house = await (like.again() if like is not None else House.build(**limits))
    house.blobs._inner = house._blobs = blobs
    return house
