"""What tests of the layer below the verbs say often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lightmail.backends.mysql import MysqlDatabase
from lightmail.backends.mysql.statements import Statements
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import Mysql
from tests.support.services import SqlServer


@asynccontextmanager
async def opened(url: MysqlUrl, **options: Any) -> AsyncIterator[MysqlDatabase]:
    """With whatever tables are there. options: of `[mysql]`."""
    database = MysqlDatabase.unchecked(url, Mysql(**options))
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def counters(url: MysqlUrl, **options: Any) -> AsyncIterator[MysqlDatabase]:
    """With a table of two rows that count: (1, 0), (2, 0)."""
    async with opened(url, **options) as database:
        await database.all("CREATE TABLE counters (id INT PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB")
        await database.write(lambda statements: statements.many(INSERT, [(1, 0), (2, 0)]))
        yield database


INSERT = "INSERT INTO counters (id, n) VALUES (%s, %s)"
INCREMENT = "UPDATE counters SET n = n + 1 WHERE id = %s"
LOCK = "SELECT n FROM counters WHERE id = %s FOR UPDATE"


async def counts(database: MysqlDatabase) -> list[int]:
    return [n for (n,) in await database.all("SELECT n FROM counters ORDER BY id")]


async def connection_id(asked: MysqlDatabase | Statements) -> int:
    row = await asked.one("SELECT CONNECTION_ID()")
    assert row is not None
    return int(row[0])


def open_transactions(server: SqlServer) -> int:
    ((count,),) = server.run("SELECT COUNT(*) FROM information_schema.innodb_trx")
    assert isinstance(count, int)
    return count
