"""User tables on a real MariaDB: PostfixAdmin's schema, and one as Dovecot's documentation has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lightmail.auth.authenticator import Authenticator
from lightmail.auth.outside import OutsideDirectory
from lightmail.auth.passwords import Passwords
from lightmail.backends.local import LocalRates
from lightmail.backends.memory import MemoryDirectory, MemoryState
from lightmail.backends.usertable import open_table
from lightmail.config import Auth
from lightmail.config.addresses import parse_mysql
from lightmail.config.sections import AuthSql
from lightmail.errors import (
    AccountDisabled,
    AuthenticationFailed,
    NeedsOperator,
    Unavailable,
    UserNotFound,
    UserQueryFailed,
)
from tests.support.aio import run
from tests.support.services import Services, free_port
from tests.unit.mail.house import FixedClock

CHEAP = Auth(argon2_memory_kib=8, argon2_passes=1, old_schemes=("MD5-CRYPT", "SSHA256", "PLAIN"))
MD5 = "$1$01234567$Ny7c34eheM1R0I3inzIJP."
"""secret"""
POSTFIXADMIN = (
    "CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, active TINYINT(1) NOT NULL DEFAULT 1)",
    "CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, password VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL,"
    " maildir VARCHAR(255) NOT NULL, quota BIGINT NOT NULL DEFAULT 0, local_part VARCHAR(255) NOT NULL,"
    " domain VARCHAR(255) NOT NULL, active TINYINT(1) NOT NULL DEFAULT 1)",
    "CREATE TABLE alias (address VARCHAR(255) PRIMARY KEY, goto TEXT NOT NULL, domain VARCHAR(255) NOT NULL,"
    " active TINYINT(1) NOT NULL DEFAULT 1)",
    "INSERT INTO domain VALUES ('example.org', 1), ('closed.example', 0)",
)
POSTFIXADMIN_LOGIN = """
    SELECT m.password AS password, m.quota AS quota_storage_octets, m.active AS enabled
    FROM mailbox AS m JOIN domain AS d ON d.domain = m.domain
    WHERE m.username = '%u' AND d.active = 1
"""
POSTFIXADMIN_USER = """
    SELECT m.username AS address, m.quota AS quota_storage_octets, m.active AS enabled
    FROM mailbox AS m JOIN domain AS d ON d.domain = m.domain WHERE m.username = :address AND d.active = 1
"""
POSTFIXADMIN_ALL = "SELECT username AS address FROM mailbox WHERE active = 1"
VIRTUAL_USERS = (
    "CREATE TABLE virtual_domains (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL)",
    "CREATE TABLE virtual_users (id INT PRIMARY KEY AUTO_INCREMENT, domain_id INT NOT NULL, userid VARCHAR(100) NOT NULL,"
    " password VARCHAR(150) NOT NULL, home VARCHAR(100), uid INT, gid INT, admin BIT(1) NOT NULL DEFAULT 0)",
    "INSERT INTO virtual_domains (name) VALUES ('example.org')",
)
VIRTUAL_LOGIN = """
    SELECT u.userid AS username, d.name AS domain, u.password, u.home, u.uid, u.gid, u.admin AS administrator
    FROM virtual_users AS u JOIN virtual_domains AS d ON d.id = u.domain_id WHERE u.userid = '%n' AND d.name = '%d'
