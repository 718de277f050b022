"""`lightmail db` on MySQL and MariaDB: the schema's version, its upgrade, a look at how the server is set up."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec

from lightmail.backends.mysql import layout
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.errors import Refused
from lightmail.backends.mysql.schema import CREATE_VERSIONS, CURRENT, MIGRATIONS, Migration
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.mysql.versions import LEAST_PACKET_OCTETS, versions_found
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import Mysql
from lightmail.errors import SchemaMismatch, StoreReadOnly, Unavailable
from lightmail.model import Finding, SchemaState

WHERE = "MySQL"

OLDEST_MARIADB, OLDEST_MYSQL = (10, 11), (8, 0)

_UPGRADE_TIMEOUT_S = 86_400.0
"""An ALTER of a large table takes its time."""
_LOCK_TIMEOUT_S = 60
"""How long another upgrade, or a transaction that uses the table, is waited for."""

_DONE_BEFORE = frozenset((
    1050,  # the table exists
    1060,  # the column exists
    1061,  # the index exists
    1091,  # what is to be dropped does not exist
    1826,  # the foreign key exists
))  # fmt: skip
_NO_LOCKS = frozenset((1105, 1235))
"""What clusters answer that have no GET_LOCK, or forbid it."""
_NOT_ALLOWED = frozenset((1044, 1142, 1143, 1227))

INSERT_VERSION = "INSERT IGNORE INTO schema_version (version, usable_from, applied_s) VALUES (%s, %s, %s)"

SELECT_SETTINGS = """
    SELECT VERSION(), @@innodb_flush_log_at_trx_commit, @@max_allowed_packet, @@global.read_only, @@log_bin,
        @@sync_binlog
"""


async def schema_state(url: MysqlUrl, options: Mysql) -> SchemaState:
    """Changes nothing. Raises Unavailable."""
    async with _opened(url, options) as database:
        return await _state(database)


async def upgrade(url: MysqlUrl, options: Mysql, now_s: int, *, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Apply what is pending. Several at once, and servers at work, are fine. Raises Unavailable, SchemaMismatch (the
    database is of a later release that this one cannot work with).

    Tables are no part of a transaction, so what was interrupted is simply done again: a statement that finds its work
    done is content. One upgrade waits for another by a lock that a Galera cluster has for each node only; there, too,
    the same statement twice does no harm.
    """
    patient = msgspec.structs.replace(
        options, connections=1, statement_timeout_s=_UPGRADE_TIMEOUT_S, lock_timeout_s=_LOCK_TIMEOUT_S
    )
    async with _opened(url, patient) as database:
        lock = lock_name(url.database)
        await database.on_one_connection(lambda statements: _upgrade(statements, lock, now_s, migrations))


async def check(url: MysqlUrl, options: Mysql) -> list[Finding]:
    """Changes nothing. Raises Unavailable."""
    async with _opened(url, options) as database:
        findings = await _settings(database)
        state = await _state(database)
        if state.too_new:
            findings.append(Finding(WHERE, f"schema version {state.found} is of a later release of LightMail"))
        elif state.pending:
            has = f"schema version {state.found}" if state.found else "no LightMail schema"
            findings.append(Finding(WHERE, f"{has}, {state.expected} is needed; run `lightmail db upgrade`"))
        else:
            wanted = layout.expected()
            unlike = layout.differences(wanted, await layout.found(database))
            findings += [Finding(WHERE, line) for line in unlike]
            if not unlike:
                with suppress(StoreReadOnly):  # told already
                    findings += await _privileges(database, wanted)
        return findings


@asynccontextmanager
async def _opened(url: MysqlUrl, options: Mysql) -> AsyncIterator[MysqlDatabase]:
    database = MysqlDatabase.unchecked(url, options)
    try:
        yield database
    finally:
        await database.close()


async def _state(database: MysqlDatabase) -> SchemaState:
    row = await database.one("SELECT VERSION()")
    assert row is not None
    return SchemaState(_server(row[0]), *await versions_found(database), CURRENT)


