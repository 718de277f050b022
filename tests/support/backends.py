"""Every backend that implements a port, by name, for the contract tests and whoever wants a store.

A new backend is one entry here; the contracts in tests/contracts/ then run on it. A backend whose needs are not met on
this machine says so by `pytest.skip`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lightmail._core.index import Row, Snapshot, UidSet
from lightmail.backends.files import FileBlobs
from lightmail.backends.memory import MemoryBlobs, MemoryDirectory, MemoryMetadata, MemoryState, MemoryUpkeep
from lightmail.backends.mysql import MysqlDirectory, MysqlMetadata, MysqlUpkeep
from lightmail.backends.nodecache import CachedBlobs
from lightmail.backends.s3 import S3Blobs
from lightmail.backends.sqlite import SqliteDatabase, SqliteDirectory, SqliteMetadata, SqliteUpkeep
from lightmail.config.addresses import S3Url
from lightmail.config.sections import S3
from lightmail.model import (
    Appended,
    BodyRecord,
    BodySummary,
    Delta,
    Mailbox,
    MailboxId,
    NewMessage,
    User,
)
from lightmail.ports.blobs import BlobStore
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.upkeep import Upkeep
from tests.support.aio import run
from tests.support.mysql import open_database
from tests.support.services import S3Server, Services

START_S = 1_000_000_000


class HandClock:
    """2001-09-09T01:46:40Z, until a test says otherwise."""

    def __init__(self) -> None:
        self.now = START_S

    def now_s(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return float(self.now)


@dataclass(frozen=True)
class Ports:
    metadata: MetadataStore
    directory: Directory
    upkeep: Upkeep
    sql: Callable[[str], Awaitable[object]] | None
    """One statement past all verbs: what damages a database. None: there is no SQL."""


@asynccontextmanager
async def _memory(folder: Path, clock: HandClock, services: Services) -> AsyncIterator[Ports]:
    state = MemoryState(clock)
    yield Ports(MemoryMetadata(state), MemoryDirectory(state), MemoryUpkeep(state), None)


@asynccontextmanager
async def _sqlite(folder: Path, clock: HandClock, services: Services) -> AsyncIterator[Ports]:
    database = await SqliteDatabase.open(folder / "lightmail.sqlite", clock)
    try:

        def sql(statement: str) -> Awaitable[object]:
            return database.write(lambda statements: statements.run(statement), although_sealed=True)

        yield Ports(SqliteMetadata(database), SqliteDirectory(database), SqliteUpkeep(database), sql)
    finally:
        await database.close()


@asynccontextmanager
async def _mysql(folder: Path, clock: HandClock, services: Services) -> AsyncIterator[Ports]:
    async with open_database(services, clock) as database:

        def sql(statement: str) -> Awaitable[object]:
            return database.write(lambda statements: statements.run(statement))

        yield Ports(MysqlMetadata(database), MysqlDirectory(database), MysqlUpkeep(database), sql)


METADATA: dict[str, Callable[[Path, HandClock, Services], AbstractAsyncContextManager[Ports]]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "mysql": _mysql,
}
SQL = ("mysql", "sqlite")


@asynccontextmanager
async def _memory_blobs(folder: Path, services: Services) -> AsyncIterator[BlobStore]:
    yield MemoryBlobs()


@asynccontextmanager
async def _file_blobs(folder: Path, services: Services) -> AsyncIterator[BlobStore]:
    blobs = await FileBlobs.open(folder / "bodies")
    try:
        yield blobs
    finally:
        await blobs.close()


@asynccontextmanager
async def _s3_blobs(folder: Path, services: Services) -> AsyncIterator[BlobStore]:
    blobs = await S3Blobs.open(S3Url(services.s3.new_bucket(), "mail/bodies"), s3_options(services.s3))
    try:
        yield blobs
    finally:
        await blobs.close()


@asynccontextmanager
async def _cached_s3_blobs(folder: Path, services: Services) -> AsyncIterator[BlobStore]:
    distant = await S3Blobs.open(S3Url(services.s3.new_bucket(), "mail/bodies"), s3_options(services.s3))
    blobs = await CachedBlobs.open(distant, folder / "cache", 10_000_000)
    try:
        yield blobs
    finally:
        await blobs.close()


def s3_options(server: S3Server, **options: Any) -> S3:
    """How a test's S3 server is reached; options: as in `config.S3`."""
    reached = {"endpoint": server.endpoint, "access_key": server.access_key, "secret_key": server.secret_key}
    return S3(**{**reached, "part_octets": 5_242_880, **options})


BLOBS: dict[str, Callable[[Path, Services], AbstractAsyncContextManager[BlobStore]]] = {
    "memory": _memory_blobs,
    "files": _file_blobs,
    "s3": _s3_blobs,
    "s3+cache": _cached_s3_blobs,
}


