"""The composition root: from a Config to a running server or an open mail store. The only file that names a backend."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from lightmail import serving
from lightmail.auth.passwords import Passwords
from lightmail.backends.local import LocalChangeFeed, SystemClock
from lightmail.config import Config
from lightmail.config.addresses import StoreUrl, parse_store
from lightmail.errors import ConfigError, Unavailable
from lightmail.mail.store import MailStore
from lightmail.model import Finding, SchemaState
from lightmail.ports.blobs import BlobStore
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore
from lightmail.serving import Started, Store, machine

__all__ = ["Started", "Store", "check_stores", "open_store", "schema_state", "serve", "upgrade_schema"]


@contextlib.asynccontextmanager
async def open_store(config: Config) -> AsyncIterator[Store]:
    """The mail store of a data folder, which is made when it is not there. Several processes may have it open.

    Raises Unavailable, SchemaMismatch, ConfigError.
    """
    config = _effective(config)
    machine.ensure_data_folder(config.data)
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        metadata, directory = await _open_metadata(config, clock)
        stack.push_async_callback(metadata.close)
        blobs = await _open_blobs(config)
        stack.push_async_callback(blobs.close)
        feed = LocalChangeFeed(metadata)
        mail = MailStore(
            metadata=metadata,
            blobs=blobs,
            directory=directory,
            feed=feed,
            clock=clock,
            config=config,
            exclusive=config.server.workers == 1,
        )
        stack.push_async_callback(mail.close)
        await feed.start()
        stack.push_async_callback(feed.close)
        yield Store(mail, metadata, Passwords(config.auth))


def _effective(config: Config) -> Config:
    """What is left to the machine to say is filled in."""
    if config.server.hostname:
        return config
    server = msgspec.structs.replace(config.server, hostname=socket.gethostname() or "localhost")
    return msgspec.structs.replace(config, server=server)


async def _open_metadata(config: Config, clock: SystemClock) -> tuple[MetadataStore, Directory]:
    url = parse_store(config.storage.metadata)
    if url.scheme == "memory":
        from lightmail.backends.memory import MemoryDirectory, MemoryMetadata, MemoryState

        state = MemoryState(clock)
        return MemoryMetadata(state), MemoryDirectory(state)
    from lightmail.backends.sqlite import SqliteDatabase, SqliteDirectory, SqliteMetadata

    database = await SqliteDatabase.open(config.path(url.rest), clock)
    return SqliteMetadata(database), SqliteDirectory(database)


async def _open_blobs(config: Config) -> BlobStore:
    url = parse_store(config.storage.bodies)
    if url.scheme == "memory":
        from lightmail.backends.memory import MemoryBlobs

        return MemoryBlobs()
    from lightmail.backends.files import FileBlobs

    return await FileBlobs.open(config.path(url.rest))


# ---- `lightmail db`


async def schema_state(config: Config) -> SchemaState:
    """Of the configured database; changes nothing. Raises Unavailable, ConfigError (memory has no schema)."""
    url = _database_url(config)
    from lightmail.backends.sqlite import upkeep

    return await asyncio.to_thread(upkeep.schema_state, config.path(url.rest))


async def upgrade_schema(config: Config) -> tuple[SchemaState, SchemaState]:
    """Apply what is pending; the state before and after. Raises Unavailable, SchemaMismatch, ConfigError."""
    url = _database_url(config)
    before = await schema_state(config)
    machine.ensure_data_folder(config.data)
    from lightmail.backends.sqlite import upkeep

    await asyncio.to_thread(upkeep.upgrade, config.path(url.rest), SystemClock().now_s())
    return before, await schema_state(config)


async def check_stores(config: Config) -> list[Finding]:
    """What is wrong with the database, and with S3 and Redis where they are configured.

    Nothing that is away is raised: it is among the findings. Raises ConfigError.
    """
    url = _database_url(config)
    from lightmail.backends.sqlite import upkeep

    try:
        return await asyncio.to_thread(upkeep.check, config.path(url.rest))
    except Unavailable as error:
        return [Finding("SQLite", str(error))]


def _database_url(config: Config) -> StoreUrl:
    url = parse_store(config.storage.metadata)
    if url.scheme == "memory":
        raise ConfigError("memory://", "storage.metadata", "it is no database; expected sqlite:// or mysql://")
    return url


# ---- the server


async def serve(
    config: Config,
    *,
    prepare: Callable[[Store], Awaitable[None]] | None = None,
    started: Callable[[Started], None] = lambda _: None,
) -> None:
    """See `serving.serve`."""
    await serving.serve(_effective(config), open_store, prepare=prepare, started=started)
