"""The seal and counting again beside writers: what they wait for, and what waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lightmail.backends.mysql import MysqlDatabase, MysqlDirectory, MysqlMetadata, MysqlUpkeep, flags, seal
from lightmail.backends.mysql.statements import Statements
from lightmail.config.sections import Mysql
from lightmail.errors import StoreSealed, Unavailable
from lightmail.model import BodyId, FlagOp, Mailbox, Rights
from tests.support.aio import run
from tests.support.backends import HandClock, Store, uids
from tests.support.eventually import eventually_async
from tests.support.mysql import OPTIONS, open_database
from tests.support.mysql_race import WRONG_REFERENCES
from tests.support.services import Services

pytestmark = pytest.mark.integration

SELECT_ALL = "SELECT m.*, u.enabled, v.last FROM mailboxes AS m, users AS u, uid_validities AS v ORDER BY m.id"
ROUNDS = 30


@asynccontextmanager
async def opened(services: Services, options: Mysql = OPTIONS) -> AsyncIterator[tuple[MysqlDatabase, Store, Mailbox]]:
    async with open_database(services, HandClock(), options=options) as database:
        directory = MysqlDirectory(database)
        user = await directory.add_user("ann@example.org", "")
        store = Store(MysqlMetadata(database), directory, MysqlUpkeep(database), HandClock(), user)
        inbox = await store.mailbox()
        await store.append(inbox, 3)
        yield database, store, inbox


async def waiting(database: MysqlDatabase, writers: int) -> None:
    """Returns once so many transactions wait for a lock."""

    async def wait() -> bool:
        # information_schema.innodb_trx shows what it showed before as long as it is asked often.
        ((_, waits),) = await database.all("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
        return int(waits) == writers

    assert await eventually_async(wait)


def test_a_seal_waits_for_who_writes_and_who_comes_later_for_the_seal(services: Services) -> None:
    async def test() -> None:
        async with opened(services) as (database, store, inbox):
            begun, go_on = asyncio.Event(), asyncio.Event()

            async def write(statements: Statements) -> None:
                await flags.set_flags(statements, inbox.id, uids(1), FlagOp.ADD, ("\\Seen",), None, Rights.ALL)
                begun.set()
                await go_on.wait()

            writing = asyncio.create_task(database.write(write))
            await begun.wait()
            sealing = asyncio.create_task(store.upkeep.seal("moved"))
            await waiting(database, 1)
            other = await store.metadata.get_mailbox(store.user.id, "INBOX")
            late = asyncio.create_task(store.metadata.create_mailbox(store.user.id, "Late"))
            await waiting(database, 2)
            assert not sealing.done() and await store.upkeep.sealed() is None
            go_on.set()
            await writing
            await sealing
            with pytest.raises(StoreSealed, match="moved"):
                await late
            assert "\\Seen" in (await store.flags(other))[1]

    run(test())


def test_nothing_is_sealed_when_who_writes_does_not_end(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_WAIT_S", 0.0)

    async def test() -> None:
        async with opened(services, Mysql(lock_timeout_s=1, retry_s=1.0)) as (database, store, inbox):
            begun, go_on = asyncio.Event(), asyncio.Event()

            async def write(statements: Statements) -> None:
                await flags.set_flags(statements, inbox.id, uids(1), FlagOp.ADD, ("\\Seen",), None, Rights.ALL)
                begun.set()
                await go_on.wait()

            writing = asyncio.create_task(database.write(write))
            await begun.wait()
            with pytest.raises(Unavailable, match=r"[Ll]ock wait timeout"):
                await store.upkeep.seal("moved")
            assert await store.upkeep.sealed() is None
            go_on.set()
            await writing
            await store.append(inbox)

    run(test())


def test_what_is_touched_is_as_it_was(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_TOUCHED", 2)

    async def test() -> None:
        async with opened(services) as (database, store, _):
            for name in ("a", "b", "c/d"):
                await store.mailbox(name)
            before = await database.all(SELECT_ALL)
            statements = database.statements
            await seal.touch_all(database)
            assert database.statements > statements + 8
            assert await database.all(SELECT_ALL) == before

    run(test())


def test_references_are_counted_beside_messages_that_move(services: Services) -> None:
    """MOVE leaves the count of a body alone, and so it locks none: counted in two states, a message is there twice or not."""

    async def test() -> None:
        async with opened(services) as (database, store, inbox):
            archive = await store.mailbox("Archive")
            body = store.body()
            for mailbox in (inbox, archive):
                await store.metadata.append([store.message(mailbox, body=body) for _ in range(3)])
                body = store.body()
            bodies = [BodyId(row[0]) for row in await database.all("SELECT id FROM message_bodies")]

            async def move() -> None:
                for number in range(ROUNDS):
                    source, target = (inbox, archive) if number % 2 else (archive, inbox)
                    await store.metadata.move(source.id, uids((1, 10_000)), target.id)

            async def count() -> None:
                for _ in range(ROUNDS):
                    await store.upkeep.recount([inbox.id, archive.id], bodies)
                    assert await database.all(WRONG_REFERENCES) == []

            await asyncio.gather(move(), count())
            counts = await store.upkeep.mailbox_counts(inbox.id, 10)
            assert all(one.mailbox.messages == one.counted.messages for one in counts)

    run(test())