@dataclass
class Store:
    """A metadata backend with one account, and what tests on it say often."""

    metadata: MetadataStore
    directory: Directory
    upkeep: Upkeep
    clock: HandClock
    user: User
    sql: Callable[[str], Awaitable[object]] | None = None
    """See Ports."""
    _bodies: int = field(default=0)

    async def damage(self, *statements: str) -> None:
        """In one transaction each."""
        assert self.sql is not None
        for statement in statements:
            await self.sql(statement)

    async def mailbox(self, name: str = "INBOX") -> Mailbox:
        return await self.metadata.create_mailbox(self.user.id, name)

    async def again(self, mailbox: Mailbox) -> Mailbox:
        """The mailbox as it is now."""
        mailboxes = await self.metadata.list_mailboxes(mailbox.user_id)
        return next(one for one in mailboxes if one.id == mailbox.id)

    def body(self, octets: int = 1000) -> BodyRecord:
        self._bodies += 1
        number = self._bodies
        return BodyRecord(
            object_key=f"{number % 256:02x}/{number:032x}",
            raw_octets=octets,
            stored_octets=octets // 2,
            digest=number.to_bytes(32),
            summary=BodySummary(
                header=b"Subject: %d\r\n\r\n" % number,
                envelope=b"(NIL %d)" % number,
                bodystructure=b"(structure %d)" % number,
                parts=b"\x00parts\xff%d" % number,
                sent_date=900_000_000 + number,
                sent_zone=-90,
                message_id=b"<%d@example.org>" % number,
                base_subject="gruß",
                preview="…",
            ),
        )

    def message(
        self, mailbox: Mailbox, flags: tuple[str, ...] = (), *, octets: int = 1000, body: BodyRecord | None = None
    ) -> NewMessage:
        return NewMessage(mailbox.id, body or self.body(octets), flags, 1_100_000_000, 120, self.clock.now_s())

    async def append(
        self, mailbox: Mailbox, count: int = 1, flags: tuple[str, ...] = (), *, octets: int = 1000
    ) -> list[Appended]:
        appended, _ = await self.metadata.append([self.message(mailbox, flags, octets=octets) for _ in range(count)])
        return appended

    async def load(self, mailbox: Mailbox | MailboxId) -> Snapshot:
        packed = await self.metadata.load(mailbox.id if isinstance(mailbox, Mailbox) else mailbox)
        return Snapshot.load(
            packed.blocks, keywords=packed.keywords, uid_next=packed.uid_next, highest_modseq=packed.highest_modseq
        )

    async def flags(self, mailbox: Mailbox) -> dict[int, set[str]]:
        """The flags of each message by UID."""
        snapshot = await self.load(mailbox)
        return {uid: set(snapshot.flags_of(uid)) for uid in snapshot.uids()}

    async def follows(self, before: Snapshot, delta: Delta | None) -> Snapshot:
        """Asserts that the Delta leads from `before` to what the store holds now; returns that."""
        assert delta is not None
        assert delta.base_modseq == before.highest_modseq
        after = before.apply(
            delta.rows,
            delta.expunged,
            keywords=delta.keywords,
            uid_next=delta.uid_next,
            highest_modseq=delta.highest_modseq,
        )
        loaded = await self.load(delta.mailbox_id)
        assert contents(after) == contents(loaded)
        return loaded


def contents(snapshot: Snapshot) -> tuple[object, ...]:
    """All that a snapshot says, as values that compare."""
    rows = [columns(row) for row in snapshot.rows(snapshot.uids())]
    return (snapshot.uid_next, snapshot.highest_modseq, snapshot.keywords, rows)


def columns(row: Row) -> tuple[int, ...]:
    return (
        row.uid,
        row.size,
        row.flags,
        row.modseq,
        row.body_id,
        row.internaldate,
        row.internaldate_zone,
        row.savedate,
        row.sent_date,
        row.sent_zone,
    )


def uids(*numbers: int | tuple[int, int]) -> UidSet:
    """Numbers and (first, last) ranges as a set."""
    return UidSet.from_ranges([n if isinstance(n, tuple) else (n, n) for n in numbers])


@asynccontextmanager
async def open_store(backend: str, folder: Path, services: Services) -> AsyncIterator[Store]:
    clock = HandClock()
    async with METADATA[backend](folder, clock, services) as ports:
        user = await ports.directory.add_user("ann@example.org", "hash")
        yield Store(ports.metadata, ports.directory, ports.upkeep, clock, user, ports.sql)


def on_every_metadata_backend(
    test: Callable[[Store], Coroutine[Any, Any, None]],
) -> Callable[[str, Path, Services], None]:
    """Makes a test of a coroutine that takes a Store."""
    return _on(sorted(METADATA), test)


def on_every_sql_backend(
    test: Callable[[Store], Coroutine[Any, Any, None]],
) -> Callable[[str, Path, Services], None]:
    """The same, where `Store.damage` can be done."""
    return _on(SQL, test)


def _on(
    backends: Sequence[str], test: Callable[[Store], Coroutine[Any, Any, None]]
) -> Callable[[str, Path, Services], None]:
    @pytest.mark.parametrize("backend", backends)
    def contract(backend: str, tmp_path: Path, services: Services) -> None:
        async def with_store() -> None:
            async with open_store(backend, tmp_path, services) as store:
                await test(store)

        run(with_store())

    contract.__name__, contract.__doc__, contract.__module__ = test.__name__, test.__doc__, test.__module__
    return contract


def on_every_blob_backend(
    test: Callable[[BlobStore], Coroutine[Any, Any, None]],
) -> Callable[[str, Path, Services], None]:
    """Makes a test of a coroutine that takes a BlobStore."""

    @pytest.mark.parametrize("backend", sorted(BLOBS))
    def contract(backend: str, tmp_path: Path, services: Services) -> None:
        async def with_blobs() -> None:
            async with BLOBS[backend](tmp_path, services) as blobs:
                await test(blobs)

        run(with_blobs())

    contract.__name__, contract.__doc__, contract.__module__ = test.__name__, test.__doc__, test.__module__
    return contract
