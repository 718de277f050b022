"""The pool, with real connections: never more than so many, in the order asked for, none that is dead or old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lightmail.backends.mysql.connection import Connection, connect
from lightmail.backends.mysql.errors import Lost
from lightmail.backends.mysql.pool import Pool
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import Mysql
from tests.support.aio import run
from tests.support.services import SqlServer

pytestmark = pytest.mark.integration


def with_pool(
    url: MysqlUrl,
    test: Callable[[Pool], Awaitable[None]],
    *,
    connections: int = 1,
    wait_s: float = 30.0,
    check_after_s: float = 60.0,
    recycle_after_s: float = 60.0,
) -> None:
    async def with_it() -> None:
        pool = Pool(
            lambda: connect(url, Mysql(), tls=None),
            connections=connections,
            wait_s=wait_s,
            ping_timeout_s=0.3,
            check_after_s=check_after_s,
            recycle_after_s=recycle_after_s,
        )
        try:
            await test(pool)
        finally:
            await pool.close()

    run(with_it())


def test_connections_are_few_and_handed_out_in_the_order_asked_for(url: MysqlUrl) -> None:
    async def test(pool: Pool) -> None:
        served: list[int] = []
        used: set[Connection] = set()

        async def ask(number: int) -> None:
            connection = await pool.acquire()
            served.append(number)
            used.add(connection)
            await connection.ping(60)
            pool.release(connection)

        for connection in [await pool.acquire(), await pool.acquire()]:
            pool.release(connection)
        await asyncio.gather(*(ask(number) for number in range(40)))
        assert len(used) == 2
        assert served == list(range(40))

    with_pool(url, test, connections=2, wait_s=60)


def test_nobody_jumps_the_line(url: MysqlUrl) -> None:
    async def test(pool: Pool) -> None:
        first = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        pool.release(first)
        late = asyncio.create_task(pool.acquire())
        assert await waiting is first
        pool.release(first)
        assert await late is first
        pool.release(first)

    with_pool(url, test)


def test_waiting_ends(url: MysqlUrl) -> None:
    async def test(pool: Pool) -> None:
        held = await pool.acquire()
        with pytest.raises(Lost, match="busy"):
            await pool.acquire()
        pool.release(held)
        assert await pool.acquire() is held
        pool.release(held)

    with_pool(url, test, wait_s=0.05)


def test_who_gives_up_at_the_moment_of_being_served_gives_it_on(url: MysqlUrl) -> None:
    async def test(pool: Pool) -> None:
        held = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        pool.release(held)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.wait_for(pool.acquire(), 60) is held
        pool.release(held)

    with_pool(url, test)


def test_one_that_died_while_it_idled_is_not_handed_out(url: MysqlUrl, server: SqlServer) -> None:
    async def test(pool: Pool) -> None:
        first = await pool.acquire()
        pool.release(first)
        server.run(f"KILL {first.thread_id}")
        second = await pool.acquire()
        assert second is not first
        assert (await second.query(b"SELECT 1")).rows == [(1,)]
        pool.release(second)
        assert await pool.acquire() is second, "one that lives is kept"
        pool.release(second)

    # The server's farewell may not have arrived, so it is the ping that finds out.
    with_pool(url, test, check_after_s=-1)


def test_old_ones_are_made_anew(url: MysqlUrl) -> None:
    async def test(pool: Pool) -> None:
        first = await pool.acquire()
        pool.release(first)
        assert first.closed
        second = await pool.acquire()
        assert second is not first and not second.closed
        pool.release(second)

    with_pool(url, test, recycle_after_s=-1)


@pytest.mark.parametrize("statement", [b"START TRANSACTION", b"SELECT 1"])
def test_one_that_is_left_in_the_middle_is_closed(url: MysqlUrl, statement: bytes) -> None:
    async def test(pool: Pool) -> None:
        connection = await pool.acquire()
        if statement.startswith(b"START"):
            await connection.query(statement)
        else:
            connection.send(statement).cancel()
        pool.release(connection)
        assert connection.closed
        other = await pool.acquire()
        assert (await other.query(b"SELECT 2")).rows == [(2,)]
        pool.release(other)

    with_pool(url, test)


def test_after_a_failed_attempt_the_next_in_line_tries(url: MysqlUrl) -> None:
    attempts = 0

    async def make() -> Connection:
        nonlocal attempts
        attempts += 1
        await asyncio.sleep(0)
        if attempts <= 2:
            raise Lost("not yet")
        return await connect(url, Mysql(), tls=None)

    async def test() -> None:
        pool = Pool(make, connections=1, wait_s=5, ping_timeout_s=1)
        results = await asyncio.gather(*(pool.acquire() for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [Lost, Lost, Connection]
        assert pool.unreachable_since_s is None
        assert isinstance(results[2], Connection)
        pool.release(results[2])
        await pool.close()

    run(test())


def test_a_closed_pool_hands_out_nothing(url: MysqlUrl, server: SqlServer) -> None:
    async def test(pool: Pool) -> None:
        held = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        await pool.close()
        with pytest.raises(Lost, match="closed"):
            await waiting
        with pytest.raises(Lost, match="closed"):
            await pool.acquire()
        assert (await held.query(b"SELECT 1")).rows == [(1,)], "who has one may finish"
        pool.release(held)
        assert held.closed
        await held.gone()

    with_pool(url, test)
