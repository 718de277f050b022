"""The composition root: from a Config to a running server or an open mail store. The only file that names a backend."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from lightmail.auth.outside import OutsideDirectory
from lightmail.auth.passwords import Passwords
from lightmail.backends.local import LocalChangeFeed, SharedTally, SystemClock, TallyRates
from lightmail.config import Config
from lightmail.config.addresses import MYSQL_SCHEMES, parse_mysql, parse_redis, parse_s3, parse_store
from lightmail.config.keyfiles import open_keyring
from lightmail.errors import ConfigError, NeedsOperator, Unavailable
from lightmail.mail.accounts import quota_of_new
from lightmail.mail.store import MailStore
from lightmail.model import Finding, SchemaState
from lightmail.obs.metrics import counts
from lightmail.obs.troubles import troubles
from lightmail.ports.blobs import BlobNotFound, BlobStore
from lightmail.ports.cache import Cache
from lightmail.ports.changes import ChangeFeed
from lightmail.ports.clock import Clock
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.rates import RateLimiter
from lightmail.ports.sessions import SessionTable
from lightmail.ports.upkeep import Upkeep
from lightmail.serving import machine
from lightmail.serving.reload import Reread
from lightmail.serving.store import Announce, Prepare, Started, Store

__all__ = [
    "Started",
    "Store",
    "check_stores",
    "check_user_table",
    "open_store",
    "same_bodies",
    "schema_state",
    "serve",
    "upgrade_schema",
]

_log = structlog.get_logger("lightmail.app")

T = TypeVar("T")


START_PATIENCE_S = 60.0
"""How long `serve` waits for a database that is not there yet: a node may be started before it."""
_RETRY_S = 1.0
_TLS_FILES = ("tls_ca", "tls_certificate", "tls_key")
_FILES = {"mysql": _TLS_FILES, "s3": ("ca",), "redis": _TLS_FILES, "auth_sql": ("tls_ca",)}
"""Files that backends are given; as configured they may be relative to the data folder."""
_STATEMENTS = "SQL statements run, without transaction control"
_NO_OBJECT = "probe/none"
"""A key that no object has."""
_SESSIONS_FILE = "sessions.sqlite"
"""Beside the database."""


# ---- the store


@contextlib.asynccontextmanager
async def open_store(
    config: Config, *, patience_s: float = 0.0, tally: SharedTally | None = None
) -> AsyncIterator[Store]:
    """The mail store of a configuration. Several processes may have it open.

    A data folder, an SQLite file and a folder of bodies are made when they are not there; a schema in MySQL is not.
    patience_s: how long a database server that is away is waited for; one that refuses us is not waited for. S3 and
    Redis may be away. tally: of all processes of a server; None: this process counts alone.
    Raises Unavailable, SchemaMismatch, ConfigError.
    """
    config = _effective(config)
    machine.ensure_data_folder(config.data)
    clock = SystemClock()
    tally = tally or SharedTally(clock)
    tally.join()
    async with contextlib.AsyncExitStack() as stack:
        distant = _scheme(config.storage.metadata) == "mysql"
        database = await _patiently(patience_s if distant else 0.0, lambda: _open_metadata(config, clock))
        metadata = database.metadata
        stack.push_async_callback(metadata.close)
        stack.push_async_callback(database.sessions.close)
        blobs = await _open_blobs(config)
        stack.push_async_callback(blobs.close)
        directory: Directory = database.directory
        if config.auth_sql.url:
            directory = outside = _outside(config, database.directory, stack)
        shared = await _open_redis(config, database, clock, stack)
        feed = shared.feed if shared else LocalChangeFeed(metadata, poll_s=config.changes.poll_s)
        mail = MailStore(
            metadata=metadata,
            blobs=blobs,
            directory=directory,
            feed=feed,
            clock=clock,
            config=config,
            sessions=shared.sessions if shared else database.sessions,
            cache=shared.cache if shared else None,
            exclusive=config.server.workers == 1 and not distant,
        )
        stack.push_async_callback(mail.close)
        if config.auth_sql.url:
            outside.provision = mail.mailboxes.provision
        await feed.start()
        stack.push_async_callback(feed.close)
        yield Store(
            mail,
            metadata,
            database.upkeep,
            blobs,
            Passwords(config.auth),
            cache=shared.cache if shared else None,
            rates=shared.rates if shared else TallyRates(tally),
            tally=tally,
        )


async def _patiently(patience_s: float, open_it: Callable[[], Awaitable[T]]) -> T:
    """Raises what `open_it` raises last; at once what no waiting mends."""
    loop = asyncio.get_running_loop()
    since_s = loop.time()
    told = ""
    while True:
        try:
            return await open_it()
        except NeedsOperator:
            raise
        except Unavailable as error:
            left_s = patience_s - (loop.time() - since_s)
            if left_s <= 0:
                raise
            if str(error) != told:
                told = str(error)
                _log.warning("waiting for the database", problem=told, at_most_s=round(left_s))
        await asyncio.sleep(_RETRY_S)


@dataclass(frozen=True, slots=True)
class _Database:
    """What one database does for us."""

    metadata: MetadataStore
    directory: Directory
    sessions: SessionTable
    """Its own table of who is connected."""
    upkeep: Upkeep


async def _open_metadata(config: Config, clock: Clock) -> _Database:
    scheme = _scheme(config.storage.metadata)
    if scheme == "memory":
        from lightmail.backends.memory import (
            MemoryDirectory,
            MemoryMetadata,
            MemorySessions,
            MemoryState,
            MemoryUpkeep,
        )

        state = MemoryState(clock)
        return _Database(MemoryMetadata(state), MemoryDirectory(state), MemorySessions(state), MemoryUpkeep(state))
    if scheme == "mysql":
        from lightmail.backends.mysql import MysqlDatabase, MysqlDirectory, MysqlMetadata, MysqlSessions, MysqlUpkeep

        server = await MysqlDatabase.open(parse_mysql(config.storage.metadata), config.mysql)
        counts.source("sql_statements_total", _STATEMENTS, lambda: server.statements, label="mysql")
        counts.source("sql_transactions_total", "Transactions committed", lambda: server.transactions, label="mysql")
        return _Database(MysqlMetadata(server), MysqlDirectory(server), MysqlSessions(server), MysqlUpkeep(server))
    from lightmail.backends.sqlite import (
        SqliteDatabase,
        SqliteDirectory,
        SqliteMetadata,
        SqliteSessions,
        SqliteUpkeep,
    )

    path = _path(config, config.storage.metadata)
    database = await SqliteDatabase.open(path, clock)
    counts.source("sql_statements_total", _STATEMENTS, lambda: database.statements, label="sqlite")
    sessions = SqliteSessions(path.with_name(_SESSIONS_FILE), clock)
    return _Database(SqliteMetadata(database), SqliteDirectory(database), sessions, SqliteUpkeep(database))


async def _open_blobs(config: Config) -> BlobStore:
    keyring = open_keyring(config)
    scheme = _scheme(config.storage.bodies)
    if scheme == "memory":
        from lightmail.backends.memory import MemoryBlobs

        return MemoryBlobs(keyring=keyring)
    if scheme == "s3":
        from lightmail.backends.s3 import S3Blobs

        distant = await S3Blobs.open(parse_s3(config.storage.bodies), config.s3, keyring)
        cache = config.node_cache
        if not cache.octets:
            return distant
        from lightmail.backends.nodecache import CachedBlobs

        return await CachedBlobs.open(distant, config.path(cache.path), cache.octets)
    from lightmail.backends.files import FileBlobs

    return await FileBlobs.open(_path(config, config.storage.bodies), keyring)


def _outside(config: Config, inner: Directory, stack: contextlib.AsyncExitStack) -> OutsideDirectory:
    """Raises NeedsOperator."""
    from lightmail.backends.usertable import open_table

    table = open_table(config.auth_sql, config.path)
    stack.push_async_callback(table.close)
    counts.source("user_table_queries_total", "Queries to the user table of auth.sql", lambda: table.queries)
    return OutsideDirectory(inner, table, quota_of_new(config))


async def check_user_table(config: Config) -> list[Finding]:
    """Ask each configured query of `auth.sql` once. What is away is not raised: it is among the findings."""
    from lightmail.backends.usertable import open_table

    config = _effective(config)
    return await _told("auth.sql", open_table(config.auth_sql, config.path).probe())


@dataclass(frozen=True, slots=True)
class _Shared:
    """What Redis does for all nodes."""

    feed: ChangeFeed
    cache: Cache
    rates: RateLimiter
    sessions: SessionTable


async def _open_redis(
    config: Config, database: _Database, clock: Clock, stack: contextlib.AsyncExitStack
) -> _Shared | None:
    if not config.storage.redis:
        return None
    from lightmail.backends.either_sessions import EitherSessions
    from lightmail.backends.redis import RedisCache, RedisChangeFeed, RedisConnection, RedisRates, RedisSessions

    redis = await RedisConnection.open(parse_redis(config.storage.redis), config.redis)
    stack.push_async_callback(redis.close)
    feed = RedisChangeFeed(redis, database.metadata, poll_s=config.changes.poll_s)
    sessions = EitherSessions(RedisSessions(redis, clock), database.sessions)
    return _Shared(feed, RedisCache(redis), RedisRates(redis, clock), sessions)


def _effective(config: Config) -> Config:
    """What is left to the machine to say is filled in, and backends are given whole paths."""
    changes: dict[str, Any] = {}
    for section, names in _FILES.items():
        options = getattr(config, section)
        files = {name: str(config.path(file)) for name in names if (file := getattr(options, name))}
        changes[section] = msgspec.structs.replace(options, **files)
    return msgspec.structs.replace(machine.effective(config), **changes)


def _scheme(url: str) -> str:
    """mariadb:// is mysql://."""
    scheme = parse_store(url).scheme
    return "mysql" if scheme in MYSQL_SCHEMES else scheme


