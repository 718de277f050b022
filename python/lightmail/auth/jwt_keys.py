"""The keys an issuer signs with (RFC 7517), read from a file or a URL, and again when a token names another one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import structlog

from lightmail.auth.token_service import TokenService
from lightmail.errors import TokenRefused, Unavailable
from lightmail.ports.clock import Clock

READ_AGAIN_S = 30.0
"""At the earliest, whatever key a token names."""
USED_WITHOUT_S = 86_400.0
"""So long after they were read keys are used when they cannot be read again."""
MOST_FILE_OCTETS = 1_048_576

_log = structlog.get_logger("lightmail.auth")


class JwtKeys:
    def __init__(self, source: str, keep_s: float, clock: Clock, service: TokenService) -> None:
        """source: a URL, or the whole path of a file. keep_s: when they are read again without a reason."""
        self._source = source
        self._keep_s = keep_s
        self._clock = clock
        self._service = service
        self._keys: list[Any] = []
        self._read_s: float | None = None
        self._tried_s: float | None = None
        self._reading = asyncio.Lock()

    async def find(self, key_id: str | None, algorithm: str) -> Any:
        """A public key for this kind of signature. Raises TokenRefused; Unavailable: there are none yet."""
        if self._age_s(self._read_s) > self._keep_s:
            await self._read_again()
        key = self._find(key_id, algorithm)
        if key is None:
            await self._read_again()
            key = self._find(key_id, algorithm)
        if key is None:
            if not self._keys or self._age_s(self._read_s) > USED_WITHOUT_S:
                raise Unavailable("the keys of the token issuer")
            raise TokenRefused("signed with an unknown key")
        return key.key

    def _find(self, key_id: str | None, algorithm: str) -> Any:
        if self._age_s(self._read_s) > USED_WITHOUT_S:
            return None
        fitting = [key for key in self._keys if _fits(key, algorithm)]
        if key_id is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.key_id == key_id), None)

    async def _read_again(self) -> None:
        """One at a time, and not too often."""
        async with self._reading:
            if self._age_s(self._tried_s) < READ_AGAIN_S:
                return
            self._tried_s = self._clock.monotonic_s()
            try:
                self._keys = _parse(await self._read())
                self._read_s = self._clock.monotonic_s()
            except (Unavailable, ValueError) as error:
                _log.warning("token keys cannot be read", source=self._source, problem=str(error))

    async def _read(self) -> bytes:
        if "://" in self._source:
            return await self._service.get(self._source)
        try:
            return await asyncio.to_thread(_read_file, self._source)
        except OSError as error:
            raise Unavailable(f"{self._source} ({error.strerror})") from error

    def _age_s(self, since_s: float | None) -> float:
        return float("inf") if since_s is None else self._clock.monotonic_s() - since_s


def _fits(key: Any, algorithm: str) -> bool:
    kinds = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
    return bool(key.key_type == kinds[algorithm[:2]] and key.public_key_use in (None, "sig"))


def _read_file(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(MOST_FILE_OCTETS)


def _parse(octets: bytes) -> list[Any]:
    """Raises ValueError."""
    import jwt

    try:
        return list(jwt.PyJWKSet.from_dict(json.loads(octets)).keys)
    except (jwt.PyJWTError, AttributeError, KeyError, TypeError) as error:
        raise ValueError("it is not a set of JSON web keys (RFC 7517)") from error
