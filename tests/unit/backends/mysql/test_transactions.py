"""Transactions on a real server: all or nothing, repeated where that is safe, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from lightmail.backends.mysql.errors import DUPLICATE, Refused
from lightmail.backends.mysql.statements import MANY_OCTETS, Statements
from lightmail.config.addresses import MysqlUrl
from lightmail.errors import OutcomeUnknown, OverQuota, StoreReadOnly, Unavailable
from tests.support.aio import run
from tests.support.eventually import eventually, eventually_async
from tests.support.services import SqlServer
from tests.unit.backends.mysql.house import (
    INCREMENT,
    INSERT,
    LOCK,
    connection_id,
    counters,
    counts,
    open_transactions,
    opened,
)

pytestmark = pytest.mark.integration


async def increment_both(statements: Statements) -> None:
    await statements.run(INCREMENT, (1,))
    await statements.run(INCREMENT, (2,))


def test_a_transaction_is_all_or_nothing(url: MysqlUrl) -> None:
    async def test() -> None:
        async with counters(url) as database:
            before = database.statements, database.transactions
            await database.write(increment_both)
            assert await counts(database) == [1, 1]

            async def fails(statements: Statements) -> None:
                await increment_both(statements)
                raise OverQuota("messages")

            with pytest.raises(OverQuota):
                await database.write(fails)
            assert await counts(database) == [1, 1]
            assert (database.statements - before[0], database.transactions - before[1]) == (6, 1)

    run(test())


def test_a_verb_without_statements_is_no_transaction(url: MysqlUrl) -> None:
    async def nothing(statements: Statements) -> int:
        return 7

    async def test() -> None:
        async with opened(url) as database:
            assert await database.write(nothing) == 7
            assert database.transactions == database.statements == 0

    run(test())


def test_a_server_that_leaves_at_commit_is_not_asked_again(url: MysqlUrl) -> None:
    """It may have done it already; the same again would be a second copy."""
    runs = 0

    async def verb(statements: Statements) -> None:
        nonlocal runs
        runs += 1
        await statements.run(INCREMENT, (1,))
        # In the place of COMMIT's own answer.
        await statements.later("CALL leave_now()")

    async def test() -> None:
        async with counters(url) as database:
            await database.all("CREATE PROCEDURE leave_now() SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = 1053")
            with pytest.raises(OutcomeUnknown):
                await database.write(verb)
            assert runs == 1

    run(test())


def test_what_statements_answer(url: MysqlUrl) -> None:
    async def verb(statements: Statements) -> None:
        assert await statements.one(LOCK, (3,)) is None
        assert await statements.one(LOCK, (1,)) == (0,)
        assert await statements.all("SELECT id FROM counters WHERE id IN %(ids)s ORDER BY id", {"ids": [2, 1, 9]}) == [
            (1,),
            (2,),
        ]
        assert await statements.run("UPDATE counters SET n = 0 WHERE id IN %s", ([1, 2],)) == 2, "matched, not changed"
        with pytest.raises(Refused) as refused:
            await statements.run(INSERT, (1, 5))
        assert refused.value.number == DUPLICATE
        await statements.all("CREATE TEMPORARY TABLE made (id INT PRIMARY KEY AUTO_INCREMENT, t LONGTEXT)")
        assert await statements.insert("INSERT INTO made (t) VALUES ('a')") == 1
        assert await statements.insert("INSERT INTO made (t) VALUES ('b')") == 2

    async def test() -> None:
        async with counters(url) as database:
            await database.write(verb)

    run(test())


def test_many_rows_are_few_statements(url: MysqlUrl) -> None:
    octets = b"'\\\0\xff" * 20_000
    rows = [(number, octets, "x") for number in range(3 * MANY_OCTETS // len(octets))]

    async def verb(statements: Statements) -> int:
        before = statements.count
        statement = "INSERT INTO made (id, o, t) VALUES (%s, %s, CONCAT(%s, '%%')) ON DUPLICATE KEY UPDATE t = 'twice'"
        await statements.many(statement, rows)
        return statements.count - before

    async def test() -> None:
        async with opened(url) as database:
            await database.all("CREATE TABLE made (id INT PRIMARY KEY, o MEDIUMBLOB, t TEXT)")
            # A quote, a backslash and a NUL take two octets in a statement.
            assert 4 <= await database.write(verb) <= 6
            statement = "SELECT COUNT(*), MIN(o), MAX(o), MIN(t), MAX(t) FROM made"
            assert await database.one(statement) == (len(rows), octets, octets, "x%", "x%")
            with pytest.raises(ValueError, match="no VALUES"):
                await database.write(lambda statements: statements.many("DELETE FROM made", rows))

    run(test())


def test_statements_that_are_put_off(url: MysqlUrl) -> None:
    """In order, with the next statement or with COMMIT; all or nothing as ever."""

    async def test() -> None:
        async with counters(url) as database:

            async def mixed(statements: Statements) -> None:
                await statements.later(INCREMENT, (1,))
                await statements.many(INSERT, [(3, 30), (4, 40)], later=True)
                assert not statements.begun
                assert await statements.all("SELECT n FROM counters ORDER BY id") == [(1,), (0,), (30,), (40,)]
                await statements.later("UPDATE counters SET n = n * 2 WHERE id = %s", (1,))
                await statements.later(INCREMENT, (1,))
                assert statements.count == 5

            before = database.statements
            await database.write(mixed)
            assert await counts(database) == [3, 0, 30, 40]
            assert database.statements - before == 6

            async def only_later(statements: Statements) -> None:
                await statements.later(INCREMENT, (2,))

            await database.write(only_later)
            assert await counts(database) == [3, 1, 30, 40]

            async def fails(statements: Statements) -> None:
                await statements.later(INCREMENT, (1,))
                await statements.later(INSERT, (4, 1))
                await statements.later(INCREMENT, (2,))

            async def fails_here(statements: Statements) -> None:
                await fails(statements)
                await statements.one(LOCK, (3,))

            async def raises(statements: Statements) -> None:
                await fails(statements)
                raise OverQuota("messages")

            for verb in (fails, fails_here):
                with pytest.raises(Refused) as refused:
                    await database.write(verb)
                assert refused.value.number == DUPLICATE
            with pytest.raises(OverQuota):
                await database.write(raises)
            assert await counts(database) == [3, 1, 30, 40]

    run(test())


def test_much_that_is_put_off_does_not_gather(url: MysqlUrl) -> None:
    async def verb(statements: Statements) -> None:
        for number in range(8):
            values = (number, b"o" * (MANY_OCTETS // 4))
            await statements.later("INSERT INTO made (id, o) VALUES (%s, %s)", values)
        assert statements.begun

    async def test() -> None:
        async with opened(url) as database:
            await database.all("CREATE TABLE made (id INT PRIMARY KEY, o MEDIUMBLOB)")
            await database.write(verb)
            assert await database.one("SELECT COUNT(*) FROM made") == (8,)

    run(test())


@pytest.mark.parametrize("put_off", [False, True])
def test_a_deadlock_is_repeated(url: MysqlUrl, put_off: bool) -> None:
    async def test() -> None:
        async with counters(url) as database:
            has_first, has_second = asyncio.Event(), asyncio.Event()
            attempts = 0

            async def crosswise(statements: Statements, first: int, mine: asyncio.Event, other: asyncio.Event) -> None:
                nonlocal attempts
                attempts += 1
                await statements.run(INCREMENT, (first,))
                mine.set()
                await other.wait()
                if put_off:
                    await statements.later(INCREMENT, (3 - first,))
                else:
                    await statements.run(INCREMENT, (3 - first,))

            await asyncio.gather(
                database.write(lambda statements: crosswise(statements, 1, has_first, has_second)),
                database.write(lambda statements: crosswise(statements, 2, has_second, has_first)),
            )
            assert attempts == 3
            assert await counts(database) == [2, 2]

    run(test())


def test_a_lock_is_waited_for_and_then_asked_for_again(url: MysqlUrl) -> None:
    async def test() -> None:
        async with counters(url, lock_timeout_s=1, retry_s=5.0) as database, opened(url) as other:
            attempts = 0
            locked, asked_again = asyncio.Event(), asyncio.Event()

            async def hold(statements: Statements) -> None:
                await statements.one(LOCK, (1,))
                locked.set()
                await asked_again.wait()

            async def wait(statements: Statements) -> None:
                nonlocal attempts
                attempts += 1
                if attempts == 2:
                    asked_again.set()
                await increment_both(statements)

            holding = asyncio.create_task(other.write(hold))
            await locked.wait()
            await database.write(wait)
            await holding
            assert attempts == 2
            assert await counts(database) == [1, 1]

    run(test())


def test_a_number_is_waited_for_and_then_asked_for_again(url: MysqlUrl, server: SqlServer) -> None:
    """While rows are inserted that a SELECT finds, nobody else gets an AUTO_INCREMENT value of the table."""

    async def test() -> None:
        async with (
            counters(url, lock_timeout_s=1, retry_s=60.0) as database,
            opened(url) as other,
            opened(url, lock_timeout_s=60) as third,
        ):
            await database.all("CREATE TABLE numbered (id INT AUTO_INCREMENT PRIMARY KEY, n INT) ENGINE=InnoDB")
            attempts = 0
            locked, asked_again = asyncio.Event(), asyncio.Event()

            async def hold(statements: Statements) -> None:
                await statements.one(LOCK, (2,))
                locked.set()
                await asked_again.wait()

            async def wait(statements: Statements) -> None:
                nonlocal attempts
                attempts += 1
                if attempts == 2:
                    asked_again.set()
                await statements.insert("INSERT INTO numbered (n) SELECT 7")

            async def fill(statements: Statements) -> None:
                await statements.run("INSERT INTO numbered (n) SELECT n FROM counters ORDER BY id FOR UPDATE")

            async def filling() -> bool:
                return ("LOCK WAIT",) in server.run("SELECT trx_state FROM information_schema.innodb_trx")

            holding = asyncio.create_task(other.write(hold))
            await locked.wait()
            between = asyncio.create_task(third.write(fill))
            assert await eventually_async(filling)
            await database.write(wait)
            await asyncio.gather(holding, between)
            assert attempts >= 2
            assert await database.one("SELECT COUNT(*) FROM numbered") == (3,)

    run(test())


def test_a_lock_that_is_never_released_ends_in_unavailable(url: MysqlUrl, server: SqlServer) -> None:
    async def test() -> None:
        async with counters(url, lock_timeout_s=1, retry_s=0) as database, opened(url) as other:
            locked, done = asyncio.Event(), asyncio.Event()

            async def hold(statements: Statements) -> None:
                await statements.one(LOCK, (2,))
                locked.set()
                await done.wait()

            holding = asyncio.create_task(other.write(hold))
            await locked.wait()
            with pytest.raises(Unavailable, match="Lock wait timeout"):
                await database.write(increment_both)
            # The statement alone was taken back by the server; the rest of the transaction is our duty.
            assert open_transactions(server) == 1
            done.set()
            await holding
            assert await counts(database) == [0, 0]

    run(test())


def test_a_connection_lost_before_commit_is_no_matter(url: MysqlUrl, server: SqlServer) -> None:
    async def test() -> None:
        async with counters(url) as database:
            attempts = 0

            async def killed(statements: Statements) -> None:
                nonlocal attempts
                attempts += 1
                await statements.run(INCREMENT, (1,))
                if attempts < 3:
                    server.run(f"KILL {await connection_id(statements)}")
                await statements.run(INCREMENT, (2,))

            await database.write(killed)
            assert attempts == 3
            assert await counts(database) == [1, 1]

    run(test())


async def blocked_commit(server: SqlServer) -> int:
    """The connection id of who waits in COMMIT."""
    statement = "SELECT id FROM information_schema.processlist WHERE info = 'COMMIT' AND state LIKE 'Waiting for%lock'"
    end_s = time.monotonic() + 10
    while time.monotonic() < end_s:
        rows = await asyncio.to_thread(server.run, statement)
        if rows:
            assert isinstance(rows[0][0], int)
            return rows[0][0]
    raise TimeoutError("nobody waits in COMMIT")


@asynccontextmanager
async def commit_lock(url: MysqlUrl) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Something to call: from then to the end no COMMIT of the server gets through."""
    async with opened(url) as database:
        lock, locked, release = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def hold(statements: Statements) -> None:
            await lock.wait()
            await statements.all("FLUSH TABLES WITH READ LOCK")
            locked.set()
            await release.wait()
            await statements.all("UNLOCK TABLES")

        async def take() -> None:
            lock.set()
            await asyncio.wait_for(locked.wait(), 60)

        holding = asyncio.create_task(database.on_one_connection(hold))
        try:
            yield take
        finally:
            lock.set()
            release.set()
            await holding


