"""Whether this program can work with a database: which schema it has, and how long its server lets a value be."""

from __future__ import annotations

from typing import Protocol

from lightmail.backends.mysql.answers import Row
from lightmail.backends.mysql.errors import Refused
from lightmail.backends.mysql.schema import CURRENT
from lightmail.errors import ConfigError, SchemaMismatch

LEAST_PACKET_OCTETS = 16 * 1024 * 1024
"""The largest statement is the summary of one message: its header (`limits.header_octets`) and what is made of it. And
GROUP_CONCAT cuts off what is longer than a packet, with a warning that nobody reads: messages would be missing.
"""

_NO_SUCH_TABLE = 1146

SELECT_VERSIONS = "SELECT MAX(version), MAX(usable_from) FROM schema_version"
SELECT_PACKET_OCTETS = "SELECT @@max_allowed_packet"


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


async def check_packets(asked: Asked) -> None:
    """Raises ConfigError, Unavailable."""
    row = await asked.one(SELECT_PACKET_OCTETS)
    if row is not None and row[0] < LEAST_PACKET_OCTETS:
        problem = f"it is {row[0]}; {LEAST_PACKET_OCTETS} is needed"
        raise ConfigError("the database server", "max_allowed_packet", problem)
