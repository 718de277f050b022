"""An issuer of tokens on a loopback socket: keys, and what it knows of a token."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://login.example.org"
AUDIENCE = "imap.example.org"
BASIC = "Basic " + base64.b64encode(b"light%20mail:s3cret").decode()


class Issuer:
    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Any]] = {}
        """By key id: the algorithm, the private key."""
        self.tokens: dict[str, dict[str, object]] = {}
        """What introspection says."""
        self.asked: list[str] = []
        """"keys", or whose introspection was asked for."""
        self.away = False
        self.url = ""
        self.add_key("one", "ES256", ec.generate_private_key(ec.SECP256R1()))

    def add_key(self, key_id: str, algorithm: str, key: object) -> None:
        self.keys[key_id] = (algorithm, key)

    def jwks(self) -> dict[str, list[dict[str, object]]]:
        return {"keys": [self._jwk(key_id, *key) for key_id, key in self.keys.items()]}

    def _jwk(self, key_id: str, algorithm: str, key: Any) -> dict[str, object]:
        made: dict[str, object] = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
        return made | {"kid": key_id, "use": "sig"}

    def sign(self, key_id: str = "one", *, header: dict[str, object] | None = None, **claims: object) -> str:
        """claims: besides the usual ones; None: without it."""
        algorithm, key = self.keys[key_id]
        usual: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "exp": 2_000,
            "email": "pat@example.org",
            "scope": "openid mail",
        }
        payload = {name: value for name, value in (usual | claims).items() if value is not None}
        named = {"kid": key_id, **(header or {})}
        return jwt.encode(
            payload, key, algorithm, headers={name: value for name, value in named.items() if value is not None}
        )

    async def _keys(self, _request: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.Response(status=503) if self.away else web.json_response(self.jwks())

    async def _introspect(self, request: web.Request) -> web.Response:
        form = await request.post()
        token = str(form["token"])
        self.asked.append(token)
        if self.away or request.headers.get("Authorization") != BASIC:
            return web.Response(status=503 if self.away else 401)
        return web.Response(text=json.dumps(self.tokens.get(token, {"active": False})))


@asynccontextmanager
async def issuer() -> AsyncIterator[Issuer]:
    made = Issuer()
    app = web.Application()
    app.router.add_get("/keys", made._keys)
    app.router.add_post("/introspect", made._introspect)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


KEYS = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "PS384": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
