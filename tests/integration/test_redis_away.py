"""What is asked of Redis while it is away, frozen or unwilling: no errors, and nobody waits long."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

import pytest
import structlog.testing

from lightmail.auth.authenticator import Authenticator
from lightmail.auth.passwords import Passwords
from lightmail.auth.throttle import WINDOW_S
from lightmail.backends.local import SystemClock
from lightmail.backends.memory import MemoryDirectory, MemoryState
from lightmail.backends.redis import RedisCache, RedisConnection, RedisRates, RedisSessions, connection
from lightmail.config import Auth
from lightmail.errors import AuthenticationFailed, Unavailable
from lightmail.mail.sessions import ClientSessions
from lightmail.model import User, UserId
from lightmail.obs.metrics import Counts
from tests.support.aio import run
from tests.support.faults.proxy import Proxy
from tests.support.redis import connected, new_prefix, raw
from tests.support.services import Redis, Services
from tests.support.shared import until, until_it

pytestmark = pytest.mark.integration

CHEAP = Auth(argon2_memory_kib=8, argon2_passes=1)
USER = User(UserId(1), "ann@example.org", "", True, 0)


def test_without_redis_a_process_counts_alone_and_remembers_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        server = Redis(tmp_path / "redis")
        async with connected(server.url) as redis:
            assert not redis.present
            cache, rates, sessions = RedisCache(redis), RedisRates(redis), RedisSessions(redis)
            await cache.put({"a": b"1"}, keep_s=60)
            assert await cache.get(["a"]) == {}
            assert [await rates.hit("a", window_s=60) for _ in range(3)] == [1, 2, 3]
            assert await rates.count("a", window_s=60) == 3
            await rates.forget("a")
            assert await rates.count("a", window_s=60) == 0
            for question in (sessions.list(), sessions.forget("p"), sessions.beat("p", [], [], all_ids=[])):
                with pytest.raises(Unavailable):
                    await question

    run(test())


def test_counting_goes_on_where_redis_goes_away(tmp_path: Path) -> None:
    async def test() -> None:
        with Redis(tmp_path / "redis") as server:
            async with connected(server.url) as redis:
                rates = RedisRates(redis)
                assert [await rates.hit("a", window_s=60) for _ in range(3)] == [1, 2, 3]
                await asyncio.to_thread(server.kill)
                assert await rates.hit("a", window_s=60) == 4
                await asyncio.to_thread(server.start)
                await until(lambda: redis.present)
                assert await rates.hit("a", window_s=60) == 1  # it has forgotten; that is all

    run(test())


def test_who_asks_a_frozen_redis_waits_no_longer_than_configured(tmp_path: Path) -> None:
    async def test() -> None:
        with Redis(tmp_path / "redis") as server:
            async with connected(server.url, timeout_s=0.3) as redis:
                cache = RedisCache(redis)
                await cache.put({"a": b"1"}, keep_s=60)
                server.freeze()
                try:
                    began_s = time.monotonic()
                    # One after the other would need a minute.
                    assert await asyncio.gather(*(cache.get(["a"]) for _ in range(200))) == [{}] * 200
                    assert 0.25 < time.monotonic() - began_s < 30
                    began_s = time.monotonic()
                    for _ in range(200):
                        assert await cache.get(["a"]) == {}
                    assert time.monotonic() - began_s < 30
                finally:
                    server.thaw()
                await until(lambda: redis.present)
                assert await cache.get(["a"]) == {"a": b"1"}

    run(test())


def test_a_process_that_is_too_busy_to_look_does_not_take_redis_for_gone(services: Services) -> None:
    async def test() -> None:
        async with connected(services.redis.url, timeout_s=0.1) as redis:
            cache = RedisCache(redis)
            await cache.put({"a": b"1"}, keep_s=60)
            asking = asyncio.create_task(cache.get(["a"]))
            for _ in range(5):
                await asyncio.sleep(0)
            time.sleep(0.3)  # noqa: ASYNC251 - on purpose
            assert await asking == {"a": b"1"}
            assert redis.present and redis.errors == 0

    run(test())


def test_logins_on_several_nodes_and_without_redis(tmp_path: Path) -> None:
    """A success here is one there, a failure here slows there; Redis frozen costs its timeout once, and no login."""

    async def test() -> None:
        state = MemoryState()
        directory = MemoryDirectory(state)
        await directory.add_user("ann@example.org", Passwords(CHEAP).hash(b"secret"))
        with Redis(tmp_path / "redis") as server:
            prefix = new_prefix()
            async with (
                connected(server.url, prefix=prefix, timeout_s=0.3) as first,
                connected(server.url, prefix=prefix, timeout_s=0.3) as second,
                raw(server.url) as client,
            ):
                one, other = (
                    Authenticator(
                        directory=directory,
                        clock=SystemClock(),
                        parameters=CHEAP,
                        rates=RedisRates(redis),
                        cache=RedisCache(redis),
                        first_delay_s=0.05,
                    )
                    for redis in (first, second)
                )
                checks = 0

                def counted(stored: str, password: bytes) -> bool:
                    nonlocal checks
                    checks += 1
                    return Passwords(CHEAP).verify(stored, password)

                other.passwords.verify = counted  # type: ignore[method-assign]

                numbers = itertools.count()

                async def fails(at: Authenticator) -> float:
                    began_s = time.monotonic()
                    with pytest.raises(AuthenticationFailed):
                        # The same one again would not count.
                        await at.verify(b"ann@example.org", b"wrong %d" % next(numbers), "192.0.2.1")
                    return time.monotonic() - began_s

                await one.verify(b"ann@example.org", b"secret")
                await until_it(lambda: client.keys(f"{prefix}:cache:auth:*"))
                await other.verify(b"ann@example.org", b"secret")
                assert checks == 0

                for at in (one, other, one):
                    await fails(at)
                assert await RedisRates(second).count("login:ann@example.org:192.0.2.1", window_s=WINDOW_S) == 3
                assert await fails(other) >= 0.4
                await one.verify(b"ann@example.org", b"secret", "192.0.2.1")

                async def forgotten() -> bool:
                    return not await client.keys(f"{prefix}:rate:login:*")

                await until_it(forgotten)

                server.freeze()
                try:
                    await other.verify(b"ann@example.org", b"secret")  # remembered here
                    await directory.add_user("bob@example.org", Passwords(CHEAP).hash(b"secret"))
                    await other.verify(b"bob@example.org", b"secret")
                    assert not second.present
                    await fails(other)
                finally:
                    server.thaw()
                one.close()
                other.close()

    run(test())


def test_sessions_are_told_again_when_redis_comes_back(tmp_path: Path) -> None:
    async def test() -> None:
        with Redis(tmp_path / "redis") as server:
            async with connected(server.url) as redis:
                table = RedisSessions(redis)
                sessions = ClientSessions(
                    table, clock=SystemClock(), node="mail.example.org", beat_s=0.05, gather_s=0.01, retry_s=0.05
                )
                names = [sessions.opened(USER, protocol="imap", peer="192.0.2.1") for _ in range(3)]

                async def listed() -> set[str]:
                    try:
                        return {each.id for each in await table.list()}
                    except Unavailable:
                        return set()

                async def comes_to(wanted: set[str]) -> None:
                    async def there() -> bool:
                        return await listed() == wanted

                    await until_it(there)

                await comes_to(set(names))
                await asyncio.to_thread(server.kill)
                await until(lambda: not redis.present)
                sessions.closed(names[0])
                later = sessions.opened(USER, protocol="imap", peer=None)
                await asyncio.to_thread(server.start)
                await comes_to({*names[1:], later})
                # Emptied behind our back.
                async with raw(server.url) as client:
                    await client.flushall()
                await comes_to({*names[1:], later})
                await sessions.close()
                assert await listed() == set()

    run(test())


def test_connections_end_as_soon_as_they_are_made(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does a load balancer whose Redis is away. uvloop then raises RuntimeError, at which nobody asked any more."""
    for name in ("FIRST_RETRY_S", "LONGEST_RETRY_S"):
        monkeypatch.setattr(connection, name, 0.002)

    async def test() -> None:
        with Proxy(services.redis.port) as proxy:
            async with connected(f"redis://127.0.0.1:{proxy.port}") as redis:
                assert redis.present
                proxy.refuse()
                assert await RedisCache(redis).get(["a"]) == {}
                assert not redis.present
                enough = proxy.connections + 200
                await until(lambda: proxy.connections > enough)
                proxy.admit()
                await until(lambda: redis.present)

    run(test())