"""


@asynccontextmanager
async def site(
    services: Services, statements: tuple[str, ...], **options: str
) -> AsyncIterator[tuple[OutsideDirectory, Authenticator]]:
    url = services.sql.new_database()
    try:
        services.sql.run(f"USE {parse_mysql(url).database}", *statements)
        table = open_table(AuthSql(url=url, **options), Path)  # type: ignore[arg-type]
        directory = OutsideDirectory(MemoryDirectory(MemoryState(FixedClock())), table)
        authenticator = Authenticator(
            directory=directory,
            clock=FixedClock(),
            parameters=CHEAP,
            rates=LocalRates(FixedClock()),
            first_delay_s=0,
            renews=False,
        )
        try:
            yield directory, authenticator
        finally:
            authenticator.close()
            await table.close()
    finally:
        services.sql.drop(url)


def mailbox(local: str, password: str, *, domain: str = "example.org", quota: int = 0, active: int = 1) -> str:
    return (
        "INSERT INTO mailbox (username, password, name, maildir, quota, local_part, domain, active) VALUES "
        f"('{local}@{domain}', '{password}', '', '{domain}/{local}/', {quota}, '{local}', '{domain}', {active})"
    )


def test_postfixadmin(services: Services) -> None:
    async def scenario() -> None:
        import bcrypt

        hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$")
        rows = (
            mailbox("md5", MD5, quota=5000),
            mailbox("bcrypt", "{BLF-CRYPT}" + hashed),
            mailbox("bare", hashed),
            mailbox("argon", Passwords(CHEAP).hash(b"secret")),
            mailbox("argon2", "{ARGON2ID}" + Passwords(CHEAP).hash(b"secret")),
            mailbox("off", MD5, active=0),
            mailbox("shut", MD5, domain="closed.example"),
            "INSERT INTO alias VALUES ('info@example.org', 'md5@example.org', 'example.org', 1)",
        )
        queries = {
            "password_query": POSTFIXADMIN_LOGIN,
            "user_query": POSTFIXADMIN_USER,
            "iterate_query": POSTFIXADMIN_ALL,
        }
        async with site(services, POSTFIXADMIN + rows, **queries) as (directory, authenticator):
            for name in ("md5", "bcrypt", "bare", "argon", "argon2"):
                user = await authenticator.verify(f"{name}@example.org".encode(), b"secret")
                assert user.address == f"{name}@example.org"
                assert user.quota.octets == (5000 if name == "md5" else None)
                with pytest.raises(AuthenticationFailed):
                    await authenticator.verify(f"{name}@example.org".encode(), b"Secret")
            with pytest.raises(AccountDisabled):
                await authenticator.verify(b"off@example.org", b"secret")
            with pytest.raises(AuthenticationFailed):
                await authenticator.verify(b"shut@closed.example", b"secret")
            with pytest.raises(AuthenticationFailed):
                await authenticator.verify(b"' OR '1'='1", b"secret")
            assert (await directory.resolve("md5@example.org")).quota.octets == 5000
            with pytest.raises(UserNotFound):  # Postfix has expanded it before
                await directory.resolve("info@example.org")
            assert (await directory.synchronize()).accounts == 6

    run(scenario())


def test_virtual_users(services: Services) -> None:
    async def scenario() -> None:
        rows = (
            "INSERT INTO virtual_users (domain_id, userid, password, home, uid, gid, admin) VALUES"
            f" (1, 'ann', '{MD5}', '/home/ann', 5000, 5000, 1), (1, 'bob', 'secret', NULL, NULL, NULL, 0),"
            " (1, 'dan', 'x', NULL, NULL, NULL, 0), (1, 'dan', 'y', NULL, NULL, NULL, 0)",
        )
        async with site(services, VIRTUAL_USERS + rows, password_query=VIRTUAL_LOGIN, default_scheme="PLAIN") as (
            _,
            authenticator,
        ):
            assert (await authenticator.verify(b"ann@example.org", b"secret")).administrator
            assert not (await authenticator.verify(b"bob@example.org", b"secret")).administrator
            with pytest.raises(UserQueryFailed, match="returned 2 rows"):
                await authenticator.verify(b"dan@example.org", b"x")

    run(scenario())


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT nothing AS password FROM mailbox WHERE username = %u", "Unknown column"),
        ("SELECT password FROM mailboxes WHERE username = %u", "doesn't exist"),
        ("SELECT password AS pasword FROM mailbox WHERE username = %u", "no column password, but pasword"),
        ("SELECT password FROM mailbox WHERE username = %u FOR", "SQL syntax"),
    ],
)
def test_a_wrong_query_is_told(services: Services, query: str, told: str) -> None:
    async def scenario() -> None:
        async with site(services, (*POSTFIXADMIN, mailbox("ann", MD5)), password_query=query) as (_, authenticator):
            with pytest.raises(UserQueryFailed, match=told):
                await authenticator.verify(b"ann@example.org", b"secret")

    run(scenario())


def test_a_database_that_is_away_or_refuses_us(services: Services) -> None:
    async def scenario() -> None:
        async def ask(url: str) -> None:
            table = open_table(AuthSql(url=url, password_query=POSTFIXADMIN_LOGIN), Path)
            try:
                await table.login("ann@example.org")
            finally:
                await table.close()

        with pytest.raises(Unavailable, match="the user table") as away:
            await ask(f"mysql://u:p@127.0.0.1:{free_port()}/d")
        assert not isinstance(away.value, UserQueryFailed)
        url = services.sql.new_database()
        wrong = url.replace(f":{parse_mysql(url).password}@", ":wrong@") if parse_mysql(url).password else url
        services.sql.drop(url)
        with pytest.raises(NeedsOperator, match=r"the user table .*auth\.sql\.url"):
            await ask(wrong)

    run(scenario())