def test_a_connection_lost_in_commit_is_unavailable_and_never_repeated(url: MysqlUrl, server: SqlServer) -> None:
    async def test() -> None:
        async with counters(url, connections=1) as database:
            attempts = 0
            async with commit_lock(url) as take:

                async def verb(statements: Statements) -> None:
                    nonlocal attempts
                    attempts += 1
                    await increment_both(statements)
                    await take()

                writing = asyncio.create_task(database.write(verb))
                server.run(f"KILL {await blocked_commit(server)}")
                with pytest.raises(OutcomeUnknown, match="COMMIT is not known"):
                    await writing
            assert attempts == 1
            await database.write(increment_both)
            assert await counts(database) in ([1, 1], [2, 2])

    run(test())


def test_who_is_cancelled_in_commit_has_committed(url: MysqlUrl, server: SqlServer) -> None:
    async def test() -> None:
        async with counters(url, connections=1) as database:
            before = await connection_id(database)
            async with commit_lock(url) as take:

                async def verb(statements: Statements) -> None:
                    await increment_both(statements)
                    await take()

                writing = asyncio.create_task(database.write(verb))
                await blocked_commit(server)
                writing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await writing
            # The one connection is of use again after its COMMIT, which was not thrown away.
            assert await counts(database) == [1, 1]
            assert await connection_id(database) == before
            assert database.transactions == 2

    run(test())


