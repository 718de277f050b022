"""Bearer tokens: JWTs by the issuer's keys, others by asking (RFC 7519, RFC 7517, RFC 7662)."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from lightmail.auth.jwt_keys import READ_AGAIN_S, USED_WITHOUT_S
from lightmail.auth.token_service import TokenService
from lightmail.auth.tokens import ALGORITHMS, Tokens
from lightmail.config import OAuth
from lightmail.errors import TokenRefused, Unavailable
from tests.support.aio import run
from tests.unit.auth.issuer import AUDIENCE, ISSUER, KEYS, Issuer, issuer
from tests.unit.auth.test_authenticator import HandClock


class Place:
    def __init__(self, at: Issuer, config: OAuth) -> None:
        self.issuer = at
        self.clock = HandClock()
        self.tokens = Tokens(config, self.clock, TokenService(config))

    async def address_of(self, token: str) -> str:
        return await self.tokens.address_of(token.encode())

    async def refused(self, token: str, reason: str) -> None:
        with pytest.raises(TokenRefused, match=reason):
            await self.address_of(token)


@asynccontextmanager
async def place(*, jwks: bool = True, introspection: bool = False, **changes: object) -> AsyncIterator[Place]:
    async with issuer() as at:
        config = OAuth(
            issuer=ISSUER,
            audience=("other", AUDIENCE),
            jwks=f"{at.url}/keys" if jwks else "",
            introspection=f"{at.url}/introspect" if introspection else "",
            client_id="light mail",
            client_secret="s3cret",
            scope="mail",
        )
        made = Place(at, msgspec.structs.replace(config, **changes))
        try:
            yield made
        finally:
            await made.tokens.close()


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_good_jwt(algorithm: str) -> None:
    async def scenario() -> None:
        async with place() as at:
            at.issuer.add_key("two", algorithm, KEYS[algorithm]())
            token = at.issuer.sign("two")
            assert await at.address_of(token) == "pat@example.org"
            assert await at.address_of(at.issuer.sign("one", email="kim@example.org")) == "kim@example.org"
            assert at.issuer.asked == ["keys"]
            # What is known is not looked at again.
            with pytest.raises(StopIteration):
                at.tokens.address_of(token.encode()).send(None)

    run(scenario())


def test_other_forms_of_claims() -> None:
    async def scenario() -> None:
        async with place() as at:
            for claims in (
                {"aud": ["x", AUDIENCE]},
                {"scope": None, "scp": "mail other"},
                {"scope": ["mail"]},
                {"email_verified": True},
            ):
                assert await at.address_of(at.issuer.sign(**claims)) == "pat@example.org"
        async with place(address_claim="upn", scope="") as at:
            token = at.issuer.sign(upn="kim@example.org", email=None, scope=None, email_verified=False)
            assert await at.address_of(token) == "kim@example.org"

    run(scenario())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 900}, "expired"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"exp": "soon"}, "exp is no time"),
        ({"exp": float("nan")}, "expired"),
        ({"iss": "https://elsewhere.example"}, "InvalidIssuerError"),
        ({"iss": None}, "MissingRequiredClaimError"),
        ({"aud": "smtp"}, "InvalidAudienceError"),
        ({"aud": None}, "MissingRequiredClaimError"),
        ({"scope": "openid"}, "without the scope mail"),
        ({"scope": 5}, "without the scope mail"),
        ({"email": None}, "without the claim email"),
        ({"email": ["pat@example.org"]}, "without the claim email"),
        ({"email_verified": False}, "not verified"),
        ({"nbf": 3_000_000_000}, "not good yet"),
    ],
)
def test_claims_that_will_not_do(claims: dict[str, object], reason: str) -> None:
    async def scenario() -> None:
        async with place() as at:
            await at.refused(at.issuer.sign(**claims), reason)

    run(scenario())


def forged(token: str, **header: object) -> str:
    """The same with another header, or body."""
    parts = token.split(".")
    parts[0] = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join(parts)


def test_forgeries() -> None:
    async def scenario() -> None:
        async with place() as at:
            token = at.issuer.sign()
            head, body, signature = token.split(".")
            other = at.issuer.sign(email="boss@example.org").split(".")[1]
            await at.refused(f"{head}.{other}.{signature}", "InvalidSignatureError")
            await at.refused(f"{head}.{body}.", "InvalidSignatureError|DecodeError")
            await at.refused(forged(token, alg="none", kid="one"), "signed with 'none'")
            await at.refused(forged(token, alg="HS256", kid="one"), "signed with 'HS256'")
            await at.refused(forged(token, alg="RS256", kid="one"), "unknown key")
            await at.refused(forged(token, alg="ES256", kid="three"), "unknown key")
            await at.refused(forged(token, alg=["ES256"], kid="one"), "signed with")
            # The public key as the secret of a signature that needs one.
            public = at.issuer.jwks()["keys"][0]
            signed = forged(token, alg="HS256", kid="one").rpartition(".")[0]
            mac = hmac.digest(json.dumps(public).encode(), signed.encode(), "sha256")
            encoded = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
            await at.refused(f"{signed}.{encoded}", "signed with 'HS256'")
            stranger = Issuer().sign()
            await at.refused(stranger, "InvalidSignatureError")
            for nonsense in ("", "a", "a.b.c", "....", "\u00e4", "x" * 20_000, "e30.e30.e30"):
                await at.refused(nonsense, ".")
        assert not [name for name in ALGORITHMS if name.startswith("HS")]

    run(scenario())


def test_a_token_without_a_key_id_needs_one_key_that_fits() -> None:
    async def scenario() -> None:
        async with place() as at:
            token = at.issuer.sign(header={"kid": None})
            assert await at.address_of(token) == "pat@example.org"
        async with place() as at:
            at.issuer.add_key("two", "ES256", KEYS["ES256"]())
            await at.refused(at.issuer.sign(header={"kid": None}), "unknown key")

    run(scenario())


def test_new_keys_are_read_when_a_token_names_them() -> None:
    """And not more often than they may be, whatever tokens name."""

    async def scenario() -> None:
        async with place() as at:
            await at.address_of(at.issuer.sign())
            at.issuer.add_key("two", "ES256", KEYS["ES256"]())
            await at.refused(at.issuer.sign("two"), "unknown key")
            assert at.issuer.asked == ["keys"]
            at.clock.s += READ_AGAIN_S
            assert await at.address_of(at.issuer.sign("two")) == "pat@example.org"
            for _ in range(5):
                await at.refused(forged(at.issuer.sign(), alg="ES256", kid="x"), "unknown key")
            assert at.issuer.asked == ["keys"] * 2

    run(scenario())


def test_an_issuer_that_is_away() -> None:
    """Keys stay good for a while; without any, nobody is refused for good."""

    async def scenario() -> None:
        async with place(keys_s=60) as at:
            at.issuer.away = True
            with pytest.raises(Unavailable):
                await at.address_of(at.issuer.sign())
            at.issuer.away = False
            at.clock.s += READ_AGAIN_S
            await at.address_of(at.issuer.sign())
            at.issuer.away = True
            at.clock.s += 61
            assert await at.address_of(at.issuer.sign(email="kim@example.org", exp=9_000)) == "kim@example.org"
            at.clock.s += USED_WITHOUT_S
            with pytest.raises(Unavailable):
                await at.address_of(at.issuer.sign(exp=200_000))

    run(scenario())


def test_keys_in_a_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        file = tmp_path / "keys.json"
        async with place(jwks=False) as at:
            file.write_text(json.dumps(at.issuer.jwks()))
            config = OAuth(issuer=ISSUER, audience=(AUDIENCE,), jwks=str(file))
            tokens = Tokens(config, at.clock, TokenService(config))
            assert await tokens.address_of(at.issuer.sign().encode()) == "pat@example.org"
            at.clock.s += config.keys_s + 1
            file.write_text("no keys")
            later = at.issuer.sign(email="kim@example.org", exp=9_000)
            assert await tokens.address_of(later.encode()) == "kim@example.org"
            await tokens.close()

    run(scenario())


def test_a_token_is_remembered_no_longer_than_it_is_good() -> None:
    async def scenario() -> None:
        async with place(cache_s=5000) as at:
            token = at.issuer.sign(exp=1_100)
            await at.address_of(token)
            at.clock.s = 1_131
            await at.refused(token, "expired")

    run(scenario())


def test_introspection() -> None:
    """RFC 7662 §2."""

    async def scenario() -> None:
        async with place(jwks=False, introspection=True) as at:
            at.issuer.tokens["opaque"] = {"active": True, "email": "pat@example.org", "scope": "mail", "aud": AUDIENCE}
            assert await at.address_of("opaque") == "pat@example.org"
            assert await at.address_of("opaque") == "pat@example.org"
            assert at.issuer.asked == ["opaque"]
            await at.refused("revoked", "not active")
            for name, changes in (
                ("expired", {"exp": 900}),
                ("foreign", {"iss": "https://elsewhere.example"}),
                ("other", {"aud": "smtp"}),
                ("weak", {"scope": ""}),
                ("truthy", {"active": "true"}),
            ):
                at.issuer.tokens[name] = at.issuer.tokens["opaque"] | changes
                await at.refused(name, ".")
            at.issuer.away = True
            with pytest.raises(Unavailable):
                await at.address_of("unknown")
            at.issuer.away = False
            at.issuer.tokens["list"] = ["active"]  # type: ignore[assignment]
            with pytest.raises(Unavailable):
                await at.address_of("list")

    run(scenario())


def test_both_ways_beside_each_other() -> None:
    async def scenario() -> None:
        async with place(introspection=True) as at:
            at.issuer.tokens["opaque"] = {"active": True, "email": "kim@example.org", "scope": "mail", "aud": AUDIENCE}
            assert await at.address_of("opaque") == "kim@example.org"
            assert await at.address_of(at.issuer.sign()) == "pat@example.org"
            assert at.issuer.asked == ["opaque", "keys"]

    run(scenario())


def test_a_wrong_secret_of_ours_is_no_verdict() -> None:
    async def scenario() -> None:
        async with place(jwks=False, introspection=True, client_secret="wrong") as at:
            with pytest.raises(Unavailable, match="401"):
                await at.address_of("opaque")

    run(scenario())


def test_the_secret_is_not_printed() -> None:
    assert "s3cret" not in repr(OAuth(client_secret="s3cret"))
