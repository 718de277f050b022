"""App passwords: how they look, and what they let somebody do."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightmail.auth.app_passwords import USED_EVERY_S, digest_of, make
from lightmail.auth.sasl import Credentials
from lightmail.errors import AccountDisabled, AuthenticationFailed, AuthorizationFailed
from lightmail.model import UserId
from tests.support.aio import run
from tests.unit.auth.test_authenticator import Room, room

PAT = b"pat@example.org"


def given_to(at: Room, user_id: int, *scopes: str) -> bytes:
    password, made = make(UserId(user_id), "Phone", frozenset(scopes or ("imap",)), 1)
    at.directory.app_passwords[made.digest] = made
    return password.encode()


def test_how_they_look() -> None:
    password, made = make(UserId(1), " Phone ", frozenset({"imap", "api"}), 5)
    assert len(password) == 29 and password.count("-") == 5
    assert (made.label, made.scopes, made.created_s, made.last_used_s) == ("Phone", ("api", "imap"), 5, None)
    for written in (password, password.upper(), password.replace("-", ""), password.replace("-", " ")):
        assert digest_of(written.encode()) == made.digest
    assert make(UserId(1), "Phone", frozenset({"imap"}), 5)[0] != password
    assert "digest" not in repr(made)


@pytest.mark.parametrize(
    ("label", "scopes"),
    [("", {"imap"}), ("  ", {"imap"}), ("x" * 256, {"imap"}), ("a\nb", {"imap"}), ("x", set()), ("x", {"smtp"})],
)
def test_what_is_refused(label: str, scopes: set[str]) -> None:
    with pytest.raises(ValueError, match=r"label|scope"):
        make(UserId(1), label, frozenset(scopes), 5)


@given(st.binary(max_size=40))
def test_other_passwords_are_none_of_ours(password: bytes) -> None:
    if len(password) != 24:
        assert digest_of(password) is None


def test_in_place_of_the_password_and_without_a_hash() -> None:
    async def scenario() -> None:
        async with room() as at:
            password = given_to(at, 1)
            for written in (password, password.replace(b"-", b""), password.upper()):
                assert (await at.authenticator.verify(PAT, written)).id == 1
            assert at.hashes == 0
            at.directory.app_passwords.clear()
            await at.fails(PAT, password)
            assert (await at.authenticator.verify(PAT, b"secret")).id == 1

    run(scenario())


def test_other_passwords_are_not_looked_up() -> None:
    async def scenario() -> None:
        async with room() as at:
            await at.authenticator.verify(PAT, b"secret")
            await at.fails(PAT, b"wrong")
            assert at.directory.asked_for_app_passwords == 0
            # One that looks like it is, whether or not the account is there; and costs the hash of a wrong one.
            for name in (PAT, b"nobody@example.org"):
                await at.fails(name, b"aaaa-bbbb-cccc-dddd-eeee-ffff")
            assert (at.directory.asked_for_app_passwords, at.hashes) == (2, 4)

    run(scenario())


def test_whose_they_are_and_what_for() -> None:
    async def scenario() -> None:
        async with room() as at:
            pats, for_the_api, disabled = given_to(at, 1), given_to(at, 1, "api"), given_to(at, 2)
            await at.fails(b"none@example.org", pats)
            await at.fails(PAT, for_the_api)
            assert (await at.authenticator.verify(PAT, for_the_api, scope="api")).id == 1
            with pytest.raises(AuthenticationFailed):
                await at.authenticator.verify(PAT, pats, scope="api")
            with pytest.raises(AccountDisabled):
                await at.authenticator.verify(b"off@example.org", disabled)

    run(scenario())


def test_they_do_not_act_for_others() -> None:
    async def scenario() -> None:
        async with room() as at:
            at.directory.users["pat@example.org"] = replace(at.directory.users["pat@example.org"], administrator=True)
            password = given_to(at, 1)
            other = b"none@example.org"
            entered = await at.authenticator.authenticate(Credentials(PAT, b"secret", other))
            assert (entered.user.address, entered.by) == ("none@example.org", "pat@example.org")
            with pytest.raises(AuthorizationFailed):
                await at.authenticator.authenticate(Credentials(PAT, password, other))
            assert (await at.authenticator.authenticate(Credentials(PAT, password, PAT))).user.id == 1

    run(scenario())


def test_last_use_is_written_once_an_hour() -> None:
    async def scenario() -> None:
        async with room() as at:
            password = given_to(at, 1)
            for _ in range(3):
                await at.authenticator.verify(PAT, password)
                await asyncio.sleep(0)
            assert at.directory.told_used == 1
            at.clock.s += USED_EVERY_S
            await at.authenticator.verify(PAT, password)
            await asyncio.sleep(0)
            assert at.directory.told_used == 2

    run(scenario())
