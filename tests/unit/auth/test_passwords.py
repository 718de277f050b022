"""Password hashes."""

from __future__ import annotations

from contextlib import suppress

import argon2
import pytest
from argon2.exceptions import VerificationError
from argon2.low_level import error_to_str

from lightmail.auth.passwords import MAX_PASSWORD_OCTETS, Passwords, PasswordTooLong
from lightmail.config import Auth
from lightmail.errors import PasswordHashUnusable, Unavailable

CHEAP = Passwords(Auth(argon2_memory_kib=8, argon2_passes=1))


def test_hash_and_verify() -> None:
    stored = CHEAP.hash(b"correct horse")
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert stored != CHEAP.hash(b"correct horse")
    assert CHEAP.verify(stored, b"correct horse")
    assert not CHEAP.verify(stored, b"correct horsE")


def test_schemes_in_front() -> None:
    stored = CHEAP.hash(b"secret")
    assert CHEAP.verify("{ARGON2ID}" + stored, b"secret")
    assert CHEAP.verify("{argon2id}" + stored, b"secret")
    assert not CHEAP.verify("{ARGON2ID}" + stored, b"other")


def test_a_hash_made_elsewhere() -> None:
    """From the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 4 -l 24."""
    stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    assert CHEAP.verify(stored, b"password")
    assert CHEAP.needs_renewal(stored, "")


def test_no_password_accepts_nothing() -> None:
    for password in (b"secret", b"x"):
        assert not CHEAP.verify("", password)


@pytest.mark.parametrize("stored", ["", "not a hash"])
def test_accepting_nothing_is_as_much_work(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same function runs with the same parameters, so the time tells nothing."""
    verified: list[str] = []
    verify = argon2.PasswordHasher.verify

    def recorded(hasher: argon2.PasswordHasher, phc: str, password: bytes) -> bool:
        verified.append(phc)
        return verify(hasher, phc, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", recorded)
    passwords = Passwords(Auth(argon2_memory_kib=32, argon2_passes=3, argon2_lanes=2))
    real = passwords.hash(b"secret")
    with suppress(PasswordHashUnusable):
        assert not passwords.verify(stored, b"wrong")
    assert not passwords.verify(real, b"wrong")
    dummy, mine = (argon2.extract_parameters(phc) for phc in verified)
    assert dummy == mine


def test_limits() -> None:
    with pytest.raises(PasswordTooLong):
        CHEAP.hash(b"x" * (MAX_PASSWORD_OCTETS + 1))
    with pytest.raises(ValueError, match="at least one octet"):
        CHEAP.hash(b"")
    stored = CHEAP.hash(b"x" * MAX_PASSWORD_OCTETS)
    assert CHEAP.verify(stored, b"x" * MAX_PASSWORD_OCTETS)
    assert not CHEAP.verify(stored, b"x" * (MAX_PASSWORD_OCTETS + 1))
    assert not CHEAP.verify(stored, b"")


def test_rehash_when_parameters_change() -> None:
    stored = CHEAP.hash(b"secret")
    assert not CHEAP.needs_renewal(stored, "")
    assert not CHEAP.needs_renewal("{ARGON2ID}" + stored, "")
    assert Passwords(Auth(argon2_memory_kib=16, argon2_passes=1)).needs_renewal(stored, "")


def test_no_memory_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> bool:
        raise VerificationError(error_to_str(-22))

    stored = CHEAP.hash(b"password")
    monkeypatch.setattr(argon2.PasswordHasher, "verify", no_memory)
    with pytest.raises(Unavailable):
        CHEAP.verify(stored, b"password")


def test_passwords_are_prepared() -> None:
    stored = CHEAP.hash("pässword".encode())
    assert CHEAP.verify(stored, "pa\u0308ssword".encode())
