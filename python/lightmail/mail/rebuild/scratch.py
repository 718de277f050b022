"""What is gathered before a database is rebuilt, kept on disk: objects, what manifests say, where the rest may belong.

SQLite makes the file where the system keeps temporary ones, and removes it, also when the process is killed.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from lightmail.mail.manifests.lines import AccountLine, ExpungesLine, Head, Line, MailboxLine, RowsLine
from lightmail.model import BodyId, BodyRecord, ExpungeRange, ModSeq
from lightmail.ports.blobs import StoredObject

T = TypeVar("T")

_MEMORY_KIB = 32_768
_TABLES = """
    CREATE TABLE objects (key TEXT PRIMARY KEY, octets INTEGER, modified_s INTEGER) WITHOUT ROWID;
    CREATE TABLE accounts (id INTEGER PRIMARY KEY, told INTEGER, line BLOB, gone INTEGER DEFAULT 0);
    CREATE TABLE mailboxes (id INTEGER PRIMARY KEY, told INTEGER, line BLOB, gone INTEGER DEFAULT 0,
                            validity INTEGER DEFAULT 0, modseq INTEGER DEFAULT 0, selectable INTEGER DEFAULT 0);
    CREATE TABLE messages (mailbox INTEGER, validity INTEGER, uid INTEGER, modseq INTEGER, body INTEGER, row TEXT,
                           PRIMARY KEY (mailbox, validity, uid)) WITHOUT ROWID;
    CREATE TABLE expunged (mailbox INTEGER, validity INTEGER, modseq INTEGER, first_uid INTEGER, last_uid INTEGER,
                           PRIMARY KEY (mailbox, validity, modseq, first_uid, last_uid)) WITHOUT ROWID;
    CREATE TABLE bodies (id INTEGER PRIMARY KEY, key TEXT, raw_octets INTEGER, stored_octets INTEGER);
    CREATE INDEX bodies_by_key ON bodies (key);
    CREATE TABLE dead (key TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE placed (mailbox INTEGER, at INTEGER, zone INTEGER, body INTEGER, flags TEXT,
                         PRIMARY KEY (mailbox, at, body)) WITHOUT ROWID;
    CREATE TABLE present (body INTEGER PRIMARY KEY, raw_octets INTEGER, sent_date INTEGER, sent_zone INTEGER);
"""
_GONE_IDS = "INSERT INTO {table} (id, told, gone) VALUES (?, 0, 1) ON CONFLICT (id) DO UPDATE SET gone = 1"


_LATEST_ACCOUNT = """
    INSERT INTO accounts (id, told, line) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
    SET told = excluded.told, line = excluded.line WHERE excluded.told >= told
"""
_LATEST_MAILBOX = """
    INSERT INTO mailboxes (id, told, line, validity, modseq, selectable) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET told = excluded.told, line = excluded.line, validity = excluded.validity,
        modseq = excluded.modseq, selectable = excluded.selectable
    WHERE (excluded.validity, excluded.modseq, excluded.told) >= (validity, modseq, told)
"""
_TROUBLE = """CASE WHEN b.id IS NULL THEN 'no manifest names its object' WHEN o.key IS NULL THEN 'its object is missing'
    ELSE 'its object has another length' END"""
_IN_TROUBLE = "(o.octets IS NULL OR o.octets <> b.stored_octets)"
_LIVING = "SELECT id, validity FROM mailboxes WHERE gone = 0 AND selectable"


@dataclass(frozen=True, slots=True)
class Body:
    id: int
    key: str
    raw_octets: int
    """-1: not known."""
    stored_octets: int
    """Of the object."""


@dataclass(frozen=True, slots=True)
class LostMessage:
    mailbox_id: int
    uid: int
    key: str
    reason: str


class Scratch:
    """Close it. All work is done in one thread, in order."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rebuild")
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.executescript(f"PRAGMA cache_size = -{_MEMORY_KIB}; PRAGMA journal_mode = OFF; {_TABLES}")

    async def close(self) -> None:
        await self._run(self._connection.close)
        self._thread.shutdown()

    # ---- in

    async def add_objects(self, objects: Sequence[StoredObject]) -> None:
        await self._many(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?)",
            [(each.key, each.octets, each.modified_s) for each in objects],
        )

    async def add_head(self, head: Head) -> None:
        await self._many("INSERT OR IGNORE INTO dead VALUES (?)", [(key,) for key in head.dead])
        await self._many(_GONE_IDS.format(table="accounts"), [(id_,) for id_ in head.accounts_gone])
        await self._many(_GONE_IDS.format(table="mailboxes"), [(id_,) for id_ in head.mailboxes_gone])

    async def add_lines(self, lines: Iterator[Line]) -> None:
        """Raises BadManifest; what came before the bad line stays."""
        await self._run(self._add_lines, lines)

    async def place(self, messages: Iterable[tuple[int, int, int, int, str]]) -> None:
        """Messages that no manifest has: (mailbox, seconds, zone, body id, flags separated by blanks)."""
        await self._many("INSERT OR IGNORE INTO placed VALUES (?, ?, ?, ?, ?)", list(messages))

    async def add_bodies(self, bodies: Iterable[Body]) -> None:
        """Of these messages."""
        rows = [(body.id, body.key, body.raw_octets, body.stored_octets) for body in bodies]
        await self._many("INSERT OR IGNORE INTO bodies VALUES (?, ?, ?, ?)", rows)

    async def settle(self) -> None:
        """After the last line: messages that the expunge log has are no more, nor are those of other UIDVALIDITYs."""
        await self._execute(f"DELETE FROM expunged WHERE (mailbox, validity) NOT IN ({_LIVING})")
        await self._execute(f"DELETE FROM messages WHERE (mailbox, validity) NOT IN ({_LIVING})")
        await self._run(self._strike_out)

    async def put(self, bodies: Iterable[tuple[BodyId, BodyRecord]]) -> None:
        """These are in the database."""
        rows = [
            (body_id, record.raw_octets, record.summary.sent_date, record.summary.sent_zone)
            for body_id, record in bodies
        ]
        await self._many("INSERT OR IGNORE INTO present VALUES (?, ?, ?, ?)", rows)

    # ---- out

    async def accounts(self, *, gone: bool = False) -> list[AccountLine]:
        rows = await self._execute(
            "SELECT line FROM accounts WHERE gone = ? AND line IS NOT NULL ORDER BY id", int(gone)
        )
        return [msgspec.json.decode(line, type=AccountLine) for (line,) in rows]

    async def mailboxes(self, *, gone: bool = False) -> list[MailboxLine]:
        rows = await self._execute(
            "SELECT line FROM mailboxes WHERE gone = ? AND line IS NOT NULL ORDER BY id", int(gone)
        )
        return [msgspec.json.decode(line, type=MailboxLine) for (line,) in rows]

    async def messages(self, mailbox_id: int, after: int, limit: int) -> list[tuple[int, int, str]]:
        """(UID, body id, row), ascending."""
        statement = "SELECT uid, body, row FROM messages WHERE mailbox = ? AND uid > ? ORDER BY uid LIMIT ?"
        return await self._execute(statement, mailbox_id, after, limit)

    async def expunges(self, mailbox_id: int) -> list[ExpungeRange]:
        statement = "SELECT modseq, first_uid, last_uid FROM expunged WHERE mailbox = ? ORDER BY modseq, first_uid"
        rows = await self._execute(statement, mailbox_id)
        return [ExpungeRange(ModSeq(modseq), first, last) for modseq, first, last in rows]

    async def placed(self, mailbox_id: int, after: tuple[int, int], limit: int) -> list[tuple[int, int, int, str]]:
        """(seconds, zone, body id, flags), the oldest first; after: seconds and body id."""
        statement = (
            "SELECT at, zone, body, flags FROM placed WHERE mailbox = ? AND (at, body) > (?, ?)"
            " ORDER BY at, body LIMIT ?"
        )
        return await self._execute(statement, mailbox_id, *after, limit)

    async def not_there(self, body_ids: Iterable[int]) -> list[int]:
        """Those of these that `put` has not named."""
        statement = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT body FROM present)"
        return [body_id for (body_id,) in await self._execute(statement, json.dumps(list(body_ids)))]

    async def bodies(self, body_ids: Iterable[int]) -> list[Body]:
        """Those whose object is there in its length."""
        statement = (
            "SELECT b.id, b.key, b.raw_octets, o.octets FROM bodies AS b JOIN objects AS o ON o.key = b.key"
            " WHERE b.id IN (SELECT value FROM json_each(?)) AND o.octets = b.stored_octets"
        )
        return [Body(*row) for row in await self._execute(statement, json.dumps(list(body_ids)))]

    async def facts(self, body_ids: Iterable[int]) -> dict[int, tuple[int, int, int]]:
        """(raw octets, sent date, sent zone) of those of these that `put` has named."""
        statement = (
            "SELECT body, raw_octets, sent_date, sent_zone FROM present WHERE body IN (SELECT value FROM json_each(?))"
        )
        return {body: tuple(rest) for body, *rest in await self._execute(statement, json.dumps(list(body_ids)))}

    async def troubles(self, body_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
        """(key, what is wrong) of those of these whose object is not there in its length."""
        statement = (
            f"SELECT v.value, ifnull(b.key, ''), {_TROUBLE} FROM json_each(?) AS v LEFT JOIN bodies AS b ON b.id = v.value"
            f" LEFT JOIN objects AS o ON o.key = b.key WHERE {_IN_TROUBLE}"
        )
        rows = await self._execute(statement, json.dumps(list(body_ids)))
        return {body: (key, reason) for body, key, reason in rows}

    async def lost(self) -> list[LostMessage]:
        """Messages whose object is not there, or not in its length."""
        statement = (
            f"SELECT m.mailbox, m.uid, ifnull(b.key, ''), {_TROUBLE} FROM messages AS m"
            " LEFT JOIN bodies AS b ON b.id = m.body LEFT JOIN objects AS o ON o.key = b.key"
            f" WHERE {_IN_TROUBLE} ORDER BY m.mailbox, m.uid"
        )
        return [LostMessage(*row) for row in await self._execute(statement)]

    async def unmentioned(self, after: str, since_s: int, limit: int) -> list[StoredObject]:
        """Objects that no manifest names, as old or younger, ascending by key."""
        statement = (
            "SELECT key, octets, modified_s FROM objects AS o WHERE key > ? AND modified_s >= ?"
            " AND NOT EXISTS (SELECT 1 FROM bodies AS b WHERE b.key = o.key)"
            " AND NOT EXISTS (SELECT 1 FROM dead AS d WHERE d.key = o.key) ORDER BY key LIMIT ?"
        )
        return [StoredObject(*row) for row in await self._execute(statement, after, since_s, limit)]

    async def greatest_body(self) -> int:
        return await self._number("SELECT ifnull(max(id), 0) FROM bodies")

    async def count(self, what: str) -> int:
        """what: "objects", "messages", "placed"."""
        return await self._number(f"SELECT count(*) FROM {what}")

    async def count_of(self, mailbox_id: int) -> tuple[int, int]:
        """Messages that manifests have of a mailbox, and those that none has."""
        told = "SELECT count(*) FROM messages WHERE mailbox = ?"
        placed = "SELECT count(*) FROM placed WHERE mailbox = ?"
        ((found,),) = await self._execute(told, mailbox_id)
        ((more,),) = await self._execute(placed, mailbox_id)
        return found, more

    async def placed_by_mailbox(self) -> dict[int, int]:
        return dict(await self._execute("SELECT mailbox, count(*) FROM placed GROUP BY mailbox ORDER BY mailbox"))

    # ---- in the thread

    async def _run(self, call: Callable[..., T], *values: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *values)

    async def _execute(self, statement: str, *values: object) -> list[Any]:
        return await self._run(lambda: self._connection.execute(statement, values).fetchall())

    async def _number(self, statement: str) -> int:
        ((number,),) = await self._execute(statement)
        return int(number)

    async def _many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        if rows:
            await self._run(self._execute_many, statement, rows)

    def _execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany(statement, rows)
        self._connection.execute("COMMIT")

    def _strike_out(self) -> None:
        ranges = self._connection.execute("SELECT mailbox, validity, first_uid, last_uid FROM expunged")
        statement = "DELETE FROM messages WHERE mailbox = ? AND validity = ? AND uid BETWEEN ? AND ?"
        self._execute_many(statement, ranges)

    def _add_lines(self, lines: Iterator[Line]) -> None:
        self._connection.execute("BEGIN")
        try:
            for line in lines:
                self._add_line(line)
        finally:
            self._connection.execute("COMMIT")

    def _add_line(self, line: Line) -> None:
        match line:
            case AccountLine():
                self._connection.execute(_LATEST_ACCOUNT, (line.id, line.told, msgspec.json.encode(line)))
            case MailboxLine():
                values = (line.uid_validity, line.modseq, line.selectable)
                self._connection.execute(_LATEST_MAILBOX, (line.id, line.told, msgspec.json.encode(line), *values))
            case RowsLine():
                self._add_rows(line)
            case ExpungesLine():
                self._connection.executemany(
                    "INSERT OR IGNORE INTO expunged VALUES (?, ?, ?, ?, ?)",
                    [
                        (line.mailbox, line.uid_validity, each.modseq, each.first_uid, each.last_uid)
                        for each in line.ranges
                    ],
                )

    def _add_rows(self, line: RowsLine) -> None:
        rows = []
        for row in line.rows.splitlines():
            uid, _size, _flags, modseq, body, _rest = row.split(" ", 5)
            rows.append((line.mailbox, line.uid_validity, int(uid), int(modseq), int(body), row))
        self._connection.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (mailbox, validity, uid) DO UPDATE"
            " SET modseq = excluded.modseq, body = excluded.body, row = excluded.row WHERE excluded.modseq >= modseq",
            rows,
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO bodies VALUES (?, ?, ?, ?)",
            [(each.id, each.key, each.raw_octets, each.stored_octets) for each in line.bodies],
        )
