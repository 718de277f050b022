"""Password schemes of other systems: whether a password is behind what they stored.

Every check takes CPU on purpose, bounded here, and lets go of the interpreter while it works. Passwords are the octets
that the client sent, as the systems that made these hashes took them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable

from lightmail._core.passwords import sha256_crypt, sha512_crypt
from lightmail.auth import cram_md5
from lightmail.auth.scram_keys import ScramKeys
from lightmail.auth.stored import Stored
from lightmail.config.combinations import OLD_SCHEMES
from lightmail.errors import PasswordHashUnusable

MOST_BCRYPT_COST = 16
"""2^16 rounds: several seconds."""
MOST_ROUNDS = 5_000_000
"""Of SHA-crypt and PBKDF2."""
BCRYPT_OCTETS = 72
"""What is beyond does not count; that is how bcrypt was always used."""

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
_SHA_CRYPT = re.compile(
    r"\$([56])\$(?:rounds=(\d{1,9})\$)?([^$:\n]{0,16})\$([./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})", re.ASCII
)
_MD5_CRYPT = re.compile(r"\$1\$([^$:\n]{0,8})\$([./0-9A-Za-z]{22})", re.ASCII)
_MD5_CRYPT_ROUNDS = 1_000
_DOVECOT_PBKDF2 = re.compile(r"\$1\$([^$]+)\$(\d{1,9})\$([0-9a-fA-F]{40})", re.ASCII)
_MODULAR_PBKDF2 = re.compile(
    r"\$pbkdf2(?:-(sha1|sha256|sha512))?\$(\d{1,9})\$([A-Za-z0-9./]*)\$([A-Za-z0-9./]+)", re.ASCII
)
_SHA_CRYPT_ROUNDS = (1_000, 5_000)
"""The fewest there can be, and those of a string that says nothing."""
_CRYPT64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALTED = {"SSHA": "sha1", "SSHA256": "sha256", "SSHA512": "sha512"}


def has_password(stored: Stored, password: bytes) -> bool:
    """For every scheme of SCHEMES. Raises PasswordHashUnusable."""
    check = SCHEMES.get(stored.scheme)
    if check is None:
        raise PasswordHashUnusable(f"unknown scheme {stored.scheme}")
    return check(stored, password)


def _bcrypt(stored: Stored, password: bytes) -> bool:
    written = stored.text()
    match = _BCRYPT.fullmatch(written)
    if match is None or not 4 <= int(match[1]) <= MOST_BCRYPT_COST:
        raise PasswordHashUnusable(f"BLF-CRYPT: expected $2b$COST$…, with a cost from 04 to {MOST_BCRYPT_COST}")
    import bcrypt  # not every installation has such hashes

    if b"\0" in password:
        return False
    try:
        return bcrypt.checkpw(password[:BCRYPT_OCTETS], written.encode("ascii"))
    except ValueError:
        raise PasswordHashUnusable("BLF-CRYPT: no salt of 16 octets") from None


def _sha_crypt(stored: Stored, password: bytes) -> bool:
    match = _SHA_CRYPT.fullmatch(stored.text())
    wide = stored.scheme == "SHA512-CRYPT"
    if match is None or (match[1] == "6", len(match[4]) == 86) != (wide, wide):
        raise PasswordHashUnusable(f"{stored.scheme}: expected ${6 if wide else 5}$rounds=ROUNDS$SALT$HASH")
    fewest, usual = _SHA_CRYPT_ROUNDS
    rounds = max(int(match[2]), fewest) if match[2] else usual
    if rounds > MOST_ROUNDS:
        raise PasswordHashUnusable(f"{stored.scheme}: {rounds} rounds; at most {MOST_ROUNDS} are made")
    made = (sha512_crypt if wide else sha256_crypt)(password, match[3].encode("utf-8"), rounds=rounds)
    return hmac.compare_digest(crypt64(made), match[4])


def _md5_crypt(stored: Stored, password: bytes) -> bool:
    match = _MD5_CRYPT.fullmatch(stored.text())
    if match is None:
        raise PasswordHashUnusable("MD5-CRYPT: expected $1$SALT$HASH")
    return hmac.compare_digest(md5_crypt(password, match[1].encode("utf-8")), match[2])


def md5_crypt(password: bytes, salt: bytes) -> str:
    """What stands behind the last $ (FreeBSD's crypt(3), 1994). A millisecond, whatever anybody would like."""
    inner = _md5(password + salt + password)
    start = password + b"$1$" + salt + (inner * (len(password) // 16 + 1))[: len(password)]
    bits = len(password)
    while bits:
        start += b"\0" if bits & 1 else password[:1]
        bits >>= 1
    digest = _md5(start)
    for number in range(_MD5_CRYPT_ROUNDS):
        odd = number & 1
        middle = (salt if number % 3 else b"") + (password if number % 7 else b"")
        digest = _md5(password + middle + digest if odd else digest + middle + password)
    text = ""
    for places in ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)):
        first, second, last = (digest[place] for place in places)
        text += _four((first << 16) | (second << 8) | last, 4)
    return text + _four(digest[11], 2)


def _md5(octets: bytes) -> bytes:
    return hashlib.md5(octets, usedforsecurity=False).digest()


def crypt64(digest: bytes) -> str:
    """A digest as SHA-crypt writes it: three octets, whose places rotate, in four characters."""
    third = len(digest) // 3
    places = [0, third, 2 * third]
    turn = 1 if len(digest) == 64 else 2  # sha512 goes on with the second place, sha256 with the third
    text = ""
    for step in range(third):
        first, second, last = (digest[place + step] for place in places)
        text += _four((first << 16) | (second << 8) | last, 4)
        places = places[turn:] + places[:turn]
    rest = digest[3 * third :]
    return text + (_four(rest[0], 2) if len(rest) == 1 else _four((rest[1] << 8) | rest[0], 3))


def _four(value: int, characters: int) -> str:
    return "".join(_CRYPT64[(value >> (6 * place)) & 63] for place in range(characters))


def _pbkdf2(stored: Stored, password: bytes) -> bool:
    written = stored.text()
    if match := _DOVECOT_PBKDF2.fullmatch(written):
        hash_name, rounds, salt, expected = "sha1", int(match[2]), match[1].encode("utf-8"), bytes.fromhex(match[3])
    elif match := _MODULAR_PBKDF2.fullmatch(written):
        hash_name, rounds = match[1] or "sha1", int(match[2])
        salt, expected = _adapted_base64(match[3]), _adapted_base64(match[4])
    else:
        raise PasswordHashUnusable("PBKDF2: expected $1$SALT$ROUNDS$HEX or $pbkdf2-sha256$ROUNDS$SALT$HASH")
    if not 1 <= rounds <= MOST_ROUNDS:
        raise PasswordHashUnusable(f"PBKDF2: {rounds} rounds; from 1 to {MOST_ROUNDS} are made")
    if len(expected) != hashlib.new(hash_name).digest_size:
        raise PasswordHashUnusable("PBKDF2: the hash has another length")
    return hmac.compare_digest(hashlib.pbkdf2_hmac(hash_name, password, salt, rounds), expected)


def _adapted_base64(text: str) -> bytes:
    """Without padding, "." for "+". Raises PasswordHashUnusable."""
    try:
        return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise PasswordHashUnusable("PBKDF2: salt and hash are not base64") from None


def _salted(stored: Stored, password: bytes) -> bool:
    hash_name = _SALTED[stored.scheme]
    octets = stored.octets("B64")
    size = hashlib.new(hash_name).digest_size
    if len(octets) <= size:
        raise PasswordHashUnusable(f"{stored.scheme}: expected {size} octets of hash and a salt behind")
    made = hashlib.new(hash_name, password + octets[size:]).digest()
    return hmac.compare_digest(made, octets[:size])


def _scram(stored: Stored, password: bytes) -> bool:
    return ScramKeys.parse(stored.scheme, stored.text()).has_password(password)


def _cram_md5(stored: Stored, password: bytes) -> bool:
    return cram_md5.has_password(cram_md5_contexts(stored), password)


def cram_md5_contexts(stored: Stored) -> bytes:
    """Raises PasswordHashUnusable."""
    kept = stored.octets("HEX")
    if len(kept) != cram_md5.CONTEXT_OCTETS:
        raise PasswordHashUnusable("CRAM-MD5: expected 64 hexadecimal digits")
    return kept


def _plain(stored: Stored, password: bytes) -> bool:
    return hmac.compare_digest(plain_password(stored), password)


def plain_password(stored: Stored) -> bytes:
    """Raises PasswordHashUnusable."""
    password = stored.octets("") if stored.encoding else stored.data.encode("utf-8")
    if not password:
        raise PasswordHashUnusable("PLAIN: it is empty")
    return password


SCHEMES: dict[str, Callable[[Stored, bytes], bool]] = {
    "BLF-CRYPT": _bcrypt,
    "SHA512-CRYPT": _sha_crypt,
    "SHA256-CRYPT": _sha_crypt,
    "MD5-CRYPT": _md5_crypt,
    "PBKDF2": _pbkdf2,
    "SCRAM-SHA-256": _scram,
    "SCRAM-SHA-1": _scram,
    "SSHA512": _salted,
    "SSHA256": _salted,
    "SSHA": _salted,
    "CRAM-MD5": _cram_md5,
    "PLAIN": _plain,
}
"""Those of argon2 apart, which `passwords` knows."""
OLD = frozenset(OLD_SCHEMES)
"""Guessed at millions of passwords a second, or no hash at all: only where `auth.old_schemes` allows them."""
