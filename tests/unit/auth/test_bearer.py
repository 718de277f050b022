"""OAUTHBEARER (RFC 7628) and XOAUTH2."""

from __future__ import annotations

import json

import pytest

from lightmail.auth.authenticator import Entered
from lightmail.auth.exchange import Exchange
from lightmail.auth.line import Line
from lightmail.auth.mechanisms import MECHANISMS
from lightmail.auth.mechanisms.bearer import OAuthBearer, XOAuth2
from lightmail.auth.sasl import Bearer, Challenge, MalformedResponse, TokenHints
from lightmail.errors import AccountDisabled, AuthenticationFailed, AuthorizationFailed, TokenRefused, Unavailable
from tests.support.aio import run
from tests.unit.auth.test_authenticator import Room, room
from tests.unit.auth.test_challenges import entrance

LINE = Line("192.0.2.1", True, True)
EXAMPLE = (
    b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
    b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
)


class Table:
    """Tokens, and whose they are."""

    hints = TokenHints("mail", "https://login.example.org/.well-known/openid-configuration")

    def __init__(self) -> None:
        self.away = False

    async def address_of(self, token: bytes) -> str:
        if self.away:
            raise Unavailable("the token issuer")
        try:
            return {b"pats": "Pat@example.org", b"offs": "off@example.org", b"others": "else@example.org"}[token]
        except KeyError:
            raise TokenRefused("unknown") from None


def test_the_example_of_rfc_7628() -> None:
    """§4.1."""
    step = OAuthBearer().step(EXAMPLE)
    assert isinstance(step, Bearer)
    assert step.token == b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
    assert step.authorization == b"user@example.com"


def test_the_example_of_xoauth2() -> None:
    step = XOAuth2().step(
        b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
    )
    assert isinstance(step, Bearer)
    assert (step.token, step.authorization) == (
        b"ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
        b"someuser@example.com",
    )
    assert "ya29" not in repr(step)


def test_a_client_that_asks_what_it_needs() -> None:
    """RFC 7628 §4.3."""
    step = OAuthBearer().step(b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=\x01\x01")
    assert isinstance(step, Bearer) and step.token == b""


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        (OAuthBearer, b""),
        (OAuthBearer, b"\x01"),
        (OAuthBearer, b"n,,"),
        (OAuthBearer, b"p=tls-exporter,,\x01auth=Bearer x\x01\x01"),
        (OAuthBearer, b"n,,auth=Bearer x\x01\x01"),
        (OAuthBearer, b"n,,\x01auth=Bearer x\x01"),
        (OAuthBearer, b"n,,\x01auth=Basic x\x01\x01"),
        (OAuthBearer, b"n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01"),
        (OAuthBearer, b"n,,\x01auth\x01\x01"),
        (XOAuth2, b""),
        (XOAuth2, b"auth=Bearer x\x01\x01"),
        (XOAuth2, b"user=\x01auth=Bearer x\x01\x01"),
        (XOAuth2, b"user=a@example.org\x01auth=Bearer x"),
    ],
)
def test_malformed(mechanism: type[OAuthBearer], response: bytes) -> None:
    assert mechanism().step(None) == Challenge(b"")
    with pytest.raises(MalformedResponse):
        mechanism().step(response)


def exchange(at: Room, name: str) -> Exchange:
    return Exchange(MECHANISMS[name].create(LINE, ()), entrance(at))


def response(name: str, token: bytes, user: bytes = b"pat@example.org") -> bytes:
    if name == "XOAUTH2":
        return b"user=%b\x01auth=Bearer %b\x01\x01" % (user, token)
    return b"n,%b,\x01host=mail.example.org\x01auth=Bearer %b\x01\x01" % (b"a=" + user if user else b"", token)


async def enter(at: Room, name: str, token: bytes, user: bytes = b"pat@example.org") -> Entered:
    entered = await exchange(at, name).step(response(name, token, user))
    assert isinstance(entered, Entered)
    return entered


@pytest.mark.parametrize("name", ["OAUTHBEARER", "XOAUTH2"])
def test_whose_token_it_is(name: str) -> None:
    async def scenario() -> None:
        async with room() as at:
            at.authenticator._tokens = Table()  # type: ignore[assignment]
            assert (await enter(at, name, b"pats")).user.id == 1
            assert at.hashes == 0
            with pytest.raises(AuthorizationFailed):
                await enter(at, name, b"pats", b"none@example.org")
            with pytest.raises(AccountDisabled):
                await enter(at, name, b"offs", b"off@example.org")
        async with room() as at:
            at.authenticator._tokens = Table()  # type: ignore[assignment]
            assert (await enter(at, "OAUTHBEARER", b"pats", b"")).user.id == 1

    run(scenario())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "OAUTHBEARER",
            {
                "status": "invalid_token",
                "scope": "mail",
                "openid-configuration": "https://login.example.org/.well-known/openid-configuration",
            },
        ),
        ("XOAUTH2", {"status": "401", "schemes": "Bearer", "scope": "mail"}),
    ],
)
@pytest.mark.parametrize("token", [b"wrong", b"others", b""])
def test_a_token_that_is_not_good(name: str, words: dict[str, str], token: bytes) -> None:
    """RFC 7628 §3.2.3: words for the client, whatever it says to them, then a failure."""

    async def scenario() -> None:
        async with room() as at:
            at.authenticator._tokens = Table()  # type: ignore[assignment]
            at.authenticator.token_hints = Table.hints
            under_way = exchange(at, name)
            step = await under_way.step(response(name, token))
            assert isinstance(step, Challenge) and json.loads(step.octets) == words
            with pytest.raises(AuthenticationFailed):
                await under_way.step(b"\x01")
            assert under_way.username == b"pat@example.org"

    run(scenario())


def test_an_issuer_that_is_away_is_no_verdict() -> None:
    async def scenario() -> None:
        async with room() as at:
            table = Table()
            table.away = True
            at.authenticator._tokens = table  # type: ignore[assignment]
            with pytest.raises(Unavailable):
                await enter(at, "OAUTHBEARER", b"pats")

    run(scenario())


def test_without_an_issuer_no_token_is_good() -> None:
    async def scenario() -> None:
        async with room() as at:
            step = await exchange(at, "OAUTHBEARER").step(response("OAUTHBEARER", b"pats"))
            assert step == Challenge(b'{"status": "invalid_token"}')

    run(scenario())
