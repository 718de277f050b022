"""Where a metered mail store lies: the embedded default in a folder, or production in MySQL and S3.

A place is opened by one server process after another; a copy of it has the same contents and is a test's own.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lightmail.backends.files import FileBlobs
from lightmail.backends.mysql import MysqlDatabase, MysqlDirectory, MysqlMetadata, upgrade
from lightmail.backends.s3 import S3Blobs
from lightmail.backends.sqlite import SqliteDatabase, SqliteDirectory, SqliteMetadata
from lightmail.config.addresses import S3Url, parse_mysql
from lightmail.config.sections import S3, Mysql
from lightmail.ports.blobs import BlobStore
from lightmail.ports.clock import Clock
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore
from tests.support.services import Services


@dataclass(frozen=True, slots=True)
class Stores:
    """The backends of one server process, and their meters."""

    metadata: MetadataStore
    directory: Directory
    blobs: BlobStore
    statements: Callable[[], int]
    transactions: Callable[[], int]
    objects: Mapping[str, int]
    """Requests to the object store so far, by operation; empty where there is none."""
    exclusive: bool


class Place(Protocol):
    def open(self, clock: Clock) -> AbstractAsyncContextManager[Stores]: ...

    def copy(self, folder: Path) -> Place:
        """folder: an empty one that may be used for it."""
        ...


@dataclass(frozen=True, slots=True)
class Embedded:
    folder: Path

    @asynccontextmanager
    async def open(self, clock: Clock) -> AsyncIterator[Stores]:
        database = await SqliteDatabase.open(self.folder / "lightmail.sqlite", clock)
        blobs = await FileBlobs.open(self.folder / "bodies")
        try:
            yield Stores(
                SqliteMetadata(database),
                SqliteDirectory(database),
                blobs,
                lambda: database.statements,
                lambda: database.writer.groups,
                {},
                exclusive=True,
            )
        finally:
            await blobs.close()
            await database.close()

    def copy(self, folder: Path) -> Embedded:
        return Embedded(Path(shutil.copytree(self.folder, folder / "copy")))


class Production:
    """A database and a bucket of its own; the node keeps no bodies, so that every read is seen."""

    def __init__(self, services: Services, database: str, bucket: str) -> None:
        self._services = services
        self._database = database
        self._bucket = bucket
        self._copy: str | None = None
        self._refill: list[str] = []

    @classmethod
    async def make(cls, services: Services) -> Production:
        database = services.sql.new_database()
        await upgrade(parse_mysql(database), Mysql(), 0)
        return cls(services, database, services.s3.new_bucket())

    @asynccontextmanager
    async def open(self, clock: Clock) -> AsyncIterator[Stores]:
        server = self._services.s3
        options = S3(
            endpoint=server.endpoint,
            region="us-east-1",
            style="path",
            access_key=server.access_key,
            secret_key=server.secret_key,
        )
        database = await MysqlDatabase.open(parse_mysql(self._database), Mysql(), clock)
        blobs = await S3Blobs.open(S3Url(self._bucket, ""), options)
        try:
            yield Stores(
                MysqlMetadata(database),
                MysqlDirectory(database),
                blobs,
                lambda: database.statements,
                lambda: database.transactions,
                blobs.counts.requests,
                exclusive=False,
            )
        finally:
            await blobs.close()
            await database.close()

    def copy(self, folder: Path) -> Production:
        """The same database each time, with its first contents again; the bodies are shared, for no command changes them
        (law 3).
        """
        if self._copy is None:
            self._copy = self._new_copy()
        self._services.sql.run(*self._refill)
        return Production(self._services, self._copy, self._bucket)

    def _new_copy(self) -> str:
        run = self._services.sql.run
        source = self._database.rpartition("/")[2]
        copied = f"{source}_copy"
        columns = run(
            "SELECT table_name, GROUP_CONCAT(column_name) FROM information_schema.columns"
            f" WHERE table_schema = '{source}' AND generation_expression IS NULL GROUP BY table_name"
        )
        run(
            f"CREATE DATABASE {copied} CHARACTER SET utf8mb4",
            *(f"CREATE TABLE {copied}.{table} LIKE {source}.{table}" for table, _ in columns),
        )
        self._refill = [
            "SET autocommit = 0",
            *(f"DELETE FROM {copied}.{table}" for table, _ in columns),
            *(
                f"INSERT INTO {copied}.{table} ({names}) SELECT {names} FROM {source}.{table}"
                for table, names in columns
            ),
            "COMMIT",
        ]
        return f"{self._database.rpartition('/')[0]}/{copied}"
