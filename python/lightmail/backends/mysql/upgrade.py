"""Bringing the schema up to date, and knowing whether it is: `lightmail db upgrade` and every open of the database."""

from __future__ import annotations

from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.errors import Refused
from lightmail.backends.mysql.schema import CREATE_VERSIONS, CURRENT, MIGRATIONS
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import Mysql
from lightmail.errors import SchemaMismatch
from lightmail.ports.clock import Clock

NO_SUCH_TABLE = 1146

SELECT_VERSION = "SELECT MAX(version), MAX(usable_from) FROM schema_version"
INSERT_VERSION = "INSERT IGNORE INTO schema_version (version, usable_from, applied_s) VALUES (%s, %s, %s)"


async def check_version(database: MysqlDatabase) -> None:
    """Raises SchemaMismatch, Unavailable."""
    found, usable_from = await found_version(database)
    if found < CURRENT or usable_from > CURRENT:
        raise SchemaMismatch(found, CURRENT)


async def found_version(database: MysqlDatabase) -> tuple[int, int]:
    """(version, usable_from); (0, 0) for a database without tables."""
    try:
        row = await database.one(SELECT_VERSION)
    except Refused as error:
        if error.number == NO_SUCH_TABLE:
            return 0, 0
        raise
    assert row is not None
    return (row[0] or 0, row[1] or 0)


async def upgrade(url: MysqlUrl, options: Mysql, clock: Clock | None = None) -> None:
    database = MysqlDatabase.unchecked(url, options, clock)
    try:
        await database.all(CREATE_VERSIONS)
        found, _ = await found_version(database)
        for migration in MIGRATIONS:
            if migration.version > found:
                for statement in migration.statements:
                    await database.all(statement)
                await database.all(INSERT_VERSION, (migration.version, migration.usable_from, database.clock.now_s()))
    finally:
        await database.close()