def _path(config: Config, url: str) -> Path:
    """Of sqlite://PATH and file://PATH."""
    return config.path(parse_store(url).rest)


def same_bodies(config: Config, other: Config) -> bool:
    """Whether two configurations keep their bodies in one place."""
    schemes = _scheme(config.storage.bodies), _scheme(other.storage.bodies)
    if schemes == ("file", "file"):
        one, two = (_path(each, each.storage.bodies).resolve() for each in (config, other))
        return one == two
    if schemes == ("s3", "s3"):
        same_url = parse_s3(config.storage.bodies) == parse_s3(other.storage.bodies)
        return same_url and (config.s3.endpoint, config.s3.region) == (other.s3.endpoint, other.s3.region)
    return False


# ---- `lightmail db`


async def schema_state(config: Config) -> SchemaState:
    """Of the configured database; changes nothing. Raises Unavailable, ConfigError (memory has no schema)."""
    config = _effective(config)
    if _database(config) == "mysql":
        from lightmail.backends import mysql

        return await mysql.schema_state(parse_mysql(config.storage.metadata), config.mysql)
    from lightmail.backends.sqlite import upkeep

    return await asyncio.to_thread(upkeep.schema_state, _path(config, config.storage.metadata))


async def upgrade_schema(config: Config) -> tuple[SchemaState, SchemaState]:
    """Apply what is pending; the state before and after. Raises Unavailable, SchemaMismatch, ConfigError."""
    config = _effective(config)
    before = await schema_state(config)
    now_s = SystemClock().now_s()
    if _database(config) == "mysql":
        from lightmail.backends import mysql

        await mysql.upgrade(parse_mysql(config.storage.metadata), config.mysql, now_s)
    else:
        from lightmail.backends.sqlite import upkeep

        machine.ensure_data_folder(config.data)
        await asyncio.to_thread(upkeep.upgrade, _path(config, config.storage.metadata), now_s)
    return before, await schema_state(config)


