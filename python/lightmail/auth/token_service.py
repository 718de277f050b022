"""The issuer of tokens, over HTTP: its keys (RFC 7517), and what it knows of a token (RFC 7662)."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lightmail.config import OAuth
from lightmail.errors import TokenRefused, Unavailable

if TYPE_CHECKING:
    import aiohttp

CONNECTIONS = 8
MOST_OCTETS = 1_048_576
"""Of one answer."""


class TokenService:
    """Of one process; use it from one loop."""

    def __init__(self, config: OAuth) -> None:
        self._config = config
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str) -> bytes:
        """Raises Unavailable."""
        return await self._ask("GET", url)

    async def introspect(self, token: str) -> Mapping[str, Any]:
        """What the issuer says of a token that is active. Raises TokenRefused, Unavailable."""
        config = self._config
        form = {"token": token, "token_type_hint": "access_token"}
        octets = await self._ask("POST", config.introspection, form)
        try:
            answer = json.loads(octets)
        except ValueError as error:
            raise Unavailable("the token issuer (its answer is not JSON)") from error
        if not isinstance(answer, dict):
            raise Unavailable("the token issuer (its answer is no object)")
        if answer.get("active") is not True:
            raise TokenRefused("not active")
        return answer

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(self, method: str, url: str, form: Mapping[str, str] | None = None) -> bytes:
        import aiohttp  # not every installation has tokens

        session = self._session or self._open()
        config = self._config
        # RFC 6749 §2.3.1: encoded as in a form, before they are joined.
        name, secret = (quote(part, safe="") for part in (config.client_id, config.client_secret))
        headers = {"Accept": "application/json"}
        if form is not None and name:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()
        try:
            async with session.request(method, url, data=form, headers=headers, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise Unavailable(f"the token issuer (it answers {answer.status})")
                octets = await answer.content.read(MOST_OCTETS + 1)
                while not answer.content.at_eof() and len(octets) <= MOST_OCTETS:
                    octets += await answer.content.read(MOST_OCTETS + 1 - len(octets))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"the token issuer ({type(error).__name__})") from error
        if len(octets) > MOST_OCTETS:
            raise Unavailable("the token issuer (its answer is too long)")
        return octets

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        config = self._config
        trusted = ssl.create_default_context(cafile=config.ca or None)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=config.timeout_s),
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=trusted),
        )
        return self._session
