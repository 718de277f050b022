"""What SQLite does with each statement: no scan of a table that grows, and no statement per message (law 6)."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lightmail.backends.sqlite import (
    acl,
    annotating,
    app_passwords,
    append,
    bodies,
    copy_move,
    counting,
    directory,
    expunge,
    flags,
    keeping,
    mailbox_row,
    mailboxes,
    orphans,
    patching,
    reading,
    records,
    rows,
    schema,
    selection,
)
from lightmail.backends.sqlite.metadata import SqliteMetadata
from lightmail.backends.sqlite.selection import OnChosen
from lightmail.model import FlagOp, ModSeq
from tests.support.aio import run
from tests.support.backends import Store, open_store, uids
from tests.support.services import Services

MODULES = (
    acl, annotating, app_passwords, append, bodies, copy_move, counting, directory, expunge, flags, keeping, mailbox_row,
    mailboxes, orphans, patching, reading, records, rows, selection,
)  # fmt: skip
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")

ALLOWED_SCANS = {
    # All accounts in order, for the operator.
    "SELECT_USERS": "users",
    # One row per table with AUTOINCREMENT.
    "SELECT_LAST_BODY": "sqlite_sequence",
    # What is left of mailboxes and accounts, for tools.
    "SELECT_RIGHTS": "acl",
    "SELECT_ANNOTATIONS": "annotations",
    # Tools that look for bodies no message names: once a page, off every client's path. An index for them would cost
    # each delivery.
    "SELECT_NAMED": "messages",
    "COUNT_NAMED": "messages",
    "RECOUNT_BODIES": "messages",
}
TABLES = (
    "users", "aliases", "uid_validities", "mailboxes", "subscriptions", "mailbox_keywords", "message_bodies",
    "message_summaries", "messages", "expunges", "sqlite_sequence", "settings", "leases", "jobs", "acl",
    "annotations", "app_passwords",
)  # fmt: skip


def statements() -> Iterator[tuple[str, str]]:
    """Every statement of the backend, found by being a constant of one of its modules."""
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, OnChosen):
                yield f"{name}.by_range", value.by_range
                yield f"{name}.by_list", value.by_list
            elif name.isupper() and not name.startswith("_") and isinstance(value, str) and STATEMENT.match(value):
                yield name, value
    for pairs in ((), ((5, 5), (6, 63)), ((63, 7),)):
        copying = copy_move.copy_statement(pairs)
        yield f"copy_statement({pairs}).by_range", copying.by_range
        yield f"copy_statement({pairs}).by_list", copying.by_list


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection, 0)
    yield connection
    connection.close()


@pytest.mark.parametrize(("name", "statement"), list(statements()))
def test_no_statement_scans_a_table(connection: sqlite3.Connection, name: str, statement: str) -> None:
    values: Any = defaultdict(lambda: None)
    if "?" in statement:
        values = [None] * statement.count("?")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    scanned = {match[1] for line in plan if (match := re.match(r"SCAN (\w+)", line))}
    aliases = dict(re.findall(r"(?:FROM|JOIN)\s+(\w+)\s+AS\s+(\w+)", statement))
    aliases = {alias: table for table, alias in aliases.items()}
    tables = {aliases.get(one, one) for one in scanned} & set(TABLES)
    assert tables <= {ALLOWED_SCANS.get(name)}, plan


def test_expunge_finds_deleted_messages_by_their_index(connection: sqlite3.Connection) -> None:
    """\\Deleted messages of a large mailbox are few."""
    for statement in (selection.CENSUS_DELETED, selection.CENSUS_DELETED_RANGES):
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", defaultdict(lambda: None)).fetchall()
        assert any("messages_deleted" in row[3] for row in plan)


def test_every_family_is_covered() -> None:
    names = {name for name, _ in statements()}
    assert {"INSERT_MESSAGE", "SET_FLAGS.by_list", "CENSUS_DELETED", "PACK_BLOCK", "REFER.by_range"} <= names
    assert len(names) > 60


async def _cost(store: Store, metadata: SqliteMetadata, verb: object) -> int:
    before = metadata.statements
    await verb  # type: ignore[misc]
    return metadata.statements - before


def test_the_number_of_statements_does_not_depend_on_the_number_of_messages(tmp_path: Path, services: Services) -> None:
    async def test() -> None:
        async with open_store("sqlite", tmp_path, services) as store:
            metadata = store.metadata
            assert isinstance(metadata, SqliteMetadata)
            source, target = await store.mailbox("INBOX"), await store.mailbox("Target")
            every_second = uids(*range(1, 600, 2))

            costs = {}
            for count in (1, 600):
                messages = [store.message(source, ("$a",)) for _ in range(count)]
                costs["append", count] = await _cost(store, metadata, metadata.append(messages))
            for chosen in (uids(3), uids((1, 500)), every_second):
                size = len(chosen)
                costs["flags", size] = await _cost(
                    store, metadata, metadata.set_flags(source.id, chosen, FlagOp.ADD, (f"$f{size}", "\\Deleted"))
                )
                costs["copy", size] = await _cost(store, metadata, metadata.copy(source.id, chosen, target.id))
            for chosen in (uids(601), uids((400, 600)), every_second):
                costs["move", len(chosen)] = await _cost(store, metadata, metadata.move(source.id, chosen, target.id))
            for chosen in (uids(1), uids((2, 100)), every_second):
                costs["expunge", len(chosen)] = await _cost(store, metadata, metadata.expunge(target.id, chosen))
            limits = {"append": 6, "flags": 6, "copy": 8, "move": 10, "expunge": 6}
            assert {key: cost for key, cost in costs.items() if cost > limits[key[0]]} == {}

    run(test())


def test_reads_are_one_statement(tmp_path: Path, services: Services) -> None:
    async def test() -> None:
        async with open_store("sqlite", tmp_path, services) as store:
            metadata = store.metadata
            assert isinstance(metadata, SqliteMetadata)
            mailbox = await store.mailbox("INBOX")
            appended = await store.append(mailbox, 20)
            for read in (
                metadata.list_mailboxes(store.user.id),
                metadata.get_mailbox(store.user.id, "INBOX"),
                metadata.status(store.user.id, "INBOX"),
                metadata.claim_recent(mailbox.id, 1),
                metadata.load(mailbox.id),
                metadata.changes_since(mailbox.id, ModSeq(1)),
                metadata.modseqs([mailbox.id]),
                metadata.summaries([one.body_id for one in appended]),
                metadata.body_locations([one.body_id for one in appended]),
                store.directory.get_user("ann@example.org"),
            ):
                assert await _cost(store, metadata, read) == 1
            assert await _cost(store, metadata, metadata.data_version()) == 0

    run(test())
