"""What a server keeps for SCRAM: neither the password nor what logs in with it (RFC 5802 §3, RFC 7677).

Written as Dovecot writes it: `{SCRAM-SHA-256}4096,SALT,STOREDKEY,SERVERKEY`, the last three in base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from lightmail.auth.saslprep import prepare_password
from lightmail.errors import PasswordHashUnusable

SALT_OCTETS = 16
LEAST_ITERATIONS = 4096
"""RFC 7677 §4."""
MOST_ITERATIONS = 5_000_000
HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
"""By mechanism, which is the name of the scheme, too."""


@dataclass(frozen=True, slots=True)
class ScramKeys:
    mechanism: str
    iterations: int
    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def derive(cls, mechanism: str, password: bytes, salt: bytes, iterations: int) -> ScramKeys:
        """mechanism: one of HASHES. Takes time on purpose: call it off the loop."""
        hash_name = HASHES[mechanism]
        salted = hashlib.pbkdf2_hmac(hash_name, prepare_password(password), salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", hash_name)
        stored_key = hashlib.new(hash_name, client_key).digest()
        return cls(mechanism, iterations, salt, stored_key, hmac.digest(salted, b"Server Key", hash_name))

    @classmethod
    def make(cls, mechanism: str, password: bytes, iterations: int) -> ScramKeys:
        """With a fresh salt."""
        return cls.derive(mechanism, password, secrets.token_bytes(SALT_OCTETS), iterations)

    @classmethod
    def parse(cls, mechanism: str, data: str) -> ScramKeys:
        """data: behind the scheme. Raises PasswordHashUnusable."""
        iterations, *encoded = data.split(",")
        try:
            salt, stored_key, server_key = (base64.b64decode(part, validate=True) for part in encoded)
        except (ValueError, binascii.Error):
            raise PasswordHashUnusable(f"{mechanism}: expected ITERATIONS,SALT,STOREDKEY,SERVERKEY") from None
        size = hashlib.new(HASHES[mechanism]).digest_size
        if not (iterations.isascii() and iterations.isdigit() and 1 <= int(iterations[:9]) <= MOST_ITERATIONS):
            raise PasswordHashUnusable(f"{mechanism}: iterations from 1 to {MOST_ITERATIONS} are expected")
        if not salt or (len(stored_key), len(server_key)) != (size, size):
            raise PasswordHashUnusable(f"{mechanism}: no salt, or keys of another length")
        return cls(mechanism, int(iterations), salt, stored_key, server_key)

    def text(self) -> str:
        """As `parse` takes it."""
        parts = (base64.b64encode(part).decode("ascii") for part in (self.salt, self.stored_key, self.server_key))
        return ",".join((str(self.iterations), *parts))

    def has_password(self, password: bytes) -> bool:
        """Takes time on purpose: call it off the loop."""
        made = self.derive(self.mechanism, password, self.salt, self.iterations)
        return hmac.compare_digest(made.stored_key, self.stored_key)