async def check_stores(config: Config) -> list[Finding]:
    """What is wrong with the database, and with S3 and Redis where they are configured.

    What is away is not raised: it is among the findings. Raises ConfigError.
    """
    config = _effective(config)
    findings = await _check_database(config)
    if _scheme(config.storage.bodies) == "s3":
        findings += await _told("S3", _check_s3(config))
    if config.storage.redis:
        from lightmail.backends import redis

        findings += await redis.check(parse_redis(config.storage.redis), config.redis)
    return findings


async def _check_database(config: Config) -> list[Finding]:
    if _database(config) == "mysql":
        from lightmail.backends import mysql

        return await _told("MySQL", mysql.check(parse_mysql(config.storage.metadata), config.mysql))
    from lightmail.backends.sqlite import upkeep

    return await _told("SQLite", asyncio.to_thread(upkeep.check, _path(config, config.storage.metadata)))


async def _check_s3(config: Config) -> list[Finding]:
    from lightmail.backends import s3

    async for step in s3.check(parse_s3(config.storage.bodies), config.s3):
        _log.debug("S3", found=step)
    return []


async def _told(where: str, checking: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        return await checking
    except Unavailable as error:
        return [Finding(where, str(error))]


def _database(config: Config) -> str:
    """Which kind: "sqlite", "mysql". Raises ConfigError."""
    scheme = _scheme(config.storage.metadata)
    if scheme == "memory":
        raise ConfigError("memory://", "storage.metadata", "it is no database; expected sqlite:// or mysql://")
    return scheme


# ---- the server


def serve(
    config: Config,
    *,
    reread: Reread | None = None,
    prepare: Prepare | None = None,
    started: Announce = lambda _: None,
) -> None:
    """See `serving.run.serve`."""
    from lightmail.serving import run  # other commands need nothing of a server

    # Twice as many as there are workers, while those of a new configuration take over, and some more of them.
    tally = SharedTally(processes=2 * config.server.workers + 16)
    run.serve(
        config,
        functools.partial(_open_to_serve, tally=tally),
        preload=_preload,
        reread=reread,
        prepare=prepare,
        started=started,
    )


@contextlib.asynccontextmanager
async def _open_to_serve(config: Config, *, tally: SharedTally) -> AsyncIterator[Store]:
    """With a look at the body store on the side: whoever starts a server wants to know of a wrong bucket or key now."""
    async with open_store(config, patience_s=START_PATIENCE_S, tally=tally) as store:
        sealed = await store.upkeep.sealed()
        if sealed is not None:
            _log.warning("this mail store takes no writes", reason=sealed)
        looking = asyncio.get_running_loop().create_task(_look(store.blobs))
        try:
            yield store
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


async def _look(blobs: BlobStore) -> None:
    try:
        await blobs.read(_NO_OBJECT, 0, 1)
    except BlobNotFound:
        return
    except Unavailable as error:
        troubles.met(error, "bodies can be neither read nor written")


def _preload(config: Config) -> None:
    """Import what `open_store` will, so that the workers share the memory of it."""
    wanted = {
        "sqlite": _scheme(config.storage.metadata) == "sqlite",
        "mysql": _scheme(config.storage.metadata) == "mysql",
        "files": _scheme(config.storage.bodies) == "file",
        "s3": _scheme(config.storage.bodies) == "s3",
        "nodecache": _scheme(config.storage.bodies) == "s3" and bool(config.node_cache.octets),
        "redis": bool(config.storage.redis),
    }
    for room, is_wanted in wanted.items():
        if is_wanted:
            importlib.import_module(f"lightmail.backends.{room}")
