"""Databases with the schema in them for tests on MySQL: made once, emptied between tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from lightmail.backends.mysql import MysqlDatabase, upgrade
from lightmail.config.addresses import MysqlUrl, parse_mysql
from lightmail.config.sections import Mysql
from lightmail.ports.clock import Clock
from tests.support.services import Services

OPTIONS = Mysql(lock_timeout_s=5, statement_timeout_s=60)

_free: WeakKeyDictionary[Services, list[MysqlUrl]] = WeakKeyDictionary()

# Children first.
TABLES = (
    "annotations", "acl", "messages", "expunges", "mailbox_keywords", "message_summaries", "message_bodies",
    "mailboxes", "subscriptions", "aliases", "app_passwords", "uid_validities", "users", "settings", "sessions", "processes",
    "leases", "jobs",
)  # fmt: skip
NUMBERED = ("users", "mailboxes", "subscriptions", "message_bodies")


@asynccontextmanager
async def empty_database(services: Services) -> AsyncIterator[MysqlUrl]:
    """One that nobody else uses; its ids begin with 1."""
    free = _free.setdefault(services, [])
    if free:
        url = free.pop()
    else:
        url = parse_mysql(services.sql.new_database())
        await upgrade(url, OPTIONS, 0)
    try:
        yield url
    finally:
        services.sql.run(
            f"USE {url.database}",
            *(f"DELETE FROM {table}" for table in TABLES),
            "INSERT INTO settings (name, value) VALUES ('sealed', '')",
            *(f"ALTER TABLE {table} AUTO_INCREMENT = 1" for table in NUMBERED),
        )
        free.append(url)


@asynccontextmanager
async def open_database(
    services: Services, clock: Clock | None = None, *, options: Mysql = OPTIONS
) -> AsyncIterator[MysqlDatabase]:
    """On an empty database."""
    async with empty_database(services) as url:
        database = await MysqlDatabase.open(url, options, clock)
        try:
            yield database
        finally:
            await database.close()
