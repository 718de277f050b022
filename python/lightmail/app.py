"""The composition root: from a Config to a running server or an open mail store. The only file that names a backend."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from lightmail import serving
from lightmail.auth.passwords import Passwords
from lightmail.backends.local import LocalChangeFeed, SystemClock
from lightmail.config import Config
from lightmail.config.addresses import parse_store
from lightmail.mail.store import MailStore
from lightmail.ports.blobs import BlobStore
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore
from lightmail.serving import Started, Store, machine

__all__ = ["Started", "Store", "open_store", "serve"]


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


async def serve(
    config: Config,
    *,
    prepare: Callable[[Store], Awaitable[None]] | None = None,
    started: Callable[[Started], None] = lambda _: None,
) -> None:
    """See `serving.serve`."""
    await serving.serve(_effective(config), open_store, prepare=prepare, started=started)
