"""Bearer tokens (RFC 6750): whose they are. JWTs are verified by the issuer's keys, others are asked after (RFC 7662)."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from lightmail.auth.jwt_keys import JwtKeys
from lightmail.auth.sasl import TokenHints
from lightmail.auth.token_service import TokenService
from lightmail.config import OAuth
from lightmail.errors import TokenRefused
from lightmail.ports.clock import Clock

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key alone: whoever can verify cannot sign."""
LEEWAY_S = 30
"""By which the issuer's clock may differ."""
CACHED_TOKENS = 10_000
MOST_TOKEN_OCTETS = 12_288


class Tokens:
    """Of one process."""

    def __init__(self, config: OAuth, clock: Clock, service: TokenService) -> None:
        """service: what speaks HTTP."""
        self.hints = TokenHints(config.scope, config.discovery)
        self._config = config
        self._clock = clock
        self._service = service
        self._keys = JwtKeys(config.jwks, config.keys_s, clock, service) if config.jwks else None
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    async def address_of(self, token: bytes) -> str:
        """The address in a token that is good. Does not suspend when it was good lately, or its key is known.

        Raises TokenRefused; Unavailable.
        """
        if not token or len(token) > MOST_TOKEN_OCTETS or not token.isascii():
            raise TokenRefused("there is none, or one of no possible form")
        key = hashlib.blake2b(token, digest_size=32, key=self._secret).digest()
        now_s = self._clock.now_s()
        address, until_s = self._known.get(key, ("", 0.0))
        if until_s > now_s:
            return address
        text = token.decode("ascii")
        if self._keys is not None and (text.count(".") == 2 or not self._config.introspection):
            claims = await self._verified(text, self._keys)
        else:
            claims = await self._service.introspect(text)
        address = self._checked(claims, now_s)
        self._remember(key, address, claims, now_s)
        return address

    async def close(self) -> None:
        await self._service.close()

    async def _verified(self, token: str, keys: JwtKeys) -> Mapping[str, Any]:
        import jwt  # not every installation has tokens

        try:
            header = jwt.get_unverified_header(token)
            algorithm, key_id = header.get("alg"), header.get("kid")
            if algorithm not in ALGORITHMS:
                raise TokenRefused(f"signed with {str(algorithm)[:20]!r}")
            key = await keys.find(key_id if isinstance(key_id, str) else None, algorithm)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=list(self._config.audience),
                issuer=self._config.issuer,
                # Times are looked at below, by our clock.
                options={
                    "require": ["exp", "iss", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise TokenRefused(type(error).__name__) from error
        return claims

    def _checked(self, claims: Mapping[str, Any], now_s: int) -> str:
        """What holds for both kinds. Raises TokenRefused."""
        config = self._config
        if not _seconds(claims, "exp", now_s) + LEEWAY_S >= now_s:
            raise TokenRefused("expired")
        if not _seconds(claims, "nbf", now_s) - LEEWAY_S <= now_s:
            raise TokenRefused("not good yet")
        if config.issuer and claims.get("iss", config.issuer) != config.issuer:
            raise TokenRefused("of another issuer")
        audience = claims.get("aud")
        meant_for = {audience} if isinstance(audience, str) else set(audience if isinstance(audience, list) else ())
        if config.audience and not meant_for & set(config.audience):
            raise TokenRefused("for another audience")
        if config.scope and config.scope not in _scopes(claims):
            raise TokenRefused(f"without the scope {config.scope}")
        if config.address_claim == "email" and claims.get("email_verified") is False:
            raise TokenRefused("the address is not verified")
        address = claims.get(config.address_claim)
        if not isinstance(address, str) or not address:
            raise TokenRefused(f"without the claim {config.address_claim}")
        return address

    def _remember(self, key: bytes, address: str, claims: Mapping[str, Any], now_s: int) -> None:
        until_s = now_s + self._config.cache_s
        if "exp" in claims:
            until_s = min(until_s, float(claims["exp"]) + LEEWAY_S)
        self._known[key] = (address, until_s)
        self._known.move_to_end(key)
        while len(self._known) > CACHED_TOKENS:
            self._known.popitem(last=False)


def _seconds(claims: Mapping[str, Any], name: str, absent: float) -> float:
    """Raises TokenRefused."""
    value = claims.get(name, absent)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused(f"{name} is no time")
    return value


def _scopes(claims: Mapping[str, Any]) -> set[str]:
    """RFC 8693 §4.2: separated by blanks; Microsoft has "scp", others a list."""
    found = claims.get("scope", claims.get("scp", ""))
    words = found.split() if isinstance(found, str) else found
    return {word for word in words if isinstance(word, str)} if isinstance(words, list) else set()
