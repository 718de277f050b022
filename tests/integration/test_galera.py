"""A Galera cluster below several LightMail nodes, each on a database node of its own: what one of those has committed is
true on all of them, and one may die (laws 1, 2 and 4).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest

from lightmail.backends.mysql import MysqlDatabase, MysqlDirectory, MysqlMetadata, MysqlUpkeep, flags, upgrade
from lightmail.backends.mysql.statements import Statements
from lightmail.config.addresses import parse_mysql
from lightmail.errors import StoreSealed
from lightmail.model import FlagOp, Mailbox, Rights
from tests.support.aio import run
from tests.support.backends import HandClock, Store, contents, uids
from tests.support.galera import GaleraNode, galera
from tests.support.installation import QUICK
from tests.support.mixed_load import MixedLoad, Node, Plan
from tests.support.mysql import OPTIONS
from tests.support.mysql_race import race
from tests.support.server import LightMailServer
from tests.support.services import Services
from tests.support.trust import assert_sound

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

RACES = 5
ROUNDS = 300
ACCOUNTS = 6
PLAN = Plan(clients=60, senders=4, operations=None, per_second=60.0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[GaleraNode]]:
    with galera() as nodes:
        yield nodes


@contextmanager
def new_database(cluster: list[GaleraNode]) -> Iterator[list[str]]:
    """Its URL on each node."""
    made = cluster[0].new_database()
    for node in cluster:
        node.run("SET wsrep_sync_wait = 1", "SELECT 1")  # it is there; who logs in to it does not wait for that
    yield [node.at(made) for node in cluster]
    cluster[0].drop(made)


@pytest.fixture
def urls(cluster: list[GaleraNode]) -> Iterator[list[str]]:
    with new_database(cluster) as urls:
        yield urls


async def write_everywhere(urls: list[str]) -> None:
    # At the same time, as nodes of LightMail are deployed; GET_LOCK is each database node's own.
    await asyncio.gather(*(upgrade(parse_mysql(url), OPTIONS, 0) for url in urls))
    await race([parse_mysql(url) for url in urls])


def test_writers_on_all_nodes(cluster: list[GaleraNode], caplog: pytest.LogCaptureFixture) -> None:
    """Of two transactions that change the same row on two nodes, one is refused, often not before COMMIT, and done again.

    Several times: with several statements in one packet (mysql/statements.py) every other race went wrong.
    """
    caplog.set_level(logging.DEBUG, "lightmail.backends.mysql")
    for _ in range(RACES):
        with new_database(cluster) as urls:
            run(write_everywhere(urls))
    repeated = [record.getMessage() for record in caplog.records if "repeated" in record.message]
    assert any("(1213)" in line for line in repeated), "nobody was in anybody's way"


@asynccontextmanager
async def stores(urls: list[str]) -> AsyncIterator[list[Store]]:
    """Of one account, on each node."""
    await upgrade(parse_mysql(urls[0]), OPTIONS, 0)
    async with AsyncExitStack() as stack:
        databases = []
        for url in urls:
            databases.append(await MysqlDatabase.open(parse_mysql(url), OPTIONS))
            stack.push_async_callback(databases[-1].close)
        directories = [MysqlDirectory(database) for database in databases]
        user = await directories[0].add_user("ann@example.org", "")
        yield [
            Store(MysqlMetadata(one), directory, MysqlUpkeep(one), HandClock(), user, _bodies=at * 1_000_000)
            for at, (one, directory) in enumerate(zip(databases, directories, strict=True))
        ]


def test_what_is_committed_on_one_node_is_read_on_all(urls: list[str]) -> None:
    """A node answers COMMIT before the others have applied it. A look that found the state before would be the end of
    the matter: the hint that caused it is then taken for wrong (mail/live.py).
    """

    async def test() -> None:
        async with stores(urls) as nodes:
            inbox = await nodes[0].mailbox()
            await nodes[0].append(inbox)
            for number in range(ROUNDS):
                here, there = nodes[number % 3], nodes[(number + 1) % 3]
                op = FlagOp.REMOVE if number % 2 else FlagOp.ADD
                delta = (await here.metadata.set_flags(inbox.id, uids(1), op, ("\\Seen",))).delta
                assert delta is not None
                if number % 3:
                    assert (await there.metadata.modseqs([inbox.id]))[inbox.id] == delta.highest_modseq
                else:
                    found = await there.metadata.changes_since(inbox.id, delta.base_modseq)
                    assert found.rows == delta.rows
                (box,) = await there.metadata.list_mailboxes(there.user.id)
                assert box.highest_modseq == delta.highest_modseq

    run(test())


def test_nothing_is_written_on_any_node_once_one_has_sealed_the_store(urls: list[str]) -> None:
    answered: list[int] = []

    async def write(store: Store, inbox: Mailbox) -> None:
        while True:
            try:
                (appended,) = await store.append(inbox)
            except StoreSealed:
                return
            answered.append(appended.uid)

    async def test() -> None:
        async with stores(urls) as nodes:
            inbox = await nodes[0].mailbox()
            async with asyncio.timeout(60), asyncio.TaskGroup() as writers:
                for node in nodes:
                    for _ in range(4):
                        writers.create_task(write(node, inbox))
                while len(answered) < 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await nodes[0].upkeep.seal("moved")
                at_once = await nodes[0].load(inbox)
            assert contents(await nodes[2].load(inbox)) == contents(at_once)
            assert sorted(answered) == list(at_once.uids())

    run(test())


def test_a_node_that_lags_writes_nothing_once_another_has_sealed_the_store(
    cluster: list[GaleraNode], urls: list[str]
) -> None:
    """It has begun to write, and hears of the seal later than whoever sealed the store goes on."""

    async def test() -> None:
        async with stores(urls) as nodes, AsyncExitStack() as stack:
            inbox = await nodes[0].mailbox()
            await nodes[0].append(inbox)
            late = await MysqlDatabase.open(parse_mysql(urls[1]), OPTIONS)
            stack.push_async_callback(late.close)
            begun, go_on = asyncio.Event(), asyncio.Event()

            async def write(statements: Statements) -> None:
                await flags.set_flags(statements, inbox.id, uids(1), FlagOp.ADD, ("\\Seen",), None, Rights.ALL)
                await statements.one("SELECT 1")
                begun.set()
                await go_on.wait()

            writing = asyncio.create_task(late.write(write))
            await begun.wait()
            standing = pymysql.connect(host="127.0.0.1", port=cluster[1].port, user="root")
            with standing, standing.cursor() as cursor:
                cursor.execute("FLUSH TABLES WITH READ LOCK")
                await nodes[0].upkeep.seal("moved")
                at_once = await nodes[0].load(inbox)
                go_on.set()
                await asyncio.sleep(0)
                cursor.execute("UNLOCK TABLES")
            with pytest.raises(StoreSealed):
                await writing
            assert contents(await nodes[0].load(inbox)) == contents(at_once)
            assert await nodes[1].upkeep.sealed() == "moved"
            await nodes[2].upkeep.unseal()
            await nodes[0].append(inbox)

    run(test())


def test_a_lease_is_held_on_one_node(urls: list[str]) -> None:
    async def test() -> None:
        async with stores(urls) as nodes:
            for name in ("gc", "manifests", "more", "and more"):
                wanted = [node.upkeep.take_lease(name, f"node {at}", seconds=600) for at, node in enumerate(nodes)]
                assert sum(await asyncio.gather(*wanted)) == 1

    run(test())


@pytest.fixture
def servers(urls: list[str], tmp_path: Path, services: Services) -> Iterator[list[LightMailServer]]:
    """One on each of the first two database nodes; they have S3 and Redis in common."""
    shared: dict[str, dict[str, Any]] = {**QUICK, **services.s3.config(services.s3.new_bucket())}
    shared["redis"] = {"prefix": f"galera-{secrets.token_hex(4)}"}
    with ExitStack() as stack:
        made = []
        for number, url in enumerate(urls[:2]):
            storage = {**shared["storage"], "metadata": url, "redis": services.redis.url}
            made.append(LightMailServer(tmp_path / f"node{number}", {**shared, "storage": storage}))
        assert made[0].command("db", "upgrade").returncode == 0
        yield [stack.enter_context(server) for server in made]


async def more(load: MixedLoad, commands: int) -> None:
    """Returns once so many more are answered OK."""
    wanted = load.ledger.counts.total() + commands
    async with asyncio.timeout(60):
        while load.ledger.counts.total() < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_nodes_of_the_database_die(cluster: list[GaleraNode], servers: list[LightMailServer]) -> None:
    accounts = [servers[0].add_user() for _ in range(ACCOUNTS)]
    load = MixedLoad([Node(each.address("imap"), each.address("lmtp")) for each in servers], accounts, PLAN)

    async def deaths() -> None:
        await more(load, 600)
        assert load.ledger.faults == []

        # One that nobody has a connection to: there is a pause, and no error.
        await asyncio.to_thread(cluster[2].kill)
        await more(load, 600)
        await asyncio.to_thread(cluster[2].start)
        await more(load, 300)
        assert load.ledger.faults == []

        # One of the two: the clients of the other go on, and what this one had acknowledged is there.
        await asyncio.to_thread(cluster[1].kill)
        await more(load, 600)
        await asyncio.to_thread(cluster[1].start)
        await more(load, 300)
        assert all(each.answer.startswith(("NO [UNAVAILABLE]", "451 4.3.0")) for each in load.ledger.faults)
        refused = len(load.ledger.faults)
        await more(load, 600)
        assert load.ledger.faults[refused:] == [], "it is back"

    print(f"\n{run(load.run(deaths))}")
    assert_sound(servers[0])
