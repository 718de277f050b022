"""Change hints through a real Redis that is stopped, started and frozen; what is beyond the contract of the port."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog.testing

from lightmail.backends.memory import MemoryMetadata, MemoryState
from lightmail.backends.redis import RedisChangeFeed, RedisConnection
from lightmail.backends.redis import feed as feed_module
from lightmail.config import sections
from lightmail.config.addresses import parse_redis
from lightmail.model import MailboxId, ModSeq
from tests.support.aio import run
from tests.support.redis import raw
from tests.support.services import Redis, Services
from tests.support.shared import until

pytestmark = pytest.mark.integration

POLL_S = 0.05


class NoVersion(MemoryMetadata):
    """A database that has no data version, as MySQL; counts how often it was asked for one."""

    def __init__(self) -> None:
        super().__init__(MemoryState())
        self.asked = 0

    async def data_version(self) -> int | None:  # type: ignore[override]
        self.asked += 1
        return None


class Process:
    """A feed on a connection of its own, and what it has told."""

    def __init__(self, redis: RedisConnection) -> None:
        self.redis = redis
        self.metadata = NoVersion()
        self.feed = RedisChangeFeed(redis, self.metadata, poll_s=POLL_S)
        self.heard: list[tuple[int, int]] = []
        self.feed.listen(lambda mailbox_id, modseq: self.heard.append((mailbox_id, modseq)))

    @property
    def hints(self) -> list[tuple[int, int]]:
        """Without those that say only that one should look."""
        return [hint for hint in self.heard if hint != (0, 0)]

    def publish(self, mailbox_id: int, modseq: int) -> None:
        self.feed.publish(MailboxId(mailbox_id), ModSeq(modseq))

    async def follow(self, *mailbox_ids: int) -> None:
        for mailbox_id in mailbox_ids:
            await self.feed.follow(MailboxId(mailbox_id))

    def unfollow(self, mailbox_id: int) -> None:
        self.feed.unfollow(MailboxId(mailbox_id))

    async def listens(self) -> None:
        """Until it hears Redis, and has told its listeners to look; what it has heard is forgotten."""
        await until(lambda: self.feed.hearing and (0, 0) in self.heard)
        self.heard.clear()


@asynccontextmanager
async def processes(url: str, count: int = 2, *, timeout_s: float = 1.0) -> AsyncIterator[list[Process]]:
    prefix = f"test-{secrets.token_hex(6)}"
    made = []
    try:
        for _ in range(count):
            options = sections.Redis(prefix=prefix, timeout_s=timeout_s)
            made.append(Process(await RedisConnection.open(parse_redis(url), options)))
            await made[-1].feed.start()
        for process in made:
            if process.redis.present:
                await process.listens()
        yield made
    finally:
        for process in made:
            await process.feed.close()
            await process.redis.close()


def test_a_hint_reaches_those_who_follow_and_nobody_else(services: Services) -> None:
    async def test() -> None:
        async with processes(services.redis.url, 3) as (one, two, three):
            await two.follow(7)
            await three.follow(8)
            one.publish(7, 5)
            one.publish(8, 6)
            await until(lambda: two.hints and three.hints and one.feed.sent == 2)
            assert (two.hints, three.hints) == ([(7, 5)], [(8, 6)])
            assert one.hints == [(7, 5), (8, 6)]
            assert (one.feed.received, two.feed.received) == (0, 1)

    run(test())


def test_a_process_that_is_too_busy_to_subscribe_does_not_take_redis_for_gone(services: Services) -> None:
    async def test() -> None:
        async with processes(services.redis.url, 1, timeout_s=0.1) as (one,):
            following = asyncio.create_task(one.follow(7))
            await asyncio.sleep(0)
            time.sleep(0.3)  # noqa: ASYNC251 - on purpose
            await following
            assert one.redis.present and one.redis.errors == 0, "it was not Redis that took so long"

    run(test())


def test_who_ends_tells_of_what_was_committed_last(services: Services) -> None:
    async def test() -> None:
        async with processes(services.redis.url) as (one, two):
            await two.follow(7)
            one.publish(7, 5)
            await one.feed.close()
            await until(lambda: two.hints == [(7, 5)])

    run(test())


def test_own_hints_do_not_come_back(services: Services) -> None:
    async def test() -> None:
        async with processes(services.redis.url) as (one, two):
            await one.follow(7)
            await two.follow(7)
            one.publish(7, 5)
            await until(lambda: two.hints)
            two.publish(7, 6)
            await until(lambda: (7, 6) in one.hints)
            assert one.hints == [(7, 5), (7, 6)]

    run(test())


def test_what_was_held_lately_is_still_heard_and_what_was_held_long_ago_is_not(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "LINGERING", 2)

    async def test() -> None:
        async with processes(services.redis.url) as (one, two):
            await two.follow(*range(1, 5))
            for mailbox_id in (1, 2, 3):
                two.unfollow(mailbox_id)
            async with raw(services.redis.url) as client:
                channel = f"{two.redis.prefix}:mailbox:1"
                async with asyncio.timeout(60):
                    while (await client.pubsub_numsub(channel))[0][1]:  # noqa: ASYNC110
                        await asyncio.sleep(0.002)
            for mailbox_id in range(1, 5):
                one.publish(mailbox_id, 9)
            await until(lambda: len(two.hints) >= 3)
            assert sorted(two.hints) == [(2, 9), (3, 9), (4, 9)]
            # Held again, it is heard again.
            await two.follow(1)
            one.publish(1, 10)
            await until(lambda: (1, 10) in two.heard)

    run(test())


def test_more_hints_than_can_wait_become_one(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "WAITING", 10)

    async def test() -> None:
        async with processes(services.redis.url) as (one, two):
            await two.follow(3)
            for mailbox_id in range(1, 20):
                one.publish(mailbox_id, 5)
            await until(lambda: (0, 0) in two.heard and one.feed.sent)
            assert (two.hints, two.feed.received, one.feed.sent) == ([], 1, 1)
            assert len(one.hints) == 19

    run(test())


def test_many_hints_arrive(services: Services) -> None:
    """More than one pipeline and one subscription command have."""

    async def test() -> None:
        async with processes(services.redis.url) as (one, two):
            await asyncio.gather(*(two.follow(mailbox_id) for mailbox_id in range(1, 1801)))
            for mailbox_id in range(1, 1801):
                one.publish(mailbox_id, mailbox_id + 1)
            await until(lambda: len(two.hints) == 1800)
            assert sorted(two.hints) == [(mailbox_id, mailbox_id + 1) for mailbox_id in range(1, 1801)]

    run(test())


def test_messages_that_are_no_hints_are_counted(services: Services) -> None:
    async def test() -> None:
        async with processes(services.redis.url, 1) as (one,), raw(services.redis.url) as client:
            await one.follow(7)
            channel = f"{one.redis.prefix}:mailbox:7"
            nonsense = (b"", b"x", b"x y", b"x -1", b" 5", b"x 5 6", b"x " + b"9" * 30, b"\xff\x00 \xff", b"x \xd9\xa3")
            for message in nonsense:
                assert await client.publish(channel, message) == 1
            await client.publish(channel, b"somebody 5")
            await until(lambda: one.hints)
            assert one.hints == [(7, 5)]
            assert one.feed.malformed == len(nonsense)

    run(test())


def test_while_redis_is_there_the_database_is_hardly_asked(services: Services) -> None:
    async def test() -> None:
        async with processes(services.redis.url) as (one, two):
            asked = one.metadata.asked + two.metadata.asked
            await asyncio.sleep(POLL_S * 8)
            # Each may have waited for its next poll already.
            assert one.metadata.asked + two.metadata.asked <= asked + 2

    run(test())


def test_redis_goes_and_comes_while_hints_are_published(tmp_path: Path) -> None:
    """Nobody waits for it, nobody sees an error; the poll is faster meanwhile; afterwards everybody looks once."""

    async def test() -> None:
        with Redis(tmp_path / "redis") as server, structlog.testing.capture_logs() as lines:
            async with processes(server.url) as (one, two):
                await two.follow(7)
                modseq = 0

                async def publish_always() -> None:
                    nonlocal modseq
                    while True:
                        modseq += 1
                        one.publish(7, modseq)
                        await asyncio.sleep(0.001)

                publishing = asyncio.create_task(publish_always())
                await until(lambda: len(two.heard) > 10)
                await asyncio.to_thread(server.stop)
                await until(lambda: not one.redis.present and not two.redis.present)
                two.heard.clear()
                await until(lambda: two.heard.count((0, 0)) >= 3)  # by polling
                assert set(two.heard) == {(0, 0)}
                # What is held and let go meanwhile does not wait for Redis, either.
                async with asyncio.timeout(0.2):
                    await two.follow(8)
                await asyncio.to_thread(server.start)
                await until(lambda: one.feed.hearing and two.feed.hearing)
                two.heard.clear()
                await until(lambda: len([hint for hint in two.heard if hint[0] == 7]) > 10)
                one.publish(8, 1)
                await until(lambda: (8, 1) in two.heard)
                assert not publishing.done()
                publishing.cancel()
        told = [line["event"] for line in lines]
        assert [event.split(";")[0] for event in told] == ["Redis is away"] * 2 + ["Redis is back"] * 2

    run(test())


def test_a_sender_that_has_lost_hints_tells_everybody_to_look(tmp_path: Path) -> None:
    """Only it has lost its way to Redis; the others would not know."""

    async def test() -> None:
        with Redis(tmp_path / "redis") as server:
            async with processes(server.url) as (one, two):
                one.redis.lost(ConnectionError("on purpose"))
                one.publish(7, 5)
                await until(lambda: two.feed.received)
                assert (0, 0) in two.heard and two.hints == []
                await until(lambda: one.feed.hearing)
                assert one.feed.sent == 1

    run(test())


def test_redis_is_away_at_the_start(tmp_path: Path) -> None:
    async def test() -> None:
        server = Redis(tmp_path / "redis")
        async with processes(server.url) as (one, two):
            assert not one.redis.present
            await two.follow(7)
            one.publish(7, 5)
            await until(lambda: (0, 0) in two.heard)
            await asyncio.to_thread(server.start)
            try:
                await until(lambda: one.feed.hearing and two.feed.hearing)
                one.publish(7, 6)
                await until(lambda: (7, 6) in two.heard)
            finally:
                await asyncio.to_thread(server.stop)

    run(test())


def test_a_frozen_redis_holds_nobody_up(tmp_path: Path) -> None:
    async def test() -> None:
        with Redis(tmp_path / "redis") as server:
            async with processes(server.url, timeout_s=0.3) as (one, two):
                await two.follow(7)
                server.freeze()
                try:
                    began_s = time.monotonic()
                    one.publish(7, 5)
                    await two.follow(8)  # the first one finds out
                    assert time.monotonic() - began_s > 0.2
                    began_s = time.monotonic()
                    for mailbox_id in range(9, 209):  # who waited each time would need a minute
                        await two.follow(mailbox_id)
                    assert time.monotonic() - began_s < 30
                    await until(lambda: not one.redis.present)
                    two.heard.clear()
                    await until(lambda: (0, 0) in two.heard)
                finally:
                    server.thaw()
                await until(lambda: one.feed.hearing and two.feed.hearing)
                for mailbox_id in (7, 8, 9):
                    one.publish(mailbox_id, 6)
                    await until(lambda mailbox_id=mailbox_id: (mailbox_id, 6) in two.heard)

    run(test())


def test_a_silent_redis_is_found_out_by_who_only_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightmail.backends.redis.subscriber.SILENCE_S", 0.1)

    async def test() -> None:
        with Redis(tmp_path / "redis") as server:
            async with processes(server.url, 1, timeout_s=0.3) as (one,):
                server.freeze()
                try:
                    await until(lambda: not one.redis.present)
                finally:
                    server.thaw()
                await one.listens()

    run(test())


def test_one_connection_that_breaks_is_made_again(services: Services) -> None:
    """Redis itself is there, so nothing is said about it; what was missed meanwhile is looked for."""

    async def test() -> None:
        async with processes(services.redis.url) as (one, two), raw(services.redis.url) as client:
            await two.follow(7)
            with structlog.testing.capture_logs() as lines:
                assert await client.client_kill_filter(_type="pubsub") >= 2
                await two.listens()
                await until(lambda: one.feed.hearing)
            assert lines == []
            one.publish(7, 5)
            await until(lambda: (7, 5) in two.heard)

    run(test())


def test_closing_while_it_begins_does_not_hang(services: Services) -> None:
    """The library may swallow a cancellation, so that one is not enough to end what runs (found by a command that
    hung at its end, one time in eight).
    """

    async def test() -> None:
        options = sections.Redis(prefix=f"test-{secrets.token_hex(6)}")
        redis = await RedisConnection.open(parse_redis(services.redis.url), options)
        for turns in range(120):
            feed = RedisChangeFeed(redis, NoVersion(), poll_s=POLL_S)
            await feed.start()
            for _ in range(turns):
                await asyncio.sleep(0)
            async with asyncio.timeout(60):
                await feed.close()
        await redis.close()

    run(test())
