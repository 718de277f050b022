"""The one writer: groups, savepoints, and what happens when SQLite cannot go on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lightmail.backends.sqlite import SqliteDatabase, SqliteUpkeep
from lightmail.backends.sqlite.connection import Statements
from lightmail.errors import StoreSealed, Unavailable, UserExists
from tests.support.aio import run

INSERT = "INSERT INTO users (address, password_hash, created_s) VALUES (?, '', 0)"


def on_database(path: Path, test: Callable[[SqliteDatabase], Awaitable[None]], *, busy_timeout_s: float = 10) -> None:
    async def with_database() -> None:
        database = await SqliteDatabase.open(path / "test.sqlite", busy_timeout_s=busy_timeout_s)
        try:
            await test(database)
        finally:
            await database.close()

    run(with_database())


def add(address: str) -> Callable[[Statements], int]:
    return lambda statements: statements.insert(INSERT, (address,))


def refuse(address: str) -> Callable[[Statements], int]:
    """Writes, then changes its mind."""

    def verb(statements: Statements) -> int:
        statements.run(INSERT, (address,))
        raise UserExists(address)

    return verb


def users(database: SqliteDatabase) -> set[str]:
    return {address for (address,) in database.all("SELECT address FROM users")}


def test_verbs_that_come_together_are_committed_together(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        before = database.writer.groups
        ids = await asyncio.gather(*(database.write(add(f"u{number}")) for number in range(100)))
        assert ids == list(range(1, 101))
        assert database.writer.groups - before < 10

    on_database(tmp_path, test)


def test_a_failing_verb_takes_back_only_itself(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        verbs = [refuse(f"u{number}") if number % 3 == 0 else add(f"u{number}") for number in range(30)]
        answers = await asyncio.gather(*(database.write(verb) for verb in verbs), return_exceptions=True)
        assert [isinstance(answer, UserExists) for answer in answers] == [number % 3 == 0 for number in range(30)]
        assert users(database) == {f"u{number}" for number in range(30) if number % 3}

    on_database(tmp_path, test)


def test_a_failing_verb_alone(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        with pytest.raises(UserExists):
            await database.write(refuse("u"))
        assert users(database) == set()
        await database.write(add("u"))
        assert users(database) == {"u"}

    on_database(tmp_path, test)


def test_a_broken_constraint_is_a_fault_of_ours(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        answers = await asyncio.gather(*(database.write(add("same")) for _ in range(3)), return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["IntegrityError", "IntegrityError", "int"]
        assert users(database) == {"same"}

    on_database(tmp_path, test)


def test_a_cancelled_caller_does_not_take_its_verb_back(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        task = asyncio.ensure_future(database.write(add("u")))
        await asyncio.sleep(0)
        task.cancel()
        await database.write(add("v"))
        assert task.cancelled()
        assert users(database) == {"u", "v"}

    on_database(tmp_path, test)


def test_a_full_disk_is_unavailable_and_changes_nothing(tmp_path: Path) -> None:
    """SQLite may take the whole transaction back by itself; then no verb of the group has happened."""

    async def test(database: SqliteDatabase) -> None:
        await database.write(add("before"))
        (pages,) = await database.writer.ask(lambda statements: statements.all("PRAGMA page_count")[0])
        await database.writer.ask(lambda statements: statements.all(f"PRAGMA max_page_count = {pages + 2}"))
        large = [f"{number}-{'x' * 3000}" for number in range(50)]
        answers = await asyncio.gather(*(database.write(add(one)) for one in large), return_exceptions=True)
        told = {one for one, answer in zip(large, answers, strict=True) if not isinstance(answer, BaseException)}
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        assert failed and all(isinstance(answer, Unavailable) for answer in failed)
        assert "the disk is full" in str(failed[0])
        # Law 1: who was answered is there, who was refused is not.
        assert users(database) == {"before"} | told
        await database.writer.ask(lambda statements: statements.all("PRAGMA max_page_count = 1000000"))
        await database.write(add("after"))
        assert "after" in users(database)

    on_database(tmp_path, test)


def test_a_transaction_that_sqlite_gave_up_fails_for_all(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        def give_up(statements: Statements) -> None:
            statements.connection.execute("ROLLBACK")
            raise sqlite3.OperationalError("disk I/O error")

        answers = await asyncio.gather(
            database.write(add("u")), database.write(give_up), database.write(add("v")), return_exceptions=True
        )
        assert all(isinstance(answer, Exception) for answer in answers)
        assert users(database) == set()
        await database.write(add("w"))
        assert users(database) == {"w"}

    on_database(tmp_path, test)


def test_another_process_that_writes_is_waited_for_and_then_told(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        other = sqlite3.connect(tmp_path / "test.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked by another process"):
            await database.write(add("u"))
        # Readers do not wait for it.
        assert users(database) == set()
        other.execute("ROLLBACK")
        other.close()
        await database.write(add("u"))
        assert users(database) == {"u"}

    on_database(tmp_path, test, busy_timeout_s=0.05)


def test_the_data_version_tells_of_other_connections_only(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        version = await database.data_version()
        await database.write(add("u"))
        assert await database.data_version() == version
        other = sqlite3.connect(tmp_path / "test.sqlite", isolation_level=None)
        other.execute(INSERT, ("v",))
        other.close()
        assert await database.data_version() != version

    on_database(tmp_path, test)


def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        waiting = [asyncio.ensure_future(database.write(add(f"u{number}"))) for number in range(20)]
        await asyncio.sleep(0)
        await database.close()
        await database.close()
        await asyncio.gather(*waiting)
        with pytest.raises(Unavailable):
            await database.write(add("late"))
        with pytest.raises(Unavailable):
            users(database)
        with pytest.raises(Unavailable):
            await database.read(lambda statements: statements.all("SELECT 1"))

    on_database(tmp_path, test)
    with sqlite3.connect(tmp_path / "test.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (20,)
    connection.close()


def test_reads_of_a_question_see_one_state(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def question(statements: Statements) -> tuple[int, int]:
            first = statements.all("SELECT count(*) FROM users")[0][0]
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            return first, statements.all("SELECT count(*) FROM users")[0][0]

        reading = asyncio.ensure_future(database.read(question))
        await begun.wait()
        await database.write(add("u"))
        go_on.set()
        assert await reading == (0, 0)
        assert users(database) == {"u"}

    on_database(tmp_path, test)


@pytest.mark.parametrize("content", [b"no database at all, but long enough to look at" * 100, None])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "test.sqlite" if content else tmp_path / "missing" / "test.sqlite"
    if content:
        path.write_bytes(content)

    async def test() -> None:
        with pytest.raises(Unavailable, match=r"not a database|cannot be opened"):
            await SqliteDatabase.open(path)

    run(test())


def test_a_seal_is_seen_by_every_process(tmp_path: Path) -> None:
    """What one process seals no other writes to, and in a group of verbs only those go on that may."""

    async def test(database: SqliteDatabase) -> None:
        other = await SqliteDatabase.open(tmp_path / "test.sqlite")
        try:
            await other.write(add("before"))
            await SqliteUpkeep(database).seal("moved")
            verbs = [other.write(add(f"u{number}"), although_sealed=number % 3 == 0) for number in range(30)]
            answers = await asyncio.gather(*verbs, return_exceptions=True)
            assert [isinstance(answer, StoreSealed) for answer in answers] == [number % 3 > 0 for number in range(30)]
            assert users(other) == {"before", *(f"u{number}" for number in range(0, 30, 3))}
            await SqliteUpkeep(database).unseal()
            await other.write(add("after"))
        finally:
            await other.close()

    on_database(tmp_path, test)


def test_a_lease_is_one_process_s(tmp_path: Path) -> None:
    async def test(database: SqliteDatabase) -> None:
        other = await SqliteDatabase.open(tmp_path / "test.sqlite")
        try:
            both = [SqliteUpkeep(database), SqliteUpkeep(other)]
            wanted = [both[number % 2].take_lease("gc", f"node {number}", seconds=600) for number in range(20)]
            assert sum(await asyncio.gather(*wanted)) == 1
        finally:
            await other.close()

    on_database(tmp_path, test)
