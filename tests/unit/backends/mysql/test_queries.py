"""What the server does with each statement: no table or index is read as a whole, nothing is sorted, and no more rows are
looked at than the question is about. On tables of some thousand rows, so that the optimizer chooses honestly.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pymysql
import pymysql.cursors
import pytest

from lightmail.backends.mysql import (
    MysqlDatabase,
    MysqlDirectory,
    MysqlMetadata,
    MysqlSessions,
    MysqlUpkeep,
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
    seal,
    selection,
    sessions,
    upgrade,
)
from lightmail.backends.records import session_row
from lightmail.config.addresses import parse_mysql
from lightmail.errors import AppPasswordExists, UserExists
from lightmail.model import NOBODY, SERVER, AppPassword, ClientSession, FlagOp, ModSeq, Quota, UserId
from lightmail.model.rights import identifiers, rights_of
from tests.support.aio import run
from tests.support.backends import HandClock, Store, uids
from tests.support.mysql import OPTIONS, TABLES
from tests.support.services import Services
from tests.unit.backends.mysql.recording import Asked, recorded
from tests.unit.backends.mysql.upkeeping import keep_up

MODULES: tuple[ModuleType, ...] = (
    acl, annotating, app_passwords, append, bodies, copy_move, counting, directory, expunge, flags, keeping, mailbox_row,
    mailboxes, orphans, patching, reading, records, rows, seal, selection, sessions,
)  # fmt: skip
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b")
PLANNED = re.compile(r"\s*(SELECT|UPDATE|DELETE|INSERT\b.*\bSELECT\b)", re.DOTALL)

LARGE = 3000
"""Messages of a large mailbox, lines of its expunge log; what the scenario asks about is a few of them."""
OTHERS = range(1000, 2000)
"""Other accounts."""
PROCESSES = 200
MANY = 1000
"""Rows that the server expects to look at."""
EXISTING = {f"{table}: {what}" for table in "mu" for what in ("index", "many rows")}
"""Mailboxes and users, whose ids are read once where they would be looked up again and again."""

ALLOWED: dict[str, set[str]] = {
    # All accounts, all that is connected: for the operator.
    directory.SELECT_USERS: {"users: ALL", "users: many rows", "sort"},
    sessions.SELECT_SESSIONS: {"sessions: ALL", "sessions: many rows", "processes: ALL", "sort"},
    # There is one row for each server process.
    sessions.SELECT_TALLY: {"processes: ALL"},
    sessions.SELECT_SILENT: {"processes: ALL"},
    # Those that are connected to one account.
    sessions.SELECT_SESSIONS_OF: {"sort"},
    # What the collector is about to delete is looked for everywhere.
    bodies.SELECT_NAMED: {"messages: many rows"},
    # Whoever presses the seal on Galera changes a few thousand rows at a time, of all there are.
    seal.TOUCH_USERS: {"users: many rows"},
    seal.TOUCH_UID_VALIDITIES: {"u: many rows"},
    seal.TOUCH_MAILBOXES: {"mailboxes: many rows"},
    # What is counted again is read as a whole; bodies come in pages.
    counting.COUNT_MESSAGES: {"g: many rows"},
    counting.COUNT_LOG: {"e: many rows"},
    counting.COUNT_REUSED: {"expunges: many rows", "messages: many rows"},
    counting.COUNT_REFERENCES: {"messages: many rows", "sort"},
    counting.COUNT_REFERENCES_OF: {"messages: many rows", "sort"},
    # What is left of mailboxes and accounts is looked for everywhere.
    orphans.SELECT_RIGHTS: {"acl: index", "acl: many rows", *EXISTING},
    orphans.SELECT_ANNOTATIONS: {"annotations: index", "annotations: many rows", *EXISTING},
    # Everything once, in pages: the server's estimate has all rows that come after.
    records.SELECT_USER_PAGE: {"users: many rows"},
    counting.SELECT_MAILBOX_PAGE: {"m: many rows"},
    counting.SELECT_SIZES: {"mailboxes: many rows"},
    counting.SELECT_BODY_PAGE: {"b: many rows"},
    bodies.SELECT_LOCATIONS_AFTER: {"message_bodies: many rows"},
    # A mailbox that is not large is read as a whole; of others this part is not done.
    reading.SELECT_SMALL_MAILBOX: {"messages: many rows"},
    # A few groups, made of the chosen rows alone; no index has their order.
    selection.CENSUS: {"sort"},
    selection.CENSUS_DELETED: {"sort"},
    # MySQL sorts the chosen rows, by the index it has found them with, to number them.
    copy_move.copy_statement((), consecutive=False): {"sort"},
}
"""What a statement may do, besides: the table is read as a whole ("ALL", "index"), many rows, a sort."""


def constants() -> Iterator[tuple[str, str]]:
    """Every statement of the backend that is a constant of one of its modules."""
    for module in MODULES:
        for name, value in vars(module).items():
            if name.isupper() and not name.startswith("_") and isinstance(value, str) and STATEMENT.match(value):
                yield f"{module.__name__.rpartition('.')[2]}.{name}", value


async def fill(store: Store, table: MysqlSessions, database: MysqlDatabase) -> None:
    """Large mailboxes among small ones, of several accounts."""
    await table.beat("silent", [], [], all_ids=[])
    store.clock.now += 60
    opened = [client(process, number) for process in range(PROCESSES) for number in range(20)]
    await database.write(lambda statements: statements.many(sessions.INSERT_SESSION, list(map(session_row, opened))))
    now_s = store.clock.now
    rows = {
        "processes (process, seen_s)": [(f"process{number}", now_s) for number in range(PROCESSES)],
        "users (id, address, password_hash, created_s)": [(n, f"user{n}@example.org", "", now_s) for n in OTHERS],
        "app_passwords (digest, user_id, label, scopes, created_s)": [
            (f"{n}".encode().ljust(32), n, "Phone", "imap", now_s) for n in OTHERS
        ],
        "aliases (address, user_id)": [(f"a{n}@example.org", n) for n in OTHERS],
        "mailboxes (user_id, name, uid_validity)": [(n, name, n) for n in OTHERS for name in ("INBOX", "Sent")],
        "acl (mailbox_id, identifier, rights)": [
            (number, f"{sign}user{number}@example.org", "lr") for number in range(1, 1000) for sign in ("", "-")
        ],
        "subscriptions (user_id, name)": [(n, name) for n in OTHERS for name in ("INBOX", "Sent")],
        "annotations (mailbox_id, user_id, entry, mark, account_id, value)": [
            (n, n, f"/private/{name}", 0, n, b"") for n in OTHERS for name in "ab"
        ],
        # Too young to be collected.
        "message_bodies (object_key, raw_octets, stored_octets, digest, reference_count, unreferenced_s)": [
            (f"gone/{number}", 1, 1, b"", 0, now_s) for number in range(LARGE)
        ],
    }
    for table_and_columns, values in rows.items():
        places = ", ".join(["%s"] * len(values[0]))
        insert = f"INSERT INTO {table_and_columns} VALUES ({places})"
        await database.write(lambda statements, insert=insert, values=values: statements.many(insert, values))
    for name in ("INBOX", "Archive", *(f"Work/{number}" for number in range(10))):
        mailbox = await store.metadata.create_mailbox(store.user.id, name, subscribe=True)
        if name.startswith("Work"):
            await store.append(mailbox, 20, ("$a", "$b"))
            continue
        log = [(mailbox.id, modseq, modseq, modseq) for modseq in range(1, LARGE)]
        await database.write(lambda statements, log=log: statements.many(expunge.LOG_RANGE, log))
        await database.all("UPDATE mailboxes SET highest_modseq = %s WHERE id = %s", (LARGE, mailbox.id))
        await store.append(mailbox, LARGE, ("$a", "$b"))


def client(process: int, number: int) -> ClientSession:
    name = f"{process}-{number}"
    address = f"user{number}@example.org"
    return ClientSession(name, UserId(number), address, "imap", "::1", "node", f"process{process}", 1000 + number)


async def scenario(store: Store, table: MysqlSessions) -> None:
    """Every verb, on a few of the messages of large mailboxes."""
    metadata, accounts, user = store.metadata, store.directory, store.user
    inbox = await metadata.get_mailbox(user.id, "INBOX")
    archive = await metadata.get_mailbox(user.id, "Archive")
    small = await metadata.get_mailbox(user.id, "Work/3")
    top = LARGE - 100

    body = store.body()
    await metadata.append([store.message(inbox, ("$a",), body=body), store.message(archive, ("\\Seen",), body=body)])
    appended, _ = await metadata.append([store.message(inbox, ("$new",)), store.message(inbox)])
    modseq = (await metadata.modseqs([inbox.id, archive.id]))[inbox.id]
    for chosen in (uids(top), uids((top + 1, top + 3)), uids(top, top + 2, top + 5)):
        await metadata.set_flags(inbox.id, chosen, FlagOp.ADD, ("\\Flagged", "\\Deleted"), ModSeq(modseq))
        await metadata.copy(inbox.id, chosen, archive.id)
        await metadata.copy(archive.id, chosen, archive.id)
    await metadata.expunge(inbox.id, uids(top, top + 2))
    await metadata.expunge(inbox.id, None)
    for chosen in (uids(top + 10), uids((top + 11, top + 13)), uids(top + 21, top + 23, top + 25)):
        await metadata.move(inbox.id, chosen, archive.id)
    await metadata.claim_recent(inbox.id, appended[0].uid)

    await accounts.set_quota(user.id, Quota(octets=2**50, messages=10**9, mailboxes=1000))
    await metadata.append([store.message(inbox)])
    await metadata.copy(inbox.id, uids(top + 30), archive.id)
    await metadata.quota(user.id)
    noted: list[tuple[str, bytes | None]] = [
        ("/shared/comment", b"x"),
        ("/private/comment", b"y"),
        ("/private/x", None),
    ]
    await metadata.annotate(user.id, archive.id, noted, owner_id=user.id, most=100)
    await metadata.create_mailbox(user.id, "Held/Here")
    await metadata.delete_mailbox(user.id, "Held")
    held = await metadata.get_mailboxes([user.id], "Held")
    await metadata.annotate(user.id, held[user.id].id, noted, owner_id=user.id, most=100)
    await metadata.annotate(user.id, archive.id, [], owner_id=user.id, most=100, special_use=("\\Archive",))
    await metadata.annotations(user.id, [inbox.id, archive.id])
    await metadata.annotation_marks(user.id, [inbox.id, archive.id])
    await metadata.annotate(NOBODY, SERVER, [("/shared/comment", b"z")], owner_id=NOBODY, most=100)
    await metadata.annotations(user.id, [inbox.id, archive.id], ["/shared/comment"])
    await metadata.deleted_octets([inbox.id, archive.id, small.id])

    await metadata.list_mailboxes(user.id)
    await metadata.get_mailboxes([user.id, *map(UserId, OTHERS[:40])], "INBOX")
    await metadata.list_subscriptions(user.id)
    await metadata.status(user.id, "INBOX")
    await metadata.load(small.id)
    await metadata.load(inbox.id)
    await metadata.changes_since(inbox.id, modseq)
    await metadata.expunged_since(inbox.id, modseq)
    with pytest.MonkeyPatch.context() as patch:
        # What is done when there is much of it.
        for name in ("SELECT_SMALL_MAILBOX", "SELECT_SMALL_CHANGES", "SELECT_FEW_EXPUNGED"):
            patch.setattr(reading, name, getattr(reading, name).replace(f"<= {reading.SMALL_ROWS}", "< 0"))
        await metadata.load(small.id)
        await metadata.changes_since(small.id, ModSeq(small.highest_modseq - 1))
        await metadata.expunged_since(small.id, ModSeq(small.highest_modseq - 1))

    body_ids = [one.body_id for one in appended]
    await metadata.summaries(body_ids)
    found = await metadata.body_locations(body_ids)
    await metadata.known_keys([one.object_key for one in found])
    await metadata.unreferenced_bodies(10, grace_s=0)
    (gone,), _ = await metadata.append([store.message(small, ("\\Deleted",))])
    await metadata.expunge(small.id, None)
    await metadata.forget_bodies([*body_ids, gone.body_id])
    await metadata.named_bodies(body_ids)
    await metadata.locations_after(found[0].body_id, 10)

    for identifier in ("anyone", "user1007@example.org"):
        await metadata.change_acl(small.id, identifier, FlagOp.SET, rights_of("lr"))
    await metadata.change_acl(small.id, "anyone", FlagOp.SET, rights_of(""))
    await metadata.get_acl(small.id)
    await metadata.visible_mailboxes(UserId(1007), identifiers("user1007@example.org"), 100)
    await metadata.shared_mailboxes(user.address, ["Work/3", "Work"], identifiers("user1007@example.org"))

    await metadata.create_mailbox(user.id, "New/a/b", subscribe=True, within_quota=True)
    await metadata.create_mailbox(user.id, "New/a/c")
    await metadata.rename_mailbox(user.id, "New/a", "Other/b/c")
    await metadata.delete_mailbox(user.id, "Other/b")
    await metadata.create_mailbox(user.id, "Other/b")
    await metadata.delete_mailbox(user.id, "Work/5")
    await metadata.set_subscribed(user.id, "Work/5", True)
    await metadata.set_subscribed(user.id, "Work/5", False)

    made = await accounts.add_user("new@example.org", "")
    with contextlib.suppress(UserExists):
        await accounts.add_user("new@example.org", "")
    await accounts.set_password(made.id, "x", only_if="")
    await accounts.set_password(made.id, "y", only_if="")
    await accounts.set_enabled(made.id, False)
    await accounts.set_administrator(made.id, True)
    await accounts.get_user_by_id(made.id)
    await accounts.resolve("a1005@example.org")
    await accounts.list_users()
    await accounts.shared_secret()
    for label in ("Phone", "Laptop"):
        password = AppPassword(made.id, label, ("imap",), label.encode().ljust(32), 1)
        await accounts.add_app_password(password)
        with contextlib.suppress(AppPasswordExists):
            await accounts.add_app_password(password)
    await accounts.app_passwords(made.id)
    await accounts.find_app_password(password.digest)
    await accounts.app_password_used(password.digest, 2)
    await accounts.revoke_app_password(made.id, "Laptop")
    await metadata.append([store.message(await metadata.create_mailbox(made.id, "INBOX"))])
    await metadata.rename_inbox(made.id, "Old")
    await accounts.delete_user(made.id)

    await table.beat("process3", [client(3, 500)], ["3-7"], all_ids=["3-500", "3-501"])
    await table.list()
    await table.list(address="user5@example.org")
    store.clock.now += 60
    await table.beat("process4", [], [], all_ids=[])
    await table.forget("process4")


@dataclass(frozen=True, slots=True)
class Played:
    """The scenario on a filled database: what it has asked, and a connection to look at that."""

    asked: list[Asked]
    connection: pymysql.Connection[Any]

    def findings(self) -> dict[str, set[str]]:
        """By statement: what the server does for it that it should not."""
        found: dict[str, set[str]] = defaultdict(set)
        for one in self.asked:
            if PLANNED.match(one.statement):
                found[one.template] |= self._plan(one.statement) - ALLOWED.get(one.template, set())
        return {template: what for template, what in found.items() if what}

    def run(self, statement: str) -> list[dict[str, Any]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _plan(self, statement: str) -> set[str]:
        found = set()
        try:
            plan = self.run(f"EXPLAIN FORMAT=TRADITIONAL {statement}")
        except pymysql.err.OperationalError as error:
            return {str(error)}
        for step in plan:
            table = step["table"]
            if table is None or table.startswith("<") or step["select_type"] == "INSERT":
                continue
            if step["type"] in ("ALL", "index"):
                found.add(f"{table}: {step['type']}")
            if int(step["rows"] or 0) > MANY:
                found.add(f"{table}: many rows")
            if "filesort" in (step["Extra"] or ""):
                found.add("sort")
        return found


@pytest.fixture(scope="module")
def played(services: Services) -> Iterator[Played]:
    text = services.sql.new_database()
    url = parse_mysql(text)

    async def play() -> list[Asked]:
        await upgrade(url, OPTIONS, 0)
        clock = HandClock()
        database = await MysqlDatabase.open(url, OPTIONS, clock)
        try:
            accounts = MysqlDirectory(database)
            user = await accounts.add_user("ann@example.org", "")
            store = Store(MysqlMetadata(database), accounts, MysqlUpkeep(database), clock, user)
            table = MysqlSessions(database)
            await fill(store, table, database)
            with recorded() as asked:
                await scenario(store, table)
                await keep_up(store, database)
            return asked
        finally:
            await database.close()

    asked = run(play())
    connection = pymysql.connect(
        host=url.host,
        port=url.port,
        user=url.user,
        database=url.database,
        cursorclass=pymysql.cursors.DictCursor,
        autocommit=True,
    )
    with connection:
        played = Played(asked, connection)
        played.run(f"ANALYZE TABLE {', '.join(TABLES)}")
        yield played
    services.sql.drop(text)


def test_the_scenario_asks_every_statement_there_is(played: Played) -> None:
    asked = {one.template for one in played.asked}
    assert [name for name, statement in constants() if statement not in asked] == []
    assert len(asked) > 60


def test_no_statement_reads_or_sorts_what_it_is_not_about(played: Played) -> None:
    assert played.findings() == {}


@pytest.mark.parametrize(
    ("table", "index"),
    [
        ("users", "users_address"),
        ("mailboxes", "mailboxes_name"),
        ("subscriptions", "subscriptions_name"),
        ("message_bodies", "message_bodies_key"),
        ("message_bodies", "message_bodies_unreferenced"),
        ("messages", "messages_modseq"),
        ("messages", "messages_deleted"),
        ("sessions", "sessions_process"),
        ("sessions", "sessions_address"),
    ],
)
def test_an_index_that_is_missing_is_noticed(played: Played, table: str, index: str) -> None:
    (made,) = played.run(f"SHOW CREATE TABLE {table}")
    definition = next(line.strip(" ,") for line in made["Create Table"].splitlines() if f"KEY `{index}`" in line)
    foreign = re.findall(r"CONSTRAINT `(\w+)` FOREIGN KEY \(`user_id`\)", made["Create Table"])
    played.run(f"ALTER TABLE {table} {' '.join(f'DROP FOREIGN KEY {name},' for name in foreign)} DROP INDEX {index}")
    try:
        assert played.findings() != {}
    finally:
        played.run(f"ALTER TABLE {table} ADD {definition}")
