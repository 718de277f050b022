"""What processes share, on every backend: two of each, as two processes have them, over one store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

from lightmail.backends.local import LocalChangeFeed, LocalRates, SharedTally, TallyRates
from lightmail.backends.memory import MemorySessions, MemoryState
from lightmail.backends.mysql import MysqlSessions
from lightmail.backends.redis import RedisCache, RedisChangeFeed, RedisRates, RedisSessions
from lightmail.backends.sqlite import SqliteDatabase, SqliteDirectory, SqliteMetadata, SqliteSessions
from lightmail.model import MailboxId, ModSeq
from lightmail.ports.cache import Cache
from lightmail.ports.changes import ChangeFeed
from lightmail.ports.rates import RateLimiter
from lightmail.ports.sessions import SessionTable
from tests.support.aio import run
from tests.support.backends import HandClock
from tests.support.mysql import open_database
from tests.support.redis import connected, grow_older, new_prefix, raw
from tests.support.services import Services

T = TypeVar("T")

WITHIN_S = 60.0


async def until(holds: Callable[[], object]) -> None:
    """What another server or process does in its own time sets no event here."""
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def until_it(holds: Callable[[], Awaitable[object]]) -> None:
    """The same for what has to be asked for."""
    async with asyncio.timeout(WITHIN_S):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


@dataclass
class Pair(Generic[T]):
    one: T
    other: T
    clock: HandClock
    pass_time: Callable[[float], Awaitable[None]]
    """So many seconds go by, for us and for the store."""


Maker = Callable[[Path, Services], AbstractAsyncContextManager[Pair[T]]]


def _pair(one: T, other: T, clock: HandClock) -> Pair[T]:
    async def pass_time(seconds: float) -> None:
        clock.now += int(seconds)

    return Pair(one, other, clock, pass_time)


@asynccontextmanager
async def _on_redis(services: Services, make: Callable[..., T]) -> AsyncIterator[Pair[T]]:
    url, prefix, clock = services.redis.url, new_prefix(), HandClock()
    async with connected(url, prefix=prefix) as one, connected(url, prefix=prefix) as other, raw(url) as client:

        async def pass_time(seconds: float) -> None:
            clock.now += int(seconds)
            await grow_older(client, prefix, seconds)

        yield Pair(make(one, clock), make(other, clock), clock, pass_time)


# ---- who is connected


@asynccontextmanager
async def _memory_sessions(folder: Path, services: Services) -> AsyncIterator[Pair[SessionTable]]:
    clock = HandClock()
    table: SessionTable = MemorySessions(MemoryState(clock))
    yield _pair(table, table, clock)


@asynccontextmanager
async def _sqlite_sessions(folder: Path, services: Services) -> AsyncIterator[Pair[SessionTable]]:
    clock = HandClock()
    tables: list[SessionTable] = [SqliteSessions(folder / "sessions.sqlite", clock) for _ in range(2)]
    try:
        yield _pair(*tables, clock)
    finally:
        for table in tables:
            await table.close()


@asynccontextmanager
async def _mysql_sessions(folder: Path, services: Services) -> AsyncIterator[Pair[SessionTable]]:
    clock = HandClock()
    async with open_database(services, clock) as database:
        tables: list[SessionTable] = [MysqlSessions(database) for _ in range(2)]
        yield _pair(*tables, clock)


@asynccontextmanager
async def _redis_sessions(folder: Path, services: Services) -> AsyncIterator[Pair[SessionTable]]:
    async with _on_redis(services, RedisSessions) as pair:
        yield pair


SESSIONS: dict[str, Maker[SessionTable]] = {
    "memory": _memory_sessions,
    "mysql": _mysql_sessions,
    "redis": _redis_sessions,
    "sqlite": _sqlite_sessions,
}


# ---- small hot values


@asynccontextmanager
async def _redis_cache(folder: Path, services: Services) -> AsyncIterator[Pair[Cache]]:
    async with _on_redis(services, lambda redis, clock: RedisCache(redis)) as pair:
        yield pair


CACHES: dict[str, Maker[Cache]] = {"redis": _redis_cache}


# ---- counts


@asynccontextmanager
async def _local_rates(folder: Path, services: Services) -> AsyncIterator[Pair[RateLimiter]]:
    clock = HandClock()
    rates: RateLimiter = LocalRates(clock)
    yield _pair(rates, rates, clock)


@asynccontextmanager
async def _tally_rates(folder: Path, services: Services) -> AsyncIterator[Pair[RateLimiter]]:
    clock = HandClock()
    rates: RateLimiter = TallyRates(SharedTally(clock, windows_s=(100.0,)))
    yield _pair(rates, rates, clock)


@asynccontextmanager
async def _redis_rates(folder: Path, services: Services) -> AsyncIterator[Pair[RateLimiter]]:
    async with _on_redis(services, RedisRates) as pair:
        yield pair


RATES: dict[str, Maker[RateLimiter]] = {"local": _local_rates, "tally": _tally_rates, "redis": _redis_rates}


# ---- hints


class Listening:
    """A feed that runs, what it tells, and how its process changes something."""

    def __init__(self, feed: ChangeFeed, commit: Callable[[], Awaitable[object]]) -> None:
        self.feed = feed
        self.heard: list[tuple[int, int]] = []
        self._commit = commit
        feed.listen(lambda mailbox_id, modseq: self.heard.append((mailbox_id, modseq)))

    async def commit(self, mailbox_id: int, modseq: int) -> None:
        await self._commit()
        self.feed.publish(MailboxId(mailbox_id), ModSeq(modseq))

    async def hears(self, *hints: tuple[int, int]) -> None:
        """Any of these comes, or has come; then everything heard is forgotten."""
        await until(lambda: set(hints) & set(self.heard))
        self.heard.clear()


@asynccontextmanager
async def _local_feeds(folder: Path, services: Services) -> AsyncIterator[Pair[Listening]]:
    clock = HandClock()
    async with AsyncExitStack() as stack:
        sides = []
        for number in range(2):
            database = await SqliteDatabase.open(folder / "lightmail.sqlite", clock)
            stack.push_async_callback(database.close)
            feed = LocalChangeFeed(SqliteMetadata(database), version_poll_s=0.005)
            accounts = SqliteDirectory(database)
            sides.append(Listening(feed, lambda n=number, to=accounts: to.add_user(f"{n}-{clock.now}@example.org", "")))
            await feed.start()
            stack.push_async_callback(feed.close)
        yield _pair(*sides, clock)


async def _nothing() -> None:
    return None


@asynccontextmanager
async def _redis_feeds(folder: Path, services: Services) -> AsyncIterator[Pair[Listening]]:
    async with _on_redis(services, lambda redis, clock: Listening(RedisChangeFeed(redis, None), _nothing)) as pair:
        for side in (pair.one, pair.other):
            await side.feed.start()
            await side.hears((0, 0))  # it says so when it listens
        yield pair
        for side in (pair.one, pair.other):
            await side.feed.close()


FEEDS: dict[str, Maker[Listening]] = {"local": _local_feeds, "redis": _redis_feeds}


# ---- contracts


def on_every(
    makers: dict[str, Maker[T]],
) -> Callable[[Callable[[Pair[T]], Coroutine[Any, Any, None]]], Callable[[str, Path, Services], None]]:
    """Makes a test of a coroutine that takes a Pair."""

    def of(test: Callable[[Pair[T]], Coroutine[Any, Any, None]]) -> Callable[[str, Path, Services], None]:
        @pytest.mark.parametrize("backend", sorted(makers))
        def contract(backend: str, tmp_path: Path, services: Services) -> None:
            async def with_pair() -> None:
                async with makers[backend](tmp_path, services) as pair:
                    await test(pair)

            run(with_pair())

        contract.__name__, contract.__doc__, contract.__module__ = test.__name__, test.__doc__, test.__module__
        return contract

    return of
