"""Accounts in the operator's own tables: who they are, and what becomes of what a query must not return."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lightmail.auth.authenticator import Authenticator
from lightmail.auth.outside import OutsideDirectory
from lightmail.backends.local import LocalRates
from lightmail.backends.memory import MemoryDirectory, MemoryState
from lightmail.backends.usertable import open_table
from lightmail.config import Auth
from lightmail.config.sections import AuthSql
from lightmail.errors import (
    AccountDisabled,
    AuthenticationFailed,
    NotPermitted,
    Unavailable,
    UserNotFound,
    UserQueryFailed,
)
from lightmail.imap.response_codes import refusal
from lightmail.lmtp import grammar
from lightmail.lmtp.recipients import Recipients
from lightmail.model import Quota, UserId
from tests.support.aio import run
from tests.unit.mail.house import FixedClock

CHEAP = Auth(argon2_memory_kib=8, argon2_passes=1, old_schemes=("PLAIN", "SSHA256"))
TABLE = """
    CREATE TABLE accounts (name TEXT, realm TEXT, secret, active, admin, quota);
    INSERT INTO accounts VALUES
        ('ann', 'example.org', '{PLAIN}secret', 1, 1, 1000),
        ('bob', 'example.org', 'geheim', 0, 0, 0),
        ('eve', 'example.org', NULL, 1, 0, NULL),
        ('dan', 'example.org', 'x', 1, 0, NULL), ('dan', 'example.org', 'y', 1, 0, NULL),
        ('pin', 'example.org', 1234, 1, 0, NULL),
        ('non', 'example.org', '', 1, 0, NULL)
