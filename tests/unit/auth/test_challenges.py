"""Exchanges with challenges against an account: what is stored for them, and what somebody learns who only tries."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from lightmail.auth import challenge_secrets
from lightmail.auth.authenticator import Entered
from lightmail.auth.entrance import Entrance, Visitor
from lightmail.auth.exchange import Exchange
from lightmail.auth.line import Line
from lightmail.auth.mechanisms import MECHANISMS
from lightmail.auth.passwords import Passwords
from lightmail.auth.sasl import Challenge
from lightmail.config import Auth
from lightmail.errors import AccountDisabled, AuthenticationFailed, AuthorizationFailed, Unavailable
from lightmail.model import UserId
from tests.support.aio import run
from tests.support.sasl_clients import ScramClient, cram_md5
from tests.unit.auth.test_authenticator import Room, room, user

KEPT = Auth(
    argon2_memory_kib=8,
    argon2_passes=1,
    scram_iterations=4096,
    challenge_keys=("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"),
    mechanisms=tuple(MECHANISMS),
    old_schemes=("PLAIN", "CRAM-MD5"),
)
LINE = Line("192.0.2.1", True, True)


def entrance(at: Room) -> Entrance:
    return Entrance(at.authenticator, Visitor(LINE.host, "imap", LINE.tls), None)


def stored(at: Room, number: int, address: str, password: bytes = b"secret") -> None:
    made = Passwords(KEPT).secrets(password)
    at.directory.users[address] = replace(
        user(number, address, made.password_hash), challenge_secrets=made.challenge_secrets
    )


async def scram(at: Room, name: str, username: str, password: str = "secret", authzid: str = "") -> Entered:
    exchange = Exchange(MECHANISMS[name].create(LINE, ()), entrance(at))
    client = ScramClient(name, username, password, authzid=authzid)
    challenge = await exchange.step(client.first())
    assert isinstance(challenge, Challenge)
    assert exchange.username == username.encode()
    final = await exchange.step(client.final(challenge.octets))
    assert isinstance(final, Challenge) and client.verify(final.octets)
    entered = await exchange.step(b"")
    assert isinstance(entered, Entered)
    return entered


async def cram(at: Room, username: str, password: str = "secret") -> Entered:
    exchange = Exchange(MECHANISMS["CRAM-MD5"].create(LINE, ()), entrance(at))
    challenge = await exchange.step(None)
    assert isinstance(challenge, Challenge)
    entered = await exchange.step(cram_md5(username, password, challenge.octets))
    assert isinstance(entered, Entered)
    return entered


def test_with_what_is_kept_beside_the_hash() -> None:
    async def scenario() -> None:
        async with room(KEPT) as at:
            stored(at, 9, "kim@example.org")
            for name in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
                assert (await scram(at, name, "Kim@Example.org")).user.id == 9
                with pytest.raises(AuthenticationFailed):
                    await scram(at, name, "kim@example.org", "wrong")
            assert (await cram(at, "kim@example.org")).user.id == 9
            with pytest.raises(AuthenticationFailed):
                await cram(at, "kim@example.org", "wrong")
            assert at.hashes == 0

    run(scenario())


def test_a_login_by_password_keeps_what_is_missing() -> None:
    async def scenario() -> None:
        async with room(KEPT) as at:
            with pytest.raises(AuthenticationFailed):
                await scram(at, "SCRAM-SHA-256", "pat@example.org")
            before = at.directory.users["pat@example.org"]
            found = await at.authenticator.verify(b"pat@example.org", b"secret")
            assert found.password_hash == before.password_hash and found.challenge_secrets
            assert (await scram(at, "SCRAM-SHA-256", "pat@example.org")).user == found
            assert (await at.authenticator.verify(b"pat@example.org", b"secret")) == found

    run(scenario())


def test_what_is_not_wanted_any_more_goes() -> None:
    async def scenario() -> None:
        async with room() as at:
            stored(at, 9, "kim@example.org")
            assert (await at.authenticator.verify(b"kim@example.org", b"secret")).challenge_secrets == ""

    run(scenario())


def test_secrets_of_another_hash_are_none() -> None:
    """As when a release that knows nothing of them has changed the password, or an UPDATE has."""

    async def scenario() -> None:
        async with room(KEPT) as at:
            stored(at, 9, "kim@example.org")
            before = at.directory.users["kim@example.org"]
            changed = at.authenticator.passwords.hash(b"changed")
            at.directory.users[before.address] = replace(before, password_hash=changed)
            for password in ("secret", "changed"):
                with pytest.raises(AuthenticationFailed):
                    await scram(at, "SCRAM-SHA-256", "kim@example.org", password)
                with pytest.raises(AuthenticationFailed):
                    await cram(at, "kim@example.org", password)
            await at.authenticator.verify(b"kim@example.org", b"changed")
            assert (await scram(at, "SCRAM-SHA-256", "kim@example.org", "changed")).user.id == 9

    run(scenario())


@pytest.mark.parametrize("scheme", ["{PLAIN}", "{SCRAM-SHA-256}", "{CRAM-MD5}"])
def test_with_what_is_stored_in_place_of_the_hash(scheme: str) -> None:
    made = challenge_secrets.make(KEPT.challenge_keys, b"secret", "", iterations=5000).split(" ")
    password_hash = "{PLAIN}secret" if scheme == "{PLAIN}" else next(word for word in made if word.startswith(scheme))

    async def scenario() -> None:
        async with room(KEPT) as at:
            at.directory.users["kim@example.org"] = user(9, "kim@example.org", password_hash)
            if scheme != "{CRAM-MD5}":
                assert (await scram(at, "SCRAM-SHA-256", "kim@example.org")).user.id == 9
            if scheme != "{SCRAM-SHA-256}":
                assert (await cram(at, "kim@example.org")).user.id == 9
            if scheme == "{PLAIN}":
                # Its salt is written nowhere, and is the same every time.
                keys = [await at.authenticator.scram_keys("SCRAM-SHA-1", b"kim@example.org") for _ in range(2)]
                assert keys[0] == keys[1]

    run(scenario())


def test_old_schemes_that_are_not_allowed_prove_nothing() -> None:
    async def scenario() -> None:
        async with room() as at:
            at.directory.users["kim@example.org"] = user(9, "kim@example.org", "{PLAIN}secret")
            with pytest.raises(AuthenticationFailed):
                await cram(at, "kim@example.org")
            with pytest.raises(AuthenticationFailed):
                await scram(at, "SCRAM-SHA-256", "kim@example.org")
            assert at.authenticator.unusable_hashes == 2

    run(scenario())


def test_nobody_learns_which_accounts_there_are() -> None:
    """The salt and the rounds of a name without keys are the same every time and on every node, and those of no other."""

    async def scenario() -> None:
        async with room(KEPT) as at, room(KEPT) as other:
            stored(at, 9, "kim@example.org")
            names = (b"nobody@example.org", b"none@example.org", b"\xff", b"not an address", b"")
            salts = []
            for name in names:
                keys = await at.authenticator.scram_keys("SCRAM-SHA-256", name)
                again = await other.authenticator.scram_keys("SCRAM-SHA-256", name)
                assert (keys.salt, keys.iterations) == (again.salt, again.iterations)
                assert keys.stored_key != again.stored_key
                salts.append(keys.salt)
            own = await at.authenticator.scram_keys("SCRAM-SHA-256", b"kim@example.org")
            assert (len(own.salt), own.iterations) == (len(salts[0]), 4096)
            # An account that has no keys yet is like one that is not there; and so is another spelling of its name.
            assert len(set(salts)) == len(names)
            one, two = (b"nobody@example.org", b"NoBody@example.org")
            assert (await at.authenticator.scram_keys("SCRAM-SHA-1", one)).salt != salts[0]
            assert (await at.authenticator.scram_keys("SCRAM-SHA-256", two)).salt == salts[0]
            for name in ("nobody@example.org", "none@example.org", "off@example.org"):
                with pytest.raises(AuthenticationFailed):
                    await scram(at, "SCRAM-SHA-256", name)
                with pytest.raises(AuthenticationFailed):
                    await cram(at, name)

    run(scenario())


def test_a_disabled_account_is_told_to_who_knows_its_secret() -> None:
    async def scenario() -> None:
        async with room(KEPT) as at:
            stored(at, 9, "kim@example.org")
            at.directory.users["kim@example.org"] = replace(at.directory.users["kim@example.org"], enabled=False)
            with pytest.raises(AuthenticationFailed):
                await scram(at, "SCRAM-SHA-256", "kim@example.org", "wrong")
            with pytest.raises(AccountDisabled):
                await scram(at, "SCRAM-SHA-256", "kim@example.org")

    run(scenario())


def test_who_may_act_for_whom() -> None:
    async def scenario() -> None:
        async with room(replace_auth(act_for_others=("Mover@example.org",))) as at:
            stored(at, 10, "boss@example.org")
            stored(at, 11, "mover@example.org")
            stored(at, 12, "kim@example.org")
            boss = at.directory.users["boss@example.org"]
            at.directory.users["boss@example.org"] = replace(boss, administrator=True)

            async def act(by: str, wanted: str) -> tuple[UserId, str]:
                entered = await scram(at, "SCRAM-SHA-256", by, authzid=wanted)
                return entered.user.id, entered.by

            assert await act("boss@example.org", "kim@example.org") == (12, "boss@example.org")
            assert await act("boss@example.org", "Boss@example.org") == (10, "")
            assert await act("mover@example.org", "KIM@example.org") == (12, "mover@example.org")
            for by, wanted in (
                ("kim@example.org", "mover@example.org"),
                ("mover@example.org", "boss@example.org"),
                ("boss@example.org", "nobody@example.org"),
                ("boss@example.org", "no address"),
            ):
                with pytest.raises(AuthorizationFailed):
                    await act(by, wanted)
            with pytest.raises(AccountDisabled):
                await act("boss@example.org", "off@example.org")
            with pytest.raises(AuthenticationFailed):
                await scram(at, "SCRAM-SHA-256", "boss@example.org", "wrong", authzid="kim@example.org")

    run(scenario())


def replace_auth(**changes: object) -> Auth:
    return msgspec.structs.replace(KEPT, **changes)


def test_a_directory_that_is_away_is_no_verdict() -> None:
    async def scenario() -> None:
        async with room(KEPT) as at:
            at.directory.secret = None
            with pytest.raises(Unavailable):
                await scram(at, "SCRAM-SHA-256", "pat@example.org")

    run(scenario())


def test_damaged_secrets_are_counted_and_prove_nothing() -> None:
    async def scenario() -> None:
        async with room(KEPT) as at:
            stored(at, 9, "kim@example.org")
            kim = at.directory.users["kim@example.org"]
            digest = kim.challenge_secrets.split(" ")[0]
            damaged = f"{digest} {{SCRAM-SHA-256}}4096,a,b {{CRAM-MD5}}00 nonsense {{X}}"
            at.directory.users["kim@example.org"] = replace(kim, challenge_secrets=damaged)
            with pytest.raises(AuthenticationFailed):
                await scram(at, "SCRAM-SHA-256", "kim@example.org")
            with pytest.raises(AuthenticationFailed):
                await cram(at, "kim@example.org")
            assert at.authenticator.unusable_hashes == 2

    run(scenario())