async def _upgrade(statements: Statements, lock: str, now_s: int, migrations: Sequence[Migration]) -> None:
    if not await _pending(statements, migrations):
        return
    await statements.all(f"SET SESSION lock_wait_timeout = {_LOCK_TIMEOUT_S}")
    await _take_lock(statements, lock)
    await statements.all(CREATE_VERSIONS)
    for migration in await _pending(statements, migrations):
        for statement in migration.statements:
            try:
                await statements.all(statement)
            except Refused as error:
                if error.number not in _DONE_BEFORE:
                    raise
        await statements.run(INSERT_VERSION, (migration.version, migration.usable_from, now_s))


async def _pending(statements: Statements, migrations: Sequence[Migration]) -> list[Migration]:
    """Raises SchemaMismatch."""
    found, usable_from = await versions_found(statements)
    latest = migrations[-1].version
    if usable_from > latest:
        raise SchemaMismatch(found, latest)
    return [migration for migration in migrations if migration.version > found]


def lock_name(database: str) -> str:
    """Of the lock that an upgrade holds; such names are the server's, and have 64 characters at most."""
    return f"lightmail {hashlib.sha256(database.encode()).hexdigest()[:40]}"


async def _take_lock(statements: Statements, name: str) -> None:
    """It goes with the connection. Raises Unavailable."""
    try:
        row = await statements.one("SELECT GET_LOCK(%s, %s)", (name, _LOCK_TIMEOUT_S))
    except Refused as error:
        if error.number in _NO_LOCKS:
            return
        raise
    if row is None or row[0] != 1:
        raise Unavailable("the metadata database (another upgrade is under way)")


async def _settings(database: MysqlDatabase) -> list[Finding]:
    row = await database.one(SELECT_SETTINGS)
    assert row is not None
    version, flush, packet_octets, read_only, binary_log, sync_binary_log = row
    server = _server(version)
    findings = []
    oldest = OLDEST_MARIADB if server.startswith("MariaDB") else OLDEST_MYSQL
    numbers = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) < oldest:
        findings.append(Finding(WHERE, f"{server} is too old; MariaDB 10.11 or MySQL 8.0 is needed"))
    if read_only:
        findings.append(Finding(WHERE, "the server is read-only"))
    if packet_octets < LEAST_PACKET_OCTETS:
        findings.append(Finding(WHERE, f"max_allowed_packet is {packet_octets}; {LEAST_PACKET_OCTETS} is needed"))
    if flush != 1:
        text = f"innodb_flush_log_at_trx_commit is {flush}: a crash of the server loses what was answered with OK"
        findings.append(Finding(WHERE, text, serious=False))
    if binary_log and sync_binary_log != 1:
        text = f"sync_binlog is {sync_binary_log}: after a crash of the server its replicas may have more than it has"
        findings.append(Finding(WHERE, text, serious=False))
    return findings


async def _privileges(database: MysqlDatabase, tables: dict[str, layout.Table]) -> list[Finding]:
    """By statements that touch no row: what grants, roles and proxies come to is not to be read anywhere."""
    refused = []
    for name, table in tables.items():
        column = next(iter(table.columns))
        for privilege, statement in (
            ("SELECT", f"SELECT 1 FROM {name} WHERE FALSE"),
            ("INSERT", f"INSERT IGNORE INTO {name} ({column}) SELECT {column} FROM {name} WHERE FALSE"),
            ("UPDATE", f"UPDATE {name} SET {column} = {column} WHERE FALSE"),
            ("DELETE", f"DELETE FROM {name} WHERE FALSE"),
        ):
            try:
                await database.all(statement)
            except Unavailable as error:
                cause = error.__cause__
                if not (isinstance(cause, Refused) and cause.number in _NOT_ALLOWED):
                    raise
                refused.append(f"{privilege} on {name}")
    return [Finding(WHERE, f"the user lacks the privilege {one}") for one in refused]


def _server(version: str) -> str:
    """As people call it: "MariaDB 10.11.6", "MySQL 8.4.3"."""
    numbers = re.search(r"(\d+\.\d+\.\d+)(?!.*\d+\.\d+\.\d+-MariaDB)", version)
    name = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    return f"{name} {numbers[1] if numbers else version}"
