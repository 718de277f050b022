"""The schema of a real server: made, brought up to date, refused, checked (law 11)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator

import pytest

from lightmail.backends.mysql import MysqlDatabase, MysqlUpkeep, check, layout, schema_state, upgrade
from lightmail.backends.mysql.errors import Refused
from lightmail.backends.mysql.schema import CURRENT, MIGRATIONS, Migration
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.mysql.upkeep import lock_name
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import Mysql
from lightmail.errors import ConfigError, SchemaMismatch, Unavailable
from lightmail.model import Finding
from tests.support.aio import run
from tests.support.services import SqlServer
from tests.unit.backends.mysql.house import opened

pytestmark = pytest.mark.integration

EXPANDS = Migration(
    CURRENT + 1,
    1,
    (
        "ALTER TABLE users ADD COLUMN signature_octets BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE users ADD KEY users_created (created_s)",
    ),
)
CONTRACTS = Migration(CURRENT + 2, CURRENT + 1, ("DROP TABLE sessions",))
BREAKS = Migration(CURRENT + 1, 1, ("CREATE TABLE IF NOT EXISTS new (id INT)", "ALTER TABLE nothing ADD COLUMN x INT"))

OPTIONS = Mysql()


async def versions(url: MysqlUrl) -> list[tuple[int, int, int]]:
    async with opened(url) as database:
        statement = "SELECT version, usable_from, applied_s FROM schema_version ORDER BY version"
        return await database.all(statement)


@contextlib.contextmanager
def account(url: MysqlUrl, server: SqlServer, privileges: str) -> Iterator[MysqlUrl]:
    """Of the database, with these privileges and no others."""
    user = f"u{url.database[-12:]}"
    server.run(f"CREATE USER {user}@localhost", f"GRANT {privileges} ON {url.database}.* TO {user}@localhost")
    try:
        yield dataclasses.replace(url, user=user)
    finally:
        server.run(f"DROP USER {user}@localhost")


def refusal(url: MysqlUrl) -> SchemaMismatch:
    async def test() -> SchemaMismatch:
        with pytest.raises(SchemaMismatch) as refused:
            await MysqlDatabase.open(url, OPTIONS)
        return refused.value

    return run(test())


def test_an_empty_database_is_refused_until_it_is_upgraded(url: MysqlUrl, server: SqlServer) -> None:
    assert "run `lightmail db upgrade`" in str(refusal(url))

    async def test() -> None:
        state = await schema_state(url, OPTIONS)
        assert (state.found, state.usable_from, state.expected) == (0, 0, CURRENT)
        ((version,),) = server.run("SELECT VERSION()")
        assert state.server.partition(" ")[2] in str(version) and state.server.startswith(("MariaDB ", "MySQL "))
        await upgrade(url, OPTIONS, 77)
        state = await schema_state(url, OPTIONS)
        assert state.usable and state.found == CURRENT
        await upgrade(url, OPTIONS, 99)
        assert await versions(url) == [(one.version, one.usable_from, 77) for one in MIGRATIONS]
        database = await MysqlDatabase.open(url, OPTIONS)
        await database.close()
        assert await check(url, OPTIONS) == []

    run(test())


def test_several_upgrades_at_once(url: MysqlUrl) -> None:
    async def test() -> None:
        await asyncio.gather(*(upgrade(url, OPTIONS, number) for number in range(5)))
        assert [version for version, _, _ in await versions(url)] == [one.version for one in MIGRATIONS]
        async with opened(url) as database:
            assert await layout.found(database) == layout.expected()

    run(test())


def test_an_old_database_gets_what_is_new_and_this_release_goes_on(url: MysqlUrl) -> None:
    async def test() -> None:
        await upgrade(url, OPTIONS, 77)
        async with opened(url) as database:
            await database.all(
                "INSERT INTO users (address, password_hash, created_s) VALUES ('ann@example.org', '', 0)"
            )
            await asyncio.gather(*(upgrade(url, OPTIONS, 88, migrations=(*MIGRATIONS, EXPANDS)) for _ in range(3)))
            assert await database.all("SELECT address, domain, signature_octets FROM users") == [
                ("ann@example.org", "example.org", 0)
            ]
            assert await layout.found(database) == layout.expected((*MIGRATIONS, EXPANDS))
        assert (await versions(url))[-1] == (EXPANDS.version, 1, 88)
        database = await MysqlDatabase.open(url, OPTIONS)
        await database.close()
        await upgrade(url, OPTIONS, 99)
        assert await check(url, OPTIONS) == []

    run(test())


def test_the_release_before_goes_on_beside_this_one(url: MysqlUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        await upgrade(url, OPTIONS, 77, migrations=MIGRATIONS[:1])
        with pytest.raises(SchemaMismatch):
            await MysqlDatabase.open(url, OPTIONS)
        await upgrade(url, OPTIONS, 88)
        async with opened(url) as database:
            # What writers lock is there from the beginning.
            assert await database.all("SELECT name, value FROM settings") == [("sealed", b"")]
            await MysqlUpkeep(database).seal("moved")
        await upgrade(url, OPTIONS, 99)
        for known in (1, CURRENT):
            monkeypatch.setattr("lightmail.backends.mysql.versions.CURRENT", known)
            database = await MysqlDatabase.open(url, OPTIONS)
            assert await MysqlUpkeep(database).sealed() == "moved"
            await database.close()

    run(test())


def test_an_interrupted_upgrade_goes_on(url: MysqlUrl) -> None:
    async def test() -> None:
        async with opened(url) as database:
            for statement in MIGRATIONS[0].statements[:3]:
                await database.all(statement)
            await upgrade(url, OPTIONS, 1)
            for statement in EXPANDS.statements[:1]:
                await database.all(statement)
            await upgrade(url, OPTIONS, 2, migrations=(*MIGRATIONS, EXPANDS))
            assert await layout.found(database) == layout.expected((*MIGRATIONS, EXPANDS))

    run(test())


def test_a_migration_that_fails_is_not_taken_for_done(url: MysqlUrl) -> None:
    async def test() -> None:
        await upgrade(url, OPTIONS, 77)
        with pytest.raises(Refused):
            await upgrade(url, OPTIONS, 88, migrations=(*MIGRATIONS, BREAKS))
        assert (await versions(url))[-1][0] == CURRENT

    run(test())


def test_an_upgrade_waits_for_another_and_not_for_ever(url: MysqlUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightmail.backends.mysql.upkeep._LOCK_TIMEOUT_S", 1)

    async def test() -> None:
        async with opened(url) as database:

            async def meanwhile(statements: Statements) -> None:
                assert await statements.one("SELECT GET_LOCK(%s, 0)", (lock_name(url.database),)) == (1,)
                with pytest.raises(Unavailable, match="another upgrade"):
                    await upgrade(url, OPTIONS, 1)

            await database.on_one_connection(meanwhile)
            await upgrade(url, OPTIONS, 1)

    run(test())


def test_a_database_that_is_too_new_is_refused(url: MysqlUrl) -> None:
    run(upgrade(url, OPTIONS, 77, migrations=(*MIGRATIONS, EXPANDS, CONTRACTS)))
    refused = refusal(url)
    assert (refused.found, refused.expected) == (CONTRACTS.version, CURRENT)
    assert "newer release" in str(refused)

    async def test() -> None:
        state = await schema_state(url, OPTIONS)
        assert state.too_new and not state.usable
        with pytest.raises(SchemaMismatch):
            await upgrade(url, OPTIONS, 88)
        assert any("later release" in one.text and one.serious for one in await check(url, OPTIONS))

    run(test())


def test_check_tells_what_differs(url: MysqlUrl) -> None:
    async def test() -> None:
        assert any("lightmail db upgrade" in one.text for one in await check(url, OPTIONS))
        await upgrade(url, OPTIONS, 77)
        async with opened(url) as database:
            await database.all("ALTER TABLE users DROP KEY users_domain, ADD COLUMN of_ours INT, ADD KEY (of_ours)")
            await database.all("ALTER TABLE mailboxes MODIFY special_use VARCHAR(20) COLLATE utf8mb4_general_ci NULL")
            await database.all("DROP TABLE expunges")
        assert await check(url, OPTIONS) == [
            Finding("MySQL", "index users_domain on users (domain) is missing or different"),
            Finding(
                "MySQL",
                "column mailboxes.special_use is VARCHAR(20) COLLATE utf8mb4_general_ci,"
                " expected VARCHAR(255) COLLATE utf8mb4_bin NOT NULL",
            ),
            Finding("MySQL", "table expunges is missing"),
        ]

    run(test())


def test_check_tells_how_the_server_is_set_up(url: MysqlUrl, server: SqlServer) -> None:
    run(upgrade(url, OPTIONS, 77))
    before = server.run("SELECT @@innodb_flush_log_at_trx_commit, @@max_allowed_packet")[0]
    server.run(
        "SET GLOBAL innodb_flush_log_at_trx_commit = 2",
        "SET GLOBAL max_allowed_packet = 1048576",
        "SET GLOBAL read_only = 1",
    )
    try:
        findings = {one.text.split(":")[0]: one.serious for one in run(check(url, OPTIONS))}
    finally:
        server.run(
            f"SET GLOBAL innodb_flush_log_at_trx_commit = {before[0]}",
            f"SET GLOBAL max_allowed_packet = {before[1]}",
            "SET GLOBAL read_only = 0",
        )
    assert findings == {
        "the server is read-only": True,
        "max_allowed_packet is 1048576; 16777216 is needed": True,
        "innodb_flush_log_at_trx_commit is 2": False,
    }


def test_check_of_a_read_only_server_by_an_account_that_may_not_write_there(url: MysqlUrl, server: SqlServer) -> None:
    run(upgrade(url, OPTIONS, 77))
    with account(url, server, "SELECT, INSERT, UPDATE, DELETE") as limited:
        server.run("SET GLOBAL read_only = 1")
        try:
            findings = run(check(limited, OPTIONS))
        finally:
            server.run("SET GLOBAL read_only = 0")
    assert findings == [Finding("MySQL", "the server is read-only")]


def test_where_nothing_is_pending_upgrade_needs_no_privilege_to_make_tables(url: MysqlUrl, server: SqlServer) -> None:
    run(upgrade(url, OPTIONS, 77, migrations=(*MIGRATIONS, EXPANDS)))
    with account(url, server, "SELECT") as limited:
        run(upgrade(limited, OPTIONS, 88))
        run(upgrade(limited, OPTIONS, 88, migrations=(*MIGRATIONS, EXPANDS)))
    assert run(versions(url))[-1] == (EXPANDS.version, 1, 77)


def test_a_server_that_would_cut_off_a_list_of_messages_is_refused(url: MysqlUrl, server: SqlServer) -> None:
    run(upgrade(url, OPTIONS, 77))
    ((before,),) = server.run("SELECT @@max_allowed_packet")
    server.run("SET GLOBAL max_allowed_packet = 1048576")
    try:
        with pytest.raises(ConfigError, match="max_allowed_packet"):
            run(MysqlDatabase.open(url, OPTIONS))
    finally:
        server.run(f"SET GLOBAL max_allowed_packet = {before}")


def test_check_tells_which_privileges_are_missing(url: MysqlUrl, server: SqlServer) -> None:
    run(upgrade(url, OPTIONS, 77))
    with account(url, server, "SELECT, INSERT, UPDATE") as limited:
        findings = run(check(limited, OPTIONS))
    assert {one.text for one in findings} == {
        f"the user lacks the privilege DELETE on {table}" for table in layout.expected()
    }


def test_no_server_is_raised_and_not_found(url: MysqlUrl) -> None:
    async def test() -> None:
        for ask in (schema_state, check):
            with pytest.raises(Unavailable):
                await ask(dataclasses.replace(url, user="nobody", password="wrong"), OPTIONS)

    run(test())
