"""A mail store with a meter on its database, on the port of its bodies, and on its object store where it has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import msgspec

from lightmail.auth.passwords import Passwords
from lightmail.backends.local import LocalChangeFeed
from lightmail.config import Config
from lightmail.mail.store import MailStore
from lightmail.model import NewMessage
from lightmail.ports.blobs import NOTHING, BlobStore, BlobWriter, StoredObject
from tests.cost.places import Place, Stores
from tests.support.backends import HandClock
from tests.unit.imap.desk import CHEAP, PASSWORD, USER, Desk
from tests.unit.mail.house import House, message_octets


class MeteredBlobs:
    """A BlobStore that counts requests and octets; a create with its commit is one PUT."""

    def __init__(self, inner: BlobStore) -> None:
        self._inner = inner
        self.keyring = inner.keyring
        self.requests: Counter[str] = Counter()
        self.octets_in = 0
        self.octets_out = 0
        self.largest_write = 0

    async def create(self, key: str, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> BlobWriter:
        self.requests["put"] += 1
        return _MeteredWriter(self, await self._inner.create(key, about=about, account=account))

    async def put(self, key: str, octets: bytes, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> None:
        self.requests["put"] += 1
        self.wrote(octets)
        await self._inner.put(key, octets, about=about, account=account)

    async def read(self, key: str, start: int, octets: int, *, account: int = 0) -> bytes:
        self.requests["read"] += 1
        return self._read(await self._inner.read(key, start, octets, account=account))

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        found = self._inner.read_nowait(key, start, octets)
        if found is not None:
            self.requests["read"] += 1
            self._read(found)
        return found

    async def delete(self, keys: Sequence[str]) -> None:
        self.requests["delete"] += 1
        await self._inner.delete(keys)

    def objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        self.requests["list"] += 1
        return self._inner.objects(prefix)

    async def about(self, key: str) -> Mapping[str, str]:
        self.requests["about"] += 1
        return await self._inner.about(key)

    async def close(self) -> None:
        await self._inner.close()

    def wrote(self, octets: bytes) -> None:
        self.octets_in += len(octets)
        self.largest_write = max(self.largest_write, len(octets))

    def _read(self, octets: bytes) -> bytes:
        self.octets_out += len(octets)
        return octets


class _MeteredWriter:
    def __init__(self, meter: MeteredBlobs, inner: BlobWriter) -> None:
        self._meter = meter
        self._inner = inner
        self.commit = inner.commit
        self.abort = inner.abort

    async def write(self, octets: bytes) -> None:
        self._meter.wrote(octets)
        await self._inner.write(octets)


@dataclass(frozen=True, slots=True)
class Cost:
    statements: int
    transactions: int
    requests: dict[str, int]
    """To the body store, as the port counts them."""
    objects: dict[str, int]
    """Requests to S3, by operation."""
    octets_read: int


class MeteredHouse:
    """One server process: it remembers nothing of an earlier one over the same place."""

    def __init__(self, stores: Stores, clock: HandClock) -> None:
        config = Config()
        self.config = msgspec.structs.replace(
            config, auth=CHEAP, server=msgspec.structs.replace(config.server, hostname="mail.example.org")
        )
        self._stores = stores
        self.blobs = MeteredBlobs(stores.blobs)
        self.clock = clock
        self.directory = stores.directory
        self.feed = LocalChangeFeed()
        self.mail = MailStore(
            metadata=stores.metadata,
            blobs=self.blobs,
            directory=self.directory,
            feed=self.feed,
            clock=clock,
            config=self.config,
            exclusive=stores.exclusive,
        )
        self.desk = Desk(cast(House, self), self.config)

    def reading(self) -> Cost:
        """The meters as they stand."""
        stores, blobs = self._stores, self.blobs
        return Cost(
            stores.statements(), stores.transactions(), dict(blobs.requests), dict(stores.objects), blobs.octets_out
        )

    def since(self, before: Cost) -> Cost:
        now = self.reading()
        return Cost(
            now.statements - before.statements,
            now.transactions - before.transactions,
            _less(now.requests, before.requests),
            _less(now.objects, before.objects),
            now.octets_read - before.octets_read,
        )


def _less(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    counts = Counter(now)
    counts.subtract(before)
    return {name: count for name, count in counts.items() if count}


@asynccontextmanager
async def metered(place: Place) -> AsyncIterator[MeteredHouse]:
    clock = HandClock()
    async with place.open(clock) as stores:
        house = MeteredHouse(stores, clock)
        try:
            yield house
        finally:
            house.desk.authenticator.close()
            await house.mail.close()


async def fill(place: Place, messages: int) -> None:
    """One account, ann@example.org, with so many small messages in INBOX, every other one \\Seen."""
    async with metered(place) as house:
        user = await house.mail.accounts.create(USER.decode(), Passwords(CHEAP).hash(PASSWORD))
        inbox = await house.mail.mailboxes.get(user.id, "INBOX")
        new = []
        for number in range(messages):
            incoming = house.mail.bodies.receive()
            await incoming.write(message_octets(number))
            flags = ("\\Seen",) if number % 2 else ()
            new.append(NewMessage(inbox.id, await incoming.finish(), flags, 900_000_000 + number, 0, 1_000_000_000))
        await house.mail.append(new)
