"""What challenge mechanisms need of an account, beside the hash of its password (`users.challenge_secrets`).

    DIGEST {SCRAM-SHA-256}4096,SALT,STOREDKEY,SERVERKEY {CRAM-MD5}CONTEXTS

DIGEST is one of the hash that was written with them. When the hash alone has been changed since, by a release that knows
nothing of this column or by somebody's UPDATE, they belong to another password and do not count.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection

from lightmail.auth import cram_md5
from lightmail.auth.scram_keys import HASHES, SALT_OCTETS, ScramKeys

CRAM_MD5 = "CRAM-MD5"
KINDS = ("SCRAM-SHA-256", "SCRAM-SHA-1", CRAM_MD5)
_DIGEST_OCTETS = 8


def make(kinds: Collection[str], password: bytes, password_hash: str, *, iterations: int) -> str:
    """kinds: of KINDS, upper case; none: "". Takes time on purpose: call it off the loop."""
    words = []
    for kind in KINDS:
        if kind in kinds:
            data = (
                ScramKeys.make(kind, password, iterations).text()
                if kind in HASHES
                else cram_md5.contexts(password).hex()
            )
            words.append(f"{{{kind}}}{data}")
    return " ".join([_digest(password_hash), *words]) if words else ""


def parse(written: str, password_hash: str) -> dict[str, str]:
    """Data by kind; those that belong to another hash, or are of no known form, are left out."""
    digest, *words = written.split(" ")
    if digest != _digest(password_hash):
        return {}
    parts = (word[1:].partition("}") for word in words)
    return {kind: data for kind, brace, data in parts if brace and kind in KINDS}


def false_salt(secret: bytes, kind: str, name: bytes) -> bytes:
    """The same at every time and on every node, as an account's own would be. secret: of the installation."""
    return hashlib.blake2b(kind.encode("ascii") + b" " + name, digest_size=SALT_OCTETS, key=secret).digest()


def false_keys(kind: str, salt: bytes, iterations: int) -> ScramKeys:
    """Those of no password."""
    size = hashlib.new(HASHES[kind]).digest_size
    return ScramKeys(kind, iterations, salt, secrets.token_bytes(size), secrets.token_bytes(size))


def false_contexts() -> bytes:
    """CRAM-MD5 contexts of no password."""
    return secrets.token_bytes(cram_md5.CONTEXT_OCTETS)


def _digest(password_hash: str) -> str:
    return hashlib.blake2b(password_hash.encode("utf-8"), digest_size=_DIGEST_OCTETS).hexdigest()
