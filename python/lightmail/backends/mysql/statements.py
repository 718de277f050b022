"""What a verb talks to: one connection, in a transaction that begins with the first statement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from lightmail.backends.mysql.answers import Answer, Row
from lightmail.backends.mysql.connection import Connection
from lightmail.backends.mysql.literals import Sql, Values, statement_octets

MANY_OCTETS = 4 * 1024 * 1024
"""Rows go together into one statement up to here; the smallest max_allowed_packet a server has by default is 16 MiB."""

SERVER_NOW = Sql(b"CAST(UNIX_TIMESTAMP() AS SIGNED)")
"""In whole seconds. It is unsigned by itself, and a difference below 0 an error."""

_ROW = re.compile(r"(?P<head>.*\bVALUES\s*)(?P<row>\((?:[^()]|\([^()]*\))*\))(?P<tail>.*)", re.DOTALL)


class Statements:
    """Counts what it is asked. Errors of the server are `errors.Refused`, of which verbs may catch DUPLICATE, NO_PARENT."""

    __slots__ = ("_ahead", "_ahead_octets", "begun", "connection", "count", "now_s")

    def __init__(self, connection: Connection, begin: bytes = b"", now_s: Sql = SERVER_NOW) -> None:
        """begin: goes in front of the first statement, in the same round trip. now_s: see below."""
        self.connection = connection
        self.now_s = now_s
        """The time by one clock for all nodes, as a value of a statement: for what another node will measure."""
        self.count = 0
        """Statements run so far, without transaction control."""
        self.begun = not begin
        """Whether the server has been asked anything."""
        self._ahead = [begin] if begin else []
        self._ahead_octets = 0

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

    async def later(self, statement: str, values: Values = ()) -> None:
        """Run a statement whose answer nobody looks at: it goes with the next one, or with COMMIT, without a round
        trip of its own. So do its errors: what the next one raises may be about this one.

        Not on Galera: where another node's transaction takes the place of ours between two statements of one packet,
        MariaDB rolls back and goes on with the next one, which then commits by itself.
        """
        await self._put_off(statement_octets(statement, values))

    async def many(self, statement: str, rows: Sequence[Sequence[object]], *, later: bool = False) -> None:
        """INSERT … VALUES (%s, …) of many rows, in as few statements as their size allows. later: as `later`."""
        parts = _ROW.fullmatch(statement)
        if parts is None:
            raise ValueError(f"no VALUES (…) in: {statement}")
        head, tail = parts["head"].encode(), parts["tail"].encode()
        for together in _gathered(statement_octets(parts["row"], row) for row in rows):
            octets = head + b",".join(together) + tail
            if later:
                await self._put_off(octets)
            else:
                await self._ask(statement, octets)

    def take_rest(self) -> bytes:
        """What was put off and has not been sent; nothing of it is kept here."""
        if not self.begun and len(self._ahead) == 1:
            return b""
        return self._with_ahead(b"")

    async def _ask(self, statement: str, octets: bytes) -> Answer:
        self.count += 1
        # The answers of those ahead are one packet each, so what follows looks the same after as many of them.
        kind = (len(self._ahead), statement)
        return await self.connection.query(self._with_ahead(octets), kind)

    async def _put_off(self, octets: bytes) -> None:
        self.count += 1
        if self.connection.galera or self._ahead_octets + len(octets) > MANY_OCTETS:
            await self.connection.query(self._with_ahead(octets))
        else:
            self._ahead.append(octets)
            self._ahead_octets += len(octets)

    def _with_ahead(self, octets: bytes) -> bytes:
        self.begun = True
        if not self._ahead:
            return octets
        self._ahead.append(octets)
        together = b"; ".join(self._ahead)
        self._ahead = []
        self._ahead_octets = 0
        return together


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