def test_what_redis_refuses_is_said_once_and_costs_nothing(tmp_path: Path) -> None:
    """A user without the rights it needs; the connection itself is well."""

    async def test() -> None:
        with Redis(tmp_path / "redis") as server, structlog.testing.capture_logs() as lines:
            async with raw(server.url) as client:
                await client.execute_command("ACL", "SETUSER", "poor", "on", ">secret", "~*", "+ping", "+client")
            async with connected(f"redis://poor:secret@127.0.0.1:{server.port}") as redis:
                cache, rates = RedisCache(redis), RedisRates(redis)
                for _ in range(3):
                    assert await cache.get(["a"]) == {}
                assert await rates.hit("a", window_s=60) == 1
                assert redis.present and redis.errors == 4
                counts = Counts()
                redis.count(counts)
                assert {name: source.read() for (name, _), source in counts.sources.items()} == {
                    "redis_connected": 1,
                    "redis_errors_total": 4,
                }
        assert [line["event"] for line in lines] == ["Redis refuses what it is asked"]

    run(test())


def test_a_wrong_password_is_told_without_it(tmp_path: Path) -> None:
    async def test() -> None:
        with Redis(tmp_path / "redis", "--requirepass", "right") as server, structlog.testing.capture_logs() as lines:
            async with connected(f"redis://:very-wrong@127.0.0.1:{server.port}") as redis:
                assert not redis.present
        (line,) = lines
        assert line["log_level"] == "error" and "storage.redis" in line["way_out"], "nobody but the operator can help"
        assert "password" in line["problem"]
        assert "very-wrong" not in str(line)

    run(test())


def test_closing_does_not_wait_for_a_frozen_redis(tmp_path: Path) -> None:
    async def test() -> None:
        with Redis(tmp_path / "redis") as server:
            async with connected(server.url, timeout_s=100) as redis:
                assert await RedisCache(redis).get(["a"]) == {}  # a connection is there
                server.freeze()
                asking = asyncio.create_task(RedisCache(redis).get(["a"]))
                for _ in range(5):
                    await asyncio.sleep(0)
                began_s = time.monotonic()
                await redis.close()
                assert await asking == {}
                assert time.monotonic() - began_s < 60
                server.thaw()

    run(test())


def test_open_and_close_leave_no_connection(services: Services) -> None:
    async def test() -> None:
        async with raw(services.redis.url) as client:

            async def ours() -> int:
                return sum(each["name"] == "" and each["id"] != mine for each in await client.client_list())

            async def gone() -> bool:
                return await ours() == before

            mine = str(await client.client_id())
            before = await ours()
            redis: RedisConnection
            async with connected(services.redis.url) as redis:
                await RedisCache(redis).get(["a"])
                assert await ours() > before
            await until_it(gone)

    run(test())
