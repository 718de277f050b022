"""CRAM-MD5 (RFC 2195): an HMAC of what the server has thought of. For clients that know nothing better."""

from __future__ import annotations

import hmac
import secrets
import time

from lightmail.auth import cram_md5
from lightmail.auth.sasl import Challenge, ContextsWanted, Failed, MalformedResponse, Proven, Step

_DIGEST_OCTETS = 32


class CramMd5:
    def __init__(self, hostname: str = "lightmail", *, challenge: bytes | None = None) -> None:
        """challenge: not a new one."""
        made = f"<{secrets.randbits(64)}.{int(time.time())}@{hostname}>"
        self._challenge = made.encode("ascii", "replace") if challenge is None else challenge
        self._asked = False

    def step(self, response: bytes | None) -> Step:
        if not self._asked:
            if response is not None:
                raise MalformedResponse("CRAM-MD5 begins with the server's challenge")
            self._asked = True
            return Challenge(self._challenge)
        username, blank, digest = (response or b"").rpartition(b" ")
        if not blank or not username or len(digest) != _DIGEST_OCTETS:
            raise MalformedResponse("CRAM-MD5 expects a user name, a blank and 32 hexadecimal digits")

        def compare(contexts: bytes) -> Step:
            if hmac.compare_digest(cram_md5.digest(contexts, self._challenge), digest.lower()):
                return Proven(username)
            return Failed(username, "wrong digest")

        return ContextsWanted(username, compare)