@pytest.mark.parametrize("at", range(4))
def test_who_is_cancelled_before_commit_leaves_nothing(url: MysqlUrl, server: SqlServer, at: int) -> None:
    """at: which await of the verb is interrupted; the last one is not a statement."""

    async def test() -> None:
        async with counters(url, connections=1) as database:
            reached = asyncio.Event()

            async def step(number: int) -> None:
                if number == at:
                    asyncio.get_running_loop().call_soon(reached.set)

            async def verb(statements: Statements) -> None:
                for number in range(3):
                    await step(number)
                    await statements.run(INCREMENT, (1 + number % 2,))
                await step(3)
                await asyncio.Event().wait()

            writing = asyncio.create_task(database.write(verb))
            await reached.wait()
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            assert await counts(database) == [0, 0]
            await database.write(increment_both)
            assert await counts(database) == [1, 1]
            assert await asyncio.to_thread(eventually, lambda: open_transactions(server) == 0)

    run(test())


def test_who_is_cancelled_in_line_or_while_connecting_takes_no_place(url: MysqlUrl) -> None:
    async def test() -> None:
        async with counters(url, connections=1) as database:
            free = asyncio.Event()

            async def hold(statements: Statements) -> None:
                await statements.one(LOCK, (1,))
                await free.wait()

            holding = asyncio.create_task(database.write(hold))
            waiting = [asyncio.create_task(database.write(increment_both)) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            waiting[1].cancel()
            free.set()
            results = await asyncio.gather(*waiting, holding, return_exceptions=True)
            assert [type(result) for result in results[:2]] == [asyncio.CancelledError] * 2
            assert results[2:] == [None, None]
            assert await counts(database) == [1, 1]
        async with opened(url, connections=1) as database:
            connecting = asyncio.create_task(database.one("SELECT 1"))
            await asyncio.sleep(0)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            assert await database.one("SELECT 1") == (1,)

    run(test())


def test_a_server_that_takes_no_writes_is_told_apart(url: MysqlUrl, server: SqlServer) -> None:
    """Those with all privileges may write even then, so it takes another user."""

    async def test() -> None:
        user = f"u{url.database[-12:]}"
        server.run(
            f"CREATE USER {user}@localhost IDENTIFIED BY 'secret'", f"GRANT ALL ON {url.database}.* TO {user}@localhost"
        )
        as_user = MysqlUrl(url.host, url.port, user, "secret", url.database)
        async with counters(as_user, retry_s=200.0) as database:
            await database.write(increment_both)
            server.run("SET GLOBAL read_only = 1")
            try:
                started_s = time.monotonic()
                with pytest.raises(StoreReadOnly, match="read-only"):
                    await database.write(increment_both)
                assert time.monotonic() - started_s < 60
                assert await counts(database) == [1, 1]
            finally:
                server.run("SET GLOBAL read_only = 0")
            await database.write(increment_both)
            assert await counts(database) == [2, 2]
        server.run(f"DROP USER {user}@localhost")

    run(test())


def test_a_read_sees_one_state(url: MysqlUrl) -> None:
    async def test() -> None:
        async with counters(url) as database:

            async def question(statements: Statements) -> list[object]:
                first = await statements.one("SELECT SUM(n) FROM counters")
                await database.write(increment_both)
                return [first, await statements.one("SELECT SUM(n) FROM counters")]

            assert await database.read(question) == [(0,), (0,)]
            assert await counts(database) == [1, 1]
            with pytest.raises(StoreReadOnly):
                await database.read(lambda statements: statements.run(INCREMENT, (1,)))

    run(test())


def test_reads_are_repeated_once_when_the_connection_is_lost(url: MysqlUrl, server: SqlServer) -> None:
    async def test() -> None:
        async with counters(url, connections=1) as database:
            attempts = 0
            times = 1

            async def question(statements: Statements) -> object:
                nonlocal attempts
                attempts += 1
                number = await connection_id(statements)
                if attempts <= times:
                    server.run(f"KILL {number}")
                return await statements.one("SELECT 7")

            assert await database.read(question) == (7,)
            assert attempts == 2
            attempts, times = 0, 2
            with pytest.raises(Unavailable):
                await database.read(question)
            assert attempts == 2
            assert await database.read(question) == (7,)

    run(test())


def test_a_privilege_that_is_granted_later_is_of_use_at_once(url: MysqlUrl, server: SqlServer) -> None:
    """A connection keeps the privileges for a database that it had when it began."""
    user = f"u{url.database[-12:]}"
    server.run(f"CREATE USER {user}@localhost", f"GRANT SELECT ON {url.database}.* TO {user}@localhost")

    async def test() -> None:
        async with counters(url), opened(dataclasses.replace(url, user=user)) as database:
            with pytest.raises(Unavailable, match="UPDATE command denied"):
                await database.write(increment_both)
            server.run(f"GRANT UPDATE ON {url.database}.* TO {user}@localhost")
            await database.write(increment_both)
            assert await counts(database) == [1, 1]

    try:
        run(test())
    finally:
        server.run(f"DROP USER {user}@localhost")
