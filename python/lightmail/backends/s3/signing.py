"""AWS Signature Version 4 for S3, with the signature in the Authorization header. Pure.

    canonical request → string to sign → HMAC under a key of the day, the region and the service

Source: "Authenticating Requests: Using the Authorization Header" in the Amazon S3 API reference.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
NO_OCTETS = sha256(b"").hexdigest()
"""The payload hash of a request without a body."""

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Keys:
    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    """Of a session; "" for keys that do not expire."""


class Signer:
    """Signs for one region. The day's key is kept: it costs as much as the rest of the signature."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._day = ""
        self._secret = ""
        self._day_key = b""

    def sign(
        self, keys: Keys, method: str, path: str, query: Query, headers: dict[str, str], payload: str, now_s: float
    ) -> None:
        """Adds what makes a request authentic to its headers; all of them are signed.

        path: as it is sent, percent-encoded. headers: by lower-case name, `host` among them, values without spaces at
        their ends or two in a row. payload: the SHA-256 of the body in hex.
        """
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
        day = moment[:8]
        headers["x-amz-date"] = moment
        headers["x-amz-content-sha256"] = payload
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        names = sorted(headers)
        signed = ";".join(names)
        fields = "\n".join([f"{name}:{headers[name]}" for name in names])
        canonical = f"{method}\n{path}\n{_canonical_query(query)}\n{fields}\n\n{signed}\n{payload}"
        scope = f"{day}/{self._region}/s3/aws4_request"
        to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(keys.secret_key, day), to_sign.encode(), "sha256").hex()
        headers["authorization"] = (
            f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )

    def _key(self, secret: str, day: str) -> bytes:
        if (day, secret) != (self._day, self._secret):
            key = b"AWS4" + secret.encode()
            for word in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, word.encode(), "sha256")
            self._day, self._secret, self._day_key = day, secret, key
        return self._day_key


def encoded(text: str, safe: str = "") -> str:
    """Percent-encoded as S3 wants it: all but A-Z a-z 0-9 - _ . ~ and `safe`."""
    return quote(text, safe=safe)


def _canonical_query(query: Query) -> str:
    """In the order of the names, which is not that of the pairs: "=" sorts behind digits."""
    return "&".join([f"{name}={value}" for name, value in sorted((encoded(n), encoded(v)) for n, v in query)])
