"""Password hashes: argon2id as PHC strings; those of other systems as they are (`schemes`).

Every call here takes CPU and memory on purpose: call it off the loop.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import argon2
from argon2.exceptions import VerificationError, VerifyMismatchError
from argon2.low_level import error_to_str

from lightmail.auth import challenge_secrets, cram_md5, schemes
from lightmail.auth.saslprep import prepare_password
from lightmail.auth.scram_keys import ScramKeys
from lightmail.auth.stored import Stored, take_apart
from lightmail.errors import PasswordHashUnusable, Unavailable

MAX_PASSWORD_OCTETS = 1024
"""Longer ones are refused unread."""
MOST_ARGON2_KIB = 262_144
"""What a stored hash may ask for, unless the configuration itself asks for more (law 7)."""
MOST_ARGON2_PASSES = 100

_PHC = re.compile(
    r"\$argon2(?:id|i|d)(?:\$v=[0-9]{1,9})?\$m=(?P<kib>[0-9]{1,9}),t=(?P<passes>[0-9]{1,9}),p=[0-9]{1,9}"
    r"\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"
)
_ARGON2 = frozenset({"ARGON2ID", "ARGON2I", "ARGON2D"})
_NO_MEMORY = error_to_str(-22)
"""ARGON2_MEMORY_ALLOCATION_ERROR (argon2.h)."""


class PasswordParameters(Protocol):
    """The part of the `auth` configuration that is about password hashes."""

    @property
    def argon2_memory_kib(self) -> int: ...
    @property
    def argon2_passes(self) -> int: ...
    @property
    def argon2_lanes(self) -> int: ...
    @property
    def old_schemes(self) -> Sequence[str]: ...
    @property
    def challenge_keys(self) -> Sequence[str]: ...
    @property
    def scram_iterations(self) -> int: ...


class Secrets(NamedTuple):
    """What is stored of a password."""

    password_hash: str
    challenge_secrets: str


class PasswordTooLong(ValueError):
    """Longer than MAX_PASSWORD_OCTETS."""


class Passwords:
    """Hashes new passwords and verifies stored ones. Safe to use from several threads."""

    def __init__(self, parameters: PasswordParameters) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=parameters.argon2_passes,
            memory_cost=max(parameters.argon2_memory_kib, 8 * parameters.argon2_lanes),  # RFC 9106 §3.1
            parallelism=parameters.argon2_lanes,
            type=argon2.Type.ID,
        )
        self._refused = schemes.OLD - {name.upper() for name in parameters.old_schemes}
        self._most_kib = max(self._hasher.memory_cost, MOST_ARGON2_KIB)
        self._nothing = self._hash_of_nothing()
        self._kinds = frozenset(name.upper() for name in parameters.challenge_keys)
        self.scram_iterations = parameters.scram_iterations

    def secrets(self, password: bytes) -> Secrets:
        """All that is to be stored of a new password. Raises as `hash`."""
        made = self.hash(password)
        return Secrets(made, self._challenge_secrets(made, password))

    def renew(self, stored: str, password: bytes) -> Secrets:
        """The same for one that verified: its hash stays where it is as it should be."""
        made = self.hash(password) if self._needs_rehash(stored) else stored
        return Secrets(made, self._challenge_secrets(made, password))

    def _challenge_secrets(self, password_hash: str, password: bytes) -> str:
        return challenge_secrets.make(self._kinds, password, password_hash, iterations=self.scram_iterations)

    def hash(self, password: bytes) -> str:
        """A PHC string with a fresh salt. Raises PasswordTooLong; ValueError for an empty password."""
        if not password:
            raise ValueError("a password has at least one octet")
        if len(password) > MAX_PASSWORD_OCTETS:
            raise PasswordTooLong(f"a password has at most {MAX_PASSWORD_OCTETS} octets")
        return self._hasher.hash(prepare_password(password))

    def verify(self, stored: str, password: bytes) -> bool:
        """Whether `password` is the one behind `stored`.

        A `stored` that is "" accepts nothing, and takes as long as one that might: the time tells nobody whether an
        account exists; so does one that is refused.
        Raises PasswordHashUnusable; Unavailable when there is no memory for the hash.
        """
        if not 0 < len(password) <= MAX_PASSWORD_OCTETS:
            return False
        try:
            if stored:
                return self._is_password(stored, password)
        except PasswordHashUnusable:
            self._argon2(self._nothing, password)
            raise
        return self._argon2(self._nothing, password)

    def needs_renewal(self, stored: str, kept: str) -> bool:
        """Whether `stored`, which verified, and the challenge secrets `kept` are not what `secrets` would make today."""
        return challenge_secrets.parse(kept, stored).keys() != self._kinds or self._needs_rehash(stored)

    def _needs_rehash(self, stored: str) -> bool:
        phc = take_apart(stored)
        return phc.scheme != "ARGON2ID" or self._hasher.check_needs_rehash(phc.text())

    def scram_keys(self, kind: str, stored: str, kept: str) -> ScramKeys | bytes | None:
        """Of an account, from what is stored of its password, and the challenge secrets `kept`; the password, where that
        is what is stored; None: there are none. Takes no time. Raises PasswordHashUnusable.
        """
        data = challenge_secrets.parse(kept, stored).get(kind)
        if data is not None:
            return ScramKeys.parse(kind, data)
        written = self._usable(stored)
        if written is not None and written.scheme == kind:
            return ScramKeys.parse(kind, written.text())
        return schemes.plain_password(written) if written is not None and written.scheme == "PLAIN" else None

    def cram_md5_contexts(self, stored: str, kept: str) -> bytes | None:
        """Likewise."""
        data = challenge_secrets.parse(kept, stored).get(challenge_secrets.CRAM_MD5)
        written = Stored(challenge_secrets.CRAM_MD5, "", data) if data is not None else self._usable(stored)
        if written is not None and written.scheme == challenge_secrets.CRAM_MD5:
            return schemes.cram_md5_contexts(written)
        if written is not None and written.scheme == "PLAIN":
            return cram_md5.contexts(schemes.plain_password(written))
        return None

    def check_usable(self, stored: str) -> None:
        """Whether a password could be verified against it. Takes as long as that. Raises PasswordHashUnusable."""
        self._is_password(stored, b"-")

    def _is_password(self, stored: str, password: bytes) -> bool:
        written = self._usable(stored)
        if written is None:
            return False
        if written.scheme in _ARGON2:
            return self._argon2(written.text(), password)
        return schemes.has_password(written, password)

    def _usable(self, stored: str) -> Stored | None:
        """None: there is none. Raises PasswordHashUnusable."""
        if not stored:
            return None
        written = take_apart(stored)
        if written.scheme in self._refused:
            raise PasswordHashUnusable(f"{written.scheme} is not among auth.old_schemes")
        return written

    def _argon2(self, phc: str, password: bytes) -> bool:
        match = _PHC.fullmatch(phc)
        if match is None:
            raise PasswordHashUnusable("argon2: it is not a PHC string")
        if int(match["kib"]) > self._most_kib or int(match["passes"]) > MOST_ARGON2_PASSES:
            raise PasswordHashUnusable(
                f"argon2: m={match['kib']}, t={match['passes']}; at most {self._most_kib} and {MOST_ARGON2_PASSES} are made"
            )
        try:
            return self._hasher.verify(phc, prepare_password(password))
        except VerifyMismatchError:
            return False
        except VerificationError as error:
            if str(error) == _NO_MEMORY:
                raise Unavailable("memory to check a password") from error
            raise PasswordHashUnusable(f"argon2: {error}") from error

    def _hash_of_nothing(self) -> str:
        """A hash that no password has, made without hashing: verifying it costs what verifying a real one costs."""
        salt, digest = (
            base64.b64encode(secrets.token_bytes(octets)).rstrip(b"=").decode("ascii")
            for octets in (self._hasher.salt_len, self._hasher.hash_len)
        )
        cost = f"m={self._hasher.memory_cost},t={self._hasher.time_cost},p={self._hasher.parallelism}"
        return f"$argon2id$v=19${cost}${salt}${digest}"
