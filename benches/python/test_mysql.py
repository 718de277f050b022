"""MariaDB on this machine: a mailbox of a million messages opened cold, deliveries and flag changes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvloop
from pytest_benchmark.fixture import BenchmarkFixture
from tests.support.backends import HandClock, Store, uids
from tests.support.mysql import OPTIONS
from tests.support.services import MariaDb

from lightmail._core.index import Snapshot
from lightmail.backends.mysql import MysqlDatabase, MysqlDirectory, MysqlMetadata, upgrade
from lightmail.config.addresses import parse_mysql
from lightmail.model import FlagOp, Mailbox

MILLION = 1_000_000
CONCURRENT = 8
BATCH = 200
"""Verbs of one round."""

SETTINGS = ("--innodb-buffer-pool-size=512M", "--innodb-buffer-pool-load-at-startup=0")
DIGITS = (
    "CREATE TABLE digits (d INT NOT NULL)",
    "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
)
FILL = """
    INSERT INTO messages (mailbox_id, uid, body_id, flags, modseq, internaldate, internaldate_zone, savedate,
        size_octets, sent_date, sent_zone)
    SELECT {mailbox}, n, n, n MOD 16, n + 1, 1500000000 + n * 60, 60, 1500000000 + n * 60, 20000 + n MOD 100000,
        1500000000 + n * 60 - 5, 60
    FROM (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d AS n
          FROM digits AS a, digits AS b, digits AS c, digits AS d, digits AS e, digits AS f) AS numbers
    ORDER BY n
"""
FILLED = """
    UPDATE mailboxes SET messages = {count}, uid_next = {count} + 1, highest_modseq = {count} + 1 WHERE id = {mailbox}
"""


@dataclass(frozen=True, slots=True)
class House:
    server: MariaDb
    runner: asyncio.Runner
    store: Store
    large: Mailbox
    """With MILLION messages."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with (
        MariaDb(tmp_path_factory.mktemp("mariadb"), *SETTINGS) as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        url = parse_mysql(server.new_database())
        runner.run(upgrade(url, OPTIONS, 0))
        database = runner.run(MysqlDatabase.open(url, OPTIONS))
        metadata, directory = MysqlMetadata(database), MysqlDirectory(database)
        user = runner.run(directory.add_user("ann@example.org", ""))
        store = Store(metadata, directory, HandClock(), user)
        large = runner.run(store.mailbox("Large"))
        filling = (FILL.format(mailbox=large.id), FILLED.format(mailbox=large.id, count=MILLION))
        server.run(f"USE {url.database}", *DIGITS, *filling)
        yield House(server, runner, store, large)
        runner.run(database.close())


def test_open_a_million_messages(benchmark: BenchmarkFixture, house: House) -> None:
    """With a database server that has just been started."""

    async def load() -> Snapshot:
        return await house.store.load(house.large)

    def restart() -> None:
        house.server.stop()
        house.server.start()

    snapshot = benchmark.pedantic(lambda: house.runner.run(load()), setup=restart, rounds=5)
    assert len(snapshot) == MILLION


@pytest.mark.parametrize("connections", [1, CONCURRENT])
def test_append(benchmark: BenchmarkFixture, house: House, connections: int) -> None:
    """One message a transaction; each client into a mailbox of its own."""

    async def client(number: int) -> None:
        mailbox = boxes[number]
        for _ in range(BATCH // connections):
            await house.store.append(mailbox)

    async def clients() -> None:
        await asyncio.gather(*(client(number) for number in range(connections)))

    boxes = [house.runner.run(house.store.mailbox(f"Append {connections} {number}")) for number in range(connections)]
    benchmark.extra_info["per_round"] = BATCH
    benchmark.pedantic(lambda: house.runner.run(clients()), rounds=5, warmup_rounds=1)
    assert house.runner.run(house.store.again(boxes[0])).messages == 6 * BATCH // connections


@pytest.mark.parametrize("connections", [1, CONCURRENT])
def test_flags_of_one_message(benchmark: BenchmarkFixture, house: House, connections: int) -> None:
    """\\Seen comes and goes; each client in a mailbox of its own."""
    ops = itertools.cycle((FlagOp.ADD, FlagOp.REMOVE))

    async def client(number: int, op: FlagOp) -> None:
        for uid in range(1, BATCH // connections + 1):
            await house.store.metadata.set_flags(boxes[number].id, uids(uid), op, ("\\Seen",))

    async def clients(op: FlagOp) -> None:
        await asyncio.gather(*(client(number, op) for number in range(connections)))

    boxes = [house.runner.run(house.store.mailbox(f"Flags {connections} {number}")) for number in range(connections)]
    for mailbox in boxes:
        house.runner.run(house.store.append(mailbox, BATCH))
    benchmark.extra_info["per_round"] = BATCH
    benchmark.pedantic(lambda: house.runner.run(clients(next(ops))), rounds=5, warmup_rounds=1)
    assert house.runner.run(house.store.again(boxes[0])).highest_modseq == 2 + 6 * (BATCH // connections)
