"""The client's half of SASL mechanisms, for tests; written from the RFCs, with nothing of the server's half."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}


class ScramClient:
    """RFC 5802 §5."""

    def __init__(
        self,
        mechanism: str,
        username: str,
        password: str,
        *,
        authzid: str = "",
        flag: str = "n",
        binding: bytes = b"",
        nonce: str = "",
    ) -> None:
        self._hash = HASHES[mechanism.removesuffix("-PLUS")]
        self._password = password.encode()
        self._binding = binding
        self._nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        written = username.replace("=", "=3D").replace(",", "=2C")
        self._header = f"{flag},{f'a={authzid}' if authzid else ''},".encode()
        self._bare = f"n={written},r={self._nonce}".encode()
        self._signature = b""

    def first(self) -> bytes:
        return self._header + self._bare

    def final(self, server_first: bytes) -> bytes:
        fields = dict(part.split(b"=", 1) for part in server_first.split(b","))
        assert fields[b"r"].startswith(self._nonce.encode()) and len(fields[b"r"]) > len(self._nonce)
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, base64.b64decode(fields[b"s"]), int(fields[b"i"]))
        proofless = b"c=" + base64.b64encode(self._header + self._binding) + b",r=" + fields[b"r"]
        message = self._bare + b"," + server_first + b"," + proofless
        client_key = hmac.digest(salted, b"Client Key", self._hash)
        signature = hmac.digest(hashlib.new(self._hash, client_key).digest(), message, self._hash)
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", self._hash), message, self._hash)
        return proofless + b",p=" + base64.b64encode(proof)

    def verify(self, server_final: bytes) -> bool:
        """Whether the server knows the keys of this password, too."""
        return server_final == b"v=" + base64.b64encode(self._signature)


def cram_md5(username: str, password: str, challenge: bytes) -> bytes:
    """RFC 2195 §2."""
    return f"{username} {hmac.new(password.encode(), challenge, 'md5').hexdigest()}".encode()