"""
FROM = "FROM accounts WHERE name = '%n' AND realm = '%d'"
LOGIN = f"SELECT secret AS password, active, admin AS administrator, quota AS quota_storage_octets {FROM}"
ALL = "SELECT DISTINCT name || '@' || realm AS address FROM accounts"


def path(address: str) -> grammar.Path:
    local, _, domain = address.rpartition("@")
    return grammar.Path(local, domain, address)


class Site:
    """A user table in SQLite, and a directory that asks it."""

    def __init__(self, folder: Path, **options: str) -> None:
        self.path = folder / "users.sqlite"
        self.tell(TABLE)
        self.state = MemoryState(FixedClock())
        self.inner = MemoryDirectory(self.state)
        given = {"url": f"sqlite://{self.path}", "password_query": LOGIN, "default_scheme": "PLAIN", **options}
        self.table = open_table(AuthSql(**given), Path)  # type: ignore[arg-type]
        self.directory = OutsideDirectory(self.inner, self.table, Quota(octets=77))
        self.made: list[UserId] = []
        self.directory.provision = self.provision
        self.authenticator = Authenticator(
            directory=self.directory,
            clock=FixedClock(),
            parameters=CHEAP,
            rates=LocalRates(FixedClock()),
            first_delay_s=0,
            renews=False,
        )

    async def provision(self, user_id: UserId) -> None:
        self.made.append(user_id)

    def tell(self, statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(statements)

    async def close(self) -> None:
        self.authenticator.close()
        await self.table.close()


def test_an_account_is_made_when_it_first_logs_in(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        for _ in range(2):
            user = await site.authenticator.verify(b"Ann@example.org", b"secret")
            assert (user.address, user.administrator, user.quota.octets) == ("ann@example.org", True, 1000)
            assert site.made == [user.id]
        (own,) = await site.inner.list_users()
        assert (own.password_hash, own.quota.octets, own.administrator) == ("", 1000, True)
        site.tell("UPDATE accounts SET quota = 0, admin = 0 WHERE name = 'ann'")
        await site.authenticator.verify(b"ann@example.org", b"secret")
        (own,) = await site.inner.list_users()
        assert (own.quota.octets, own.administrator) == (None, False)
        with pytest.raises(AuthenticationFailed):
            await site.authenticator.verify(b"nobody@example.org", b"secret")
        with pytest.raises(AuthenticationFailed):
            await site.authenticator.verify(b"ann@example.com", b"secret")
        assert len(await site.inner.list_users()) == 1
        await site.close()

    run(scenario())


def test_a_change_in_the_table_counts_at_once(tmp_path: Path) -> None:
    """What is remembered of a login goes with the stored password."""

    async def scenario() -> None:
        site = Site(tmp_path)
        await site.authenticator.verify(b"ann@example.org", b"secret")
        site.tell("UPDATE accounts SET secret = 'other' WHERE name = 'ann'")
        with pytest.raises(AuthenticationFailed):
            await site.authenticator.verify(b"ann@example.org", b"secret")
        await site.authenticator.verify(b"ann@example.org", b"other")
        site.tell("UPDATE accounts SET active = 'n' WHERE name = 'ann'")
        with pytest.raises(AccountDisabled):
            await site.authenticator.verify(b"ann@example.org", b"other")
        site.tell("DELETE FROM accounts WHERE name = 'ann'")
        with pytest.raises(AuthenticationFailed):
            await site.authenticator.verify(b"ann@example.org", b"other")
        await site.close()

    run(scenario())


def test_who_is_disabled_here_stays_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        user = await site.authenticator.verify(b"ann@example.org", b"secret")
        await site.directory.set_enabled(user.id, False)
        with pytest.raises(AccountDisabled):
            await site.authenticator.verify(b"ann@example.org", b"secret")
        with pytest.raises(NotPermitted):
            await site.directory.set_password(user.id, "x")
        await site.close()

    run(scenario())


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("dan", {}, "password_query returned 2 rows for one address; expected one, or none"),
        ("eve", {}, "password_query returned NULL as password; expected a text"),
        ("pin", {}, "password_query returned a password that is a whole number; expected a text"),
        ("ann", {"password_query": f"SELECT secret, active {FROM}"}, "returned no column password, but secret, active"),
        ("ann", {"password_query": f"SELECT secret AS password, name AS PASSWORD {FROM}"}, "two columns password"),
        (
            "ann",
            {"password_query": f"SELECT secret AS password, 'maybe' AS enabled {FROM}"},
            "as enabled what is neither",
        ),
        (
            "ann",
            {"password_query": f"SELECT secret AS password, -1 AS quota_storage_octets {FROM}"},
            "no number of octets",
        ),
        ("ann", {"password_query": f"SELECT secret AS password, 'a b' AS address {FROM}"}, "returned as address 'a b'"),
        ("ann", {"password_query": f"SELECT secret AS password, 5 AS address {FROM}"}, "as address a whole number"),
        ("ann", {"password_query": f"SELECT absent {FROM}"}, "was refused by the database: no such column: absent"),
    ],
)
def test_what_a_query_must_not_return_is_told_to_the_operator(
    tmp_path: Path, name: str, options: dict[str, str], told: str
) -> None:
    """And to nobody else: the client may try again."""

    async def scenario() -> None:
        site = Site(tmp_path, **options)
        with pytest.raises(UserQueryFailed) as failed:
            await site.authenticator.verify(f"{name}@example.org".encode(), b"secret")
        assert told in str(failed.value) and "auth.sql.password_query" in str(failed.value)
        assert "secret'" not in str(failed.value) and "1234" not in str(failed.value)
        done = refusal(failed.value, command="LOGIN", user=None)
        assert (done.status, done.code) == (b"NO", b"UNAVAILABLE")
        await site.close()

    run(scenario())


def test_an_empty_password_lets_nobody_in(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        for password in (b"", b"x"):
            with pytest.raises(AuthenticationFailed):
                await site.authenticator.verify(b"non@example.org", password)
        await site.close()

    run(scenario())


def test_a_table_that_is_away_is_no_wrong_password(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        site.path.unlink()
        with pytest.raises(Unavailable, match="the user table"):
            await site.authenticator.verify(b"ann@example.org", b"secret")
        with pytest.raises(Unavailable):
            await Recipients(site.directory, "+").find(path("ann@example.org"))
        await site.close()

    run(scenario())


def test_recipients_are_asked_for_by_their_own_query(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(
            tmp_path,
            user_query="SELECT name || '@' || realm AS address, active FROM accounts WHERE name = :local LIMIT 1",
            iterate_query=ALL,
        )
        recipients = Recipients(site.directory, "+")
        found = await recipients.find(path("eve@elsewhere.example"))
        assert found.user.address == "eve@example.org" and site.made == [found.user.id]
        assert found.user.quota.octets == 77
        detailed = await recipients.find(path("eve+lists@example.org"))
        assert (detailed.user.id, detailed.detail) == (found.user.id, "lists")
        with pytest.raises(AccountDisabled):
            await recipients.find(path("bob@example.org"))
        with pytest.raises(UserNotFound):
            await recipients.find(path("nobody@example.org"))
        await site.close()

    run(scenario())


def test_accounts_are_made_for_all_of_the_table(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path, iterate_query=ALL)
        await site.inner.add_user("gone@example.org", "")
        would = await site.directory.synchronize(dry=True)
        assert len(await site.inner.list_users()) == 1
        done = await site.directory.synchronize()
        assert (would.made, would.left) == (done.made, done.left)
        assert (done.accounts, len(done.made), done.left) == (6, 6, ["gone@example.org"])
        assert (await site.directory.synchronize()).made == []
        await site.close()

    run(scenario())


def test_two_first_logins_at_once_make_one_account(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        both = await asyncio.gather(*(site.authenticator.verify(b"ann@example.org", b"secret") for _ in range(2)))
        assert both[0].id == both[1].id and len(site.made) == 1
        await site.close()

    run(scenario())


def test_hostile_names_stay_values(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path, password_query="SELECT '{PLAIN}x' AS password FROM accounts WHERE name = %u LIMIT 1")
        for name in (b"' OR 1=1 --", b"ann' UNION SELECT '{PLAIN}x' --", b"a\\' OR 1 --", b"%n", b":local"):
            with pytest.raises(AuthenticationFailed):
                await site.authenticator.verify(name, b"x")
        await site.close()

    run(scenario())
