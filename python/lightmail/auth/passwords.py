"""Password hashes: argon2id as PHC strings. Every call here takes CPU and memory on purpose: call it off the loop."""

from __future__ import annotations

import base64
import re
import secrets
from typing import Protocol

import argon2
from argon2.exceptions import VerificationError, VerifyMismatchError
from argon2.low_level import error_to_str

from lightmail.auth.saslprep import prepare_password
from lightmail.errors import Unavailable

MAX_PASSWORD_OCTETS = 1024
"""Longer ones are refused unread."""

_STORED = re.compile(
    r"(?:\{ARGON2(?:ID?)?\})?(?P<phc>\$argon2(?:id|i|d)(?:\$v=[0-9]+)?\$m=[0-9]+,t=[0-9]+,p=[0-9]+"
    r"\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+)",
    re.IGNORECASE,
)
"""A PHC string, perhaps with its scheme in front as Dovecot writes it: {ARGON2ID}$argon2id$…"""
_NO_MEMORY = error_to_str(-22)
"""ARGON2_MEMORY_ALLOCATION_ERROR (argon2.h)."""


class Argon2Parameters(Protocol):
    """The part of the `auth` configuration that says how expensive a hash is."""

    @property
    def argon2_memory_kib(self) -> int: ...
    @property
    def argon2_passes(self) -> int: ...
    @property
    def argon2_lanes(self) -> int: ...


class PasswordTooLong(ValueError):
    """Longer than MAX_PASSWORD_OCTETS."""


class Passwords:
    """Hashes new passwords and verifies stored ones. Safe to use from several threads."""

    def __init__(self, parameters: Argon2Parameters) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=parameters.argon2_passes,
            memory_cost=max(parameters.argon2_memory_kib, 8 * parameters.argon2_lanes),  # RFC 9106 §3.1
            parallelism=parameters.argon2_lanes,
            type=argon2.Type.ID,
        )
        self._nothing = self._hash_of_nothing()

    def hash(self, password: bytes) -> str:
        """A PHC string with a fresh salt. Raises PasswordTooLong; ValueError for an empty password."""
        if not password:
            raise ValueError("a password has at least one octet")
        if len(password) > MAX_PASSWORD_OCTETS:
            raise PasswordTooLong(f"a password has at most {MAX_PASSWORD_OCTETS} octets")
        return self._hasher.hash(prepare_password(password))

    def verify(self, stored: str, password: bytes) -> bool:
        """Whether `password` is the one behind `stored`, a PHC string with or without {ARGON2ID} in front.

        A `stored` that is "" or no argon2 hash accepts nothing, and takes as long as one that might: the time tells
        nobody whether an account exists. Raises Unavailable when there is no memory for the hash.
        """
        if not 0 < len(password) <= MAX_PASSWORD_OCTETS:
            return False
        match = _STORED.fullmatch(stored)
        try:
            return self._hasher.verify(match["phc"] if match else self._nothing, prepare_password(password))
        except VerifyMismatchError:
            return False
        except VerificationError as error:
            if str(error) == _NO_MEMORY:
                raise Unavailable("memory to check a password") from error
            return False  # looks like a hash, with parameters that argon2 does not take

    def needs_rehash(self, stored: str) -> bool:
        """Whether `stored`, which verified, was made with other parameters than today's."""
        match = _STORED.fullmatch(stored)
        return match is not None and self._hasher.check_needs_rehash(match["phc"])

    def _hash_of_nothing(self) -> str:
        """A hash that no password has, made without hashing: verifying it costs what verifying a real one costs."""
        salt, digest = (
            base64.b64encode(secrets.token_bytes(octets)).rstrip(b"=").decode("ascii")
            for octets in (self._hasher.salt_len, self._hasher.hash_len)
        )
        cost = f"m={self._hasher.memory_cost},t={self._hasher.time_cost},p={self._hasher.parallelism}"
        return f"$argon2id$v=19${cost}${salt}${digest}"
