"""What a verb talks to: one connection, in a transaction that begins with the first statement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from lightmail.backends.mysql.answers import Answer, Row
from lightmail.backends.mysql.connection import Connection
from lightmail.backends.mysql.literals import Values, statement_octets

MANY_OCTETS = 4 * 1024 * 1024
"""Rows go together into one statement up to here; the smallest max_allowed_packet a server has by default is 16 MiB."""

_ROW = re.compile(r"(?P<head>.*\bVALUES\s*)(?P<row>\((?:[^()]|\([^()]*\))*\))(?P<tail>.*)", re.DOTALL)


class Statements:
    """Counts what it is asked. Errors of the server are `errors.Refused`, of which verbs may catch DUPLICATE."""

    __slots__ = ("_begin", "connection", "count")

    def __init__(self, connection: Connection, begin: bytes = b"") -> None:
        """begin: goes in front of the first statement, in the same round trip."""
        self.connection = connection
        self.count = 0
        """Statements run so far, without transaction control."""
        self._begin = begin

    @property
    def begun(self) -> bool:
        return not self._begin

    async def one(self, statement: str, values: Values = ()) -> Row | None:
        """The first row."""
        rows = (await self._ask(statement, statement_octets(statement, values))).rows
        return rows[0] if rows else None

    async def all(self, statement: str, values: Values = ()) -> list[Row]:
        return (await self._ask(statement, statement_octets(statement, values))).rows

    async def run(self, statement: str, values: Values = ()) -> int:
        """How many rows matched, changed or not; of INSERT … ON DUPLICATE KEY UPDATE: 1 new, 2 changed, 1 as it was."""
        return (await self._ask(statement, statement_octets(statement, values))).affected

    async def insert(self, statement: str, values: Values = ()) -> int:
        """The AUTO_INCREMENT id of the new row, or the argument of LAST_INSERT_ID()."""
        return (await self._ask(statement, statement_octets(statement, values))).insert_id

    async def many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """INSERT … VALUES (%s, …) of many rows, in as few statements as their size allows."""
        parts = _ROW.fullmatch(statement)
        if parts is None:
            raise ValueError(f"no VALUES (…) in: {statement}")
        head, tail = parts["head"].encode(), parts["tail"].encode()
        for together in _gathered(statement_octets(parts["row"], row) for row in rows):
            await self._ask(statement, head + b",".join(together) + tail)

    async def _ask(self, statement: str, octets: bytes) -> Answer:
        self.count += 1
        if self._begin:
            begin, self._begin = self._begin, b""
            return await self.connection.query(begin + octets, (begin, statement))
        return await self.connection.query(octets, statement)


def _gathered(rows: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Rows in groups of about MANY_OCTETS."""
    group: list[bytes] = []
    size = 0
    for row in rows:
        if group and size + len(row) > MANY_OCTETS:
            yield group
            group, size = [], 0
        group.append(row)
        size += len(row)
    if group:
        yield group
