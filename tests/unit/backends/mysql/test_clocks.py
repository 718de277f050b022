"""What one node writes and another measures goes by the clock of the database server, whatever theirs say."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from lightmail.backends.mysql import MysqlDatabase, MysqlDirectory, MysqlMetadata, MysqlSessions, MysqlUpkeep
from lightmail.backends.mysql.bodies import SELECT_UNREFERENCED
from lightmail.backends.mysql.literals import Sql
from lightmail.model import BodyId, ClientSession, UserId
from lightmail.ports.sessions import EXPIRES_S
from tests.support.aio import run
from tests.support.backends import HandClock, Store
from tests.support.mysql import OPTIONS, empty_database, open_database
from tests.support.services import Services

YEAR_S = 31_536_000


def a_year_off(database: MysqlDatabase, years: int) -> HandClock:
    """This node's clock is wrong."""
    clock = HandClock()
    clock.now = database.clock.now_s() + years * YEAR_S
    database.clock = clock
    return clock


@pytest.mark.parametrize("years", [-1, 1])
def test_the_time_of_grace_of_a_body(services: Services, years: int) -> None:
    async def test() -> None:
        async with open_database(services) as database:
            clock = a_year_off(database, years)
            metadata, directory, upkeep = MysqlMetadata(database), MysqlDirectory(database), MysqlUpkeep(database)
            user = await directory.add_user("ann@example.org", "")
            store = Store(metadata, directory, upkeep, clock, user)
            inbox, other = await store.mailbox(), await store.mailbox("Other")
            await store.append(inbox, 2, ("\\Deleted",))
            await store.append(other, 1)
            await metadata.expunge(inbox.id, None)
            await metadata.delete_mailbox(user.id, "Other")
            await upkeep.put_bodies([(BodyId(77), store.body())])
            assert await metadata.unreferenced_bodies(10, grace_s=300) == []
            assert len(await metadata.unreferenced_bodies(10, grace_s=-300)) == 4
            await database.write(
                lambda statements: statements.run(
                    "UPDATE message_bodies SET unreferenced_s = unreferenced_s - 600 WHERE id IN (1, 3)"
                )
            )
            assert [body.body_id for body in await metadata.unreferenced_bodies(10, grace_s=300)] == [1, 3]
            assert await metadata.unreferenced_bodies(10, grace_s=10**12) == []
            (plan,) = await database.all(
                "EXPLAIN " + SELECT_UNREFERENCED, {"limit": 1, "before_s": Sql(b"%s - 300" % database.now_s)}
            )
            assert "message_bodies_unreferenced" in plan and "range" in plan

    run(test())


def test_nodes_whose_clocks_differ_see_each_others_sessions(services: Services) -> None:
    """A process is gone when nothing was heard of it for EXPIRES_S, which their clocks do not tell."""

    async def test() -> None:
        async with empty_database(services) as url, AsyncExitStack() as stack:
            tables = []
            for years in (-1, 0, 1):
                database = await MysqlDatabase.open(url, OPTIONS)
                stack.push_async_callback(database.close)
                a_year_off(database, years)
                tables.append(MysqlSessions(database))
            for number, table in enumerate(tables):
                process = f"p{number}"
                one = ClientSession(
                    id=f"s{number}", user_id=UserId(1), address="ann@example.org", protocol="imaps", peer="192.0.2.1",
                    node="", process=process, since_s=number,
                )  # fmt: skip
                assert await table.beat(process, [one], [], all_ids=[one.id])
            for number, table in enumerate(tables):
                assert await table.beat(f"p{number}", [], [], all_ids=[f"s{number}"])
                assert [each.id for each in await table.list()] == ["s0", "s1", "s2"]
            silent = f"UPDATE processes SET seen_s = seen_s - {int(EXPIRES_S) + 5} WHERE process = 'p1'"
            await database.write(lambda statements: statements.run(silent))
            assert [each.id for each in await tables[2].list()] == ["s0", "s2"]

    run(test())
