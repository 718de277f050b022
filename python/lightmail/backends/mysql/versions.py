"""Which schema a database has, and whether this program can work with it."""

from __future__ import annotations

from typing import Protocol

from lightmail.backends.mysql.answers import Row
from lightmail.backends.mysql.errors import Refused
from lightmail.backends.mysql.schema import CURRENT
from lightmail.errors import SchemaMismatch

_NO_SUCH_TABLE = 1146

SELECT_VERSIONS = "SELECT MAX(version), MAX(usable_from) FROM schema_version"


class Asked(Protocol):
    """A database, or a connection to it."""

    async def one(self, statement: str) -> Row | None: ...


async def versions_found(asked: Asked) -> tuple[int, int]:
    """The last version applied and the oldest whose program may use the database; zeros for an empty one.

    Raises Unavailable.
    """
    try:
        row = await asked.one(SELECT_VERSIONS)
    except Refused as error:
        if error.number == _NO_SUCH_TABLE:
            return 0, 0
        raise
    return (row[0] or 0, row[1] or 0) if row else (0, 0)


async def check_versions(asked: Asked) -> None:
    """Raises SchemaMismatch, Unavailable."""
    found, usable_from = await versions_found(asked)
    if found < CURRENT or usable_from > CURRENT:
        raise SchemaMismatch(found, CURRENT)
