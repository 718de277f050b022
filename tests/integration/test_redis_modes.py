"""Sentinels with a failover, a cluster, TLS with a user of few rights, a unix socket: all that is kept in Redis, on each."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trustme

from lightmail.backends.redis import RedisCache, RedisChangeFeed, RedisConnection, RedisRates, RedisSessions, check
from lightmail.config import sections
from lightmail.config.addresses import parse_redis
from lightmail.errors import Unavailable
from lightmail.model import ClientSession, MailboxId, ModSeq, UserId
from tests.support.aio import run
from tests.support.redis_modes import TlsRedis, cluster, watched
from tests.support.services import Redis
from tests.support.shared import until, until_it

pytestmark = pytest.mark.integration


class Node:
    """All that a process keeps in Redis."""

    def __init__(self, redis: RedisConnection) -> None:
        self.redis = redis
        self.feed = RedisChangeFeed(redis, None)
        self.cache = RedisCache(redis)
        self.rates = RedisRates(redis)
        self.sessions = RedisSessions(redis)
        self.heard: list[tuple[int, int]] = []
        self.feed.listen(lambda mailbox_id, modseq: self.heard.append((mailbox_id, modseq)))


@asynccontextmanager
async def nodes(url: str, *, prefix: str = "", **options: Any) -> AsyncIterator[tuple[Node, Node]]:
    prefix = prefix or f"test-{secrets.token_hex(4)}"
    made = []
    try:
        for _ in range(2):
            made.append(Node(await RedisConnection.open(parse_redis(url), sections.Redis(prefix=prefix, **options))))
            await made[-1].feed.start()
        one, other = made
        await until(lambda: one.feed.hearing and other.feed.hearing)
        yield one, other
    finally:
        for node in made:
            await node.feed.close()
            await node.redis.close()


async def everything_works(one: Node, other: Node, round_: int = 1) -> None:
    """Many keys, so that all members of a cluster have some."""
    values = {f"{round_}:{number}": b"%d" % number for number in range(50)}
    await one.cache.put(values, keep_s=60)
    assert await other.cache.get(list(values)) == values
    for number in range(20):
        assert await one.rates.hit(f"{round_}:{number}", window_s=60) == 1
        assert await other.rates.hit(f"{round_}:{number}", window_s=60) == 2
        await one.rates.forget(f"{round_}:{number}")
        assert await other.rates.count(f"{round_}:{number}", window_s=60) == 0
    said = []
    for number in range(5):
        process = f"{round_}-{number}"
        name = f"{process}-1"
        said.append(ClientSession(name, UserId(1), "ann@example.org", "imap", "::1", "node", process, number))
        assert await one.sessions.beat(process, said[-1:], [], all_ids=[name])
    assert await other.sessions.list() == said
    for each in said:
        await other.sessions.forget(each.process)
    assert await one.sessions.list() == []
    await hints_pass(one, other, round_)
    await hints_pass(other, one, round_)


async def hints_pass(sender: Node, hearer: Node, round_: int) -> None:
    hints = {(MailboxId(mailbox_id), ModSeq(round_)) for mailbox_id in range(1, 30)}
    for mailbox_id, _ in hints:
        await hearer.feed.follow(mailbox_id)
    hearer.heard.clear()
    for hint in hints:
        sender.feed.publish(*hint)
    await until(lambda: hints <= set(hearer.heard))


async def survives(one: Node, other: Node, kill: Callable[[], None]) -> list[str]:
    """Both find that something is missing, go on without, and come back by themselves. What they said meanwhile."""
    with structlog.testing.capture_logs() as lines:
        await asyncio.to_thread(kill)

        async def is_noticed() -> bool:
            await one.cache.get([f"{number}" for number in range(20)])
            await other.cache.get([f"{number}" for number in range(20)])
            return one.redis.errors > 0 and other.redis.errors > 0

        await until_it(is_noticed)
        await until(lambda: one.redis.present and other.redis.present and one.feed.hearing and other.feed.hearing)
    return [str(line["event"]).partition(";")[0] for line in lines]


def test_the_master_that_sentinels_watch_dies(tmp_path: Path) -> None:
    async def test() -> None:
        with watched(tmp_path) as servers:
            async with nodes(servers.url) as (one, other):
                await everything_works(one, other)
                events = await survives(one, other, servers.master.kill)
                assert events == ["Redis is away"] * 2 + ["Redis is back"] * 2
                await everything_works(one, other, 2)
                # One sentinel less is nothing.
                await asyncio.to_thread(servers.sentinels[0].kill)
            async with nodes(servers.url) as (one, other):
                await everything_works(one, other, 3)

    run(test())


def test_a_cluster(tmp_path: Path) -> None:
    """A member dies, and its replica takes its place."""

    async def test() -> None:
        with cluster(tmp_path, replicas=1) as servers:
            async with nodes(servers.url) as (one, other):
                await everything_works(one, other)
                events = await survives(one, other, servers.members[0].kill)
                assert set(events) == {"Redis is away", "Redis is back"}
                await everything_works(one, other, 2)

    run(test())


def test_tls_with_a_certificate_and_a_user(tmp_path: Path) -> None:
    ca, stranger = trustme.CA(), trustme.CA()
    certificate = ca.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    files = {"tls_certificate": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}

    async def test() -> None:
        server = TlsRedis(
            tmp_path / "redis", certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem", ca=tmp_path / "ca.pem"
        )
        trusting = {"tls_ca": str(tmp_path / "ca.pem"), **files}
        with server:
            async with nodes(server.url, prefix="tls", **trusting) as (one, other):
                await everything_works(one, other)
            url = parse_redis(server.url)
            assert await check(url, sections.Redis(prefix="tls", **trusting)) == []
            for wrong in (
                {"tls_ca": str(tmp_path / "stranger.pem"), **files},
                {"tls_ca": str(tmp_path / "ca.pem")},
                {},
            ):
                (finding,) = await check(url, sections.Redis(prefix="tls", **wrong))
                assert "polling" in finding.text
                assert server.password not in finding.text
            # The certificate is of localhost.
            elsewhere = parse_redis(server.url.replace("localhost", "127.0.0.1"))
            assert len(await check(elsewhere, sections.Redis(prefix="tls", **trusting))) == 1
            # The user may not touch what is under other prefixes.
            assert len(await check(url, sections.Redis(prefix="other", **trusting))) == 1

    run(test())


def test_a_unix_socket(tmp_path: Path) -> None:
    async def test() -> None:
        path = Path("/tmp") / f"lm-{secrets.token_hex(6)}.sock"
        with Redis(tmp_path / "redis", "--unixsocket", str(path)):
            async with nodes(f"unix://{path}?db=2") as (one, other):
                await everything_works(one, other)
                await asyncio.to_thread(path.unlink)
                with structlog.testing.capture_logs() as lines:
                    one.redis.lost(ConnectionError("on purpose"))
                    try:
                        await one.sessions.list()
                    except Unavailable:
                        pass
                    else:
                        raise AssertionError("it was asked all the same")
                assert len(lines) == 1

    run(test())
