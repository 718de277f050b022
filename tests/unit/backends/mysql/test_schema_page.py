"""docs/schema.md says what the database has, column by column, and nothing else; what it tells Postfix to ask works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lightmail.backends.mysql import MysqlDatabase, layout, upgrade
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import Mysql
from tests.support.aio import run
from tests.unit.backends.mysql.house import opened

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[4] / "docs" / "schema.md").read_text(encoding="utf-8")
TABLE = re.compile(r"^## `(\w+)`$(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (`.*?) \| (`.*?) \| .*\|$", re.MULTILINE)
QUERIES = re.findall(r"^query = (.*)$", PAGE, re.MULTILINE)

SELECT_DERIVED = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = DATABASE() AND generation_expression <> ''
"""


def documented(name: str, text: str) -> dict[str, tuple[str, ...]]:
    """What the page says of a table: columns with their type, indexes with their columns."""
    columns, indexes = text.split("| Index | Columns | For |")
    said = {f"{name}.{column.strip('`')}": tuple(kind.split(", ")) for column, kind in ROW.findall(columns)}
    for index, over in ROW.findall(indexes):
        said[f"{name}: {index.replace('`', '')}"] = tuple(over.replace("`", "").split(", "))
    return said


async def there(database: MysqlDatabase) -> dict[str, tuple[str, ...]]:
    """The same of what is there."""
    derived = set(map(tuple, await database.all(SELECT_DERIVED)))
    told = {}
    for name, table in (await layout.found(database)).items():
        for column_name, column in table.columns.items():
            kind = [f"`{column}`"]
            if (name, column_name) in derived:
                kind.append("derived")
            elif column.nullable:
                kind.append("may be NULL")
            told[f"{name}.{column_name}"] = tuple(kind)
        for index_name, index in table.indexes.items():
            unique = ", unique" if index.unique and index_name != layout.PRIMARY else ""
            told[f"{name}: {index_name}{unique}"] = index.columns
    return told


def test_the_page_and_the_database_say_the_same(url: MysqlUrl) -> None:
    said = {key: value for name, text in TABLE.findall(PAGE) for key, value in documented(name, text).items()}

    async def test() -> None:
        await upgrade(url, Mysql(), 1)
        async with opened(url) as database:
            assert said == await there(database)

    run(test())


def test_what_postfix_asks(url: MysqlUrl) -> None:
    """Each query finds what it should, nothing else, and by an index."""
    domains, addresses, senders = QUERIES

    async def test() -> None:
        await upgrade(url, Mysql(), 1)
        async with opened(url) as database:
            for address in ("ann@example.org", "bob@example.com", "off@example.net"):
                await database.all(
                    "INSERT INTO users (address, password_hash, enabled, created_s) VALUES (%s, '', %s, 0)",
                    (address, not address.startswith("off")),
                )
            await database.all(
                "INSERT INTO aliases (address, user_id) SELECT 'info@alias.example', id FROM users WHERE address = %s",
                ("ann@example.org",),
            )

            async def ask(query: str, key: str) -> list[str]:
                statement = query.replace("'%s'", "%(key)s")
                plan = await database.all(f"EXPLAIN FORMAT=TRADITIONAL {statement}", {"key": key})
                assert [row for row in plan if row[3] == "ALL" and row[2] in ("users", "aliases", "u", "a")] == []
                return [value for (value,) in await database.all(statement, {"key": key})]

            assert await ask(domains, "example.org") == ["example.org"]
            assert await ask(domains, "alias.example") == ["alias.example"]
            assert await ask(domains, "example") == []
            assert await ask(addresses, "bob@example.com") == ["bob@example.com"]
            assert await ask(addresses, "info@alias.example") == ["info@alias.example"]
            assert await ask(addresses, "off@example.net") == []
            assert await ask(addresses, "nobody@example.org") == []
            assert await ask(senders, "info@alias.example") == ["ann@example.org"]
            assert await ask(senders, "bob@example.com") == ["bob@example.com"]

    run(test())
