"""Stored passwords of other systems."""

from __future__ import annotations

import base64
import hashlib
import hmac

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightmail._core import passwords as core
from lightmail.auth import cram_md5
from lightmail.auth.passwords import MOST_ARGON2_KIB, Passwords
from lightmail.auth.schemes import OLD, crypt64, md5_crypt
from lightmail.auth.scram_keys import ScramKeys
from lightmail.auth.stored import take_apart
from lightmail.config import Auth
from lightmail.errors import PasswordHashUnusable

CHEAP = Auth(argon2_memory_kib=8, argon2_passes=1)
STRICT = Passwords(CHEAP)
ALL = Passwords(Auth(argon2_memory_kib=8, argon2_passes=1, old_schemes=tuple(OLD)))

LONG = "a very much longer text to encrypt.  This one even stretches over morethan one line."
SHORT_SALT = "we have a short salt string but not a short password"
SHA_CRYPT = [
    # The test vectors of https://www.akkadia.org/drepper/SHA-crypt.txt
    ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    ("Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"),
    ("This is just a test", "$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5"),
    (LONG, "$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1"),
    (SHORT_SALT, "$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/"),
    ("a short string", "$5$rounds=123456$asaltof16chars..$gP3VQ/6X7UUEW3HkBn2w1/Ptq2jxPyzV/cZKmF/wJvD"),
    (
        "Hello world!",
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    ),
    (
        "Hello world!",
        "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/"
        "YTBmSK6H9qs/y3RnOaw5v.",
    ),
    (
        "This is just a test",
        "$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/"
        "e1JSbq3y6JMxxl8audkUEm0",
    ),
    (
        LONG,
        "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtE"
        "W7o7UmJEiDwGqd8p4ur1",
    ),
    (
        SHORT_SALT,
        "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
    ),
    (
        "a short string",
        "$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXg"
        "MNrCzIMVcgEJAstJeonj1",
    ),
]
BCRYPT = [
    # Of crypt_blowfish's own tests, and the same for the other letters.
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    (
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
]
PBKDF2 = [
    ("password", "$1$salt$4096$4b007901b765489abead49d926f721d065a429c1"),  # RFC 6070 §2, as Dovecot writes it
    (
        "password",
        "$pbkdf2-sha256$4096$c2FsdA$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o",
    ),  # the vector of RFC 6070 with SHA-256, as passlib writes it
    ("password", "$pbkdf2$4096$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE".replace("+", ".")),
]
SCRAM = [
    (
        "pencil",  # RFC 7677 §3
        "{SCRAM-SHA-256}"
        + ScramKeys.derive("SCRAM-SHA-256", b"pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096).text(),
    ),
    (
        "pencil",  # RFC 5802 §5
        "{SCRAM-SHA-1}" + ScramKeys.derive("SCRAM-SHA-1", b"pencil", base64.b64decode("QSXCR+Q6sek8bf92"), 4096).text(),
    ),
]


@pytest.mark.parametrize(
    ("password", "stored"),
    [
        *SHA_CRYPT,
        *[(password, "{SHA256-CRYPT}" + stored) for password, stored in SHA_CRYPT[:1]],
        *[(password, "{sha512-crypt}" + stored) for password, stored in SHA_CRYPT[6:7]],
        *[(password, "{CRYPT}" + stored) for password, stored in SHA_CRYPT[6:7]],
        *BCRYPT,
        *[("U*U", scheme + BCRYPT[0][1]) for scheme in ("{BLF-CRYPT}", "{BCRYPT}", "{CRYPT}")],
        ("U*U", "{BLF-CRYPT.b64}" + base64.b64encode(BCRYPT[0][1].encode()).decode()),
        ("U*U", "{BLF-CRYPT.HEX}" + BCRYPT[0][1].encode().hex()),
        *[(password, "{PBKDF2}" + stored) for password, stored in PBKDF2],
        *PBKDF2[1:],
        *SCRAM,
    ],
)
def test_good_schemes(password: str, stored: str) -> None:
    assert STRICT.verify(stored, password.encode())
    assert not STRICT.verify(stored, b"x" + password.encode())
    assert STRICT.needs_renewal(stored, "")
    STRICT.check_usable(stored)


def test_argon2i_is_verified_and_replaced() -> None:
    stored = argon2.PasswordHasher(time_cost=3, memory_cost=64, parallelism=1, type=argon2.Type.I).hash(b"secret")
    for written in (stored, "{ARGON2I}" + stored, "{ARGON2}" + stored):
        assert STRICT.verify(written, b"secret") and not STRICT.verify(written, b"other")
        assert STRICT.needs_renewal(written, "")


def salted(scheme: str, hash_name: str) -> str:
    return "{" + scheme + "}" + base64.b64encode(hashlib.new(hash_name, b"secretsalt").digest() + b"salt").decode()


OLD_ONES = [
    salted("SSHA", "sha1"),
    salted("SSHA256", "sha256"),
    salted("SSHA512", "sha512"),
    "{SSHA.hex}" + (hashlib.sha1(b"secretsalt").digest() + b"salt").hex(),
    "{CRAM-MD5}" + cram_md5.contexts(b"secret").hex(),
    "{CRAM-MD5.b64}" + base64.b64encode(cram_md5.contexts(b"secret")).decode(),
    "$1$01234567$Ny7c34eheM1R0I3inzIJP.",  # of openssl passwd -1, as the next
    "{MD5-CRYPT}$1$01234567$Ny7c34eheM1R0I3inzIJP.",
    "{PLAIN}secret",
    "{CLEARTEXT}secret",
    "{PLAIN.b64}c2VjcmV0",
    "{PLAIN.hex}736563726574",
]


@pytest.mark.parametrize("stored", OLD_ONES)
def test_old_schemes_only_where_they_are_allowed(stored: str) -> None:
    assert ALL.verify(stored, b"secret") and not ALL.verify(stored, b"secret2")
    assert ALL.needs_renewal(stored, "")
    with pytest.raises(PasswordHashUnusable, match=r"not among auth\.old_schemes"):
        STRICT.verify(stored, b"secret")


@pytest.mark.parametrize(
    "stored",
    [
        "secret",
        "{}",
        "{PLAIN}",
        "{MD5}abc",
        "{DES-CRYPT}ab",
        "{CRYPT}$1$abc$def",
        "$1$abc$def",
        "$y$j9T$abc$def",
        "{SSHA.rot13}abc",
        "{SSHA}!!!",
        "{SSHA}" + base64.b64encode(b"x" * 20).decode(),
        "{SSHA512.hex}abc",
        "{CRAM-MD5}abcd",
        "{BLF-CRYPT}$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "{BLF-CRYPT}$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "{BLF-CRYPT.b64}/w==",
        "{SHA512-CRYPT}" + SHA_CRYPT[0][1],
        "{SHA256-CRYPT}" + SHA_CRYPT[6][1],
        "$6$rounds=99999999$saltstring$" + "a" * 86,
        "$6$saltstring$short",
        "{PBKDF2}$1$salt$0$4b007901b765489abead49d926f721d065a429c1",
        "{PBKDF2}$1$salt$99999999$4b007901b765489abead49d926f721d065a429c1",
        "{PBKDF2}$pbkdf2-sha256$1$a$b",
        "{PBKDF2}$pbkdf2-md5$1$aaaa$bbbb",
        "{SCRAM-SHA-256}4096,a,b",
        "{SCRAM-SHA-256}4096,YWJj,YWJj,YWJj",
        "{SCRAM-SHA-256}999999999999,YWJj,YWJj,YWJj",
        "{SCRAM-SHA-1}" + SCRAM[0][1].removeprefix("{SCRAM-SHA-256}"),
        "{ARGON2ID}",
        "$argon2id$v=19$m=8,t=1,p=1$x",
        "$argon2id$m=1,t=1,p=1$eA$eA",
        f"$argon2id$v=19$m={MOST_ARGON2_KIB + 1},t=2,p=4$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=101,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "ä",
    ],
)
def test_what_cannot_be_used_says_why(stored: str) -> None:
    for password in (b"secret", b"-", stored.encode()):
        with pytest.raises(PasswordHashUnusable) as raised:
            ALL.verify(stored, password)
        assert raised.value.reason
        data = stored.rpartition("}")[2]
        assert len(data) < 12 or data not in raised.value.reason
    with pytest.raises(PasswordHashUnusable):
        ALL.check_usable(stored)


@given(st.text(max_size=200))
def test_any_text_is_a_verdict_or_unusable(stored: str) -> None:
    for prefix in ("", "{SSHA}", "{PBKDF2}$pbkdf2$1$", "$5$", "{SCRAM-SHA-256}", "{PLAIN.hex}"):
        try:
            verdict = ALL.verify(prefix + stored, b"secret")
        except PasswordHashUnusable:
            continue
        assert isinstance(verdict, bool)


def test_md5_crypt_of_a_long_password() -> None:
    assert md5_crypt(b"a very much longer password with more octets", b"ab") == "qD1FF0AYyn0.I.SgjANnG1"


def test_rounds_below_the_least_are_the_least() -> None:
    """The published vector with rounds=10."""
    made = core.sha256_crypt(b"the minimum number is still observed", b"roundstoolow", rounds=1000)
    assert STRICT.verify(f"$5$rounds=10$roundstoolow${crypt64(made)}", b"the minimum number is still observed")
    with pytest.raises(ValueError, match="round"):
        core.sha512_crypt(b"x", b"y", rounds=10)


@given(st.binary(min_size=1, max_size=150), st.binary(max_size=150))
def test_cram_md5_contexts_are_those_of_hmac(password: bytes, challenge: bytes) -> None:
    kept = cram_md5.contexts(password)
    assert len(kept) == cram_md5.CONTEXT_OCTETS
    assert cram_md5.digest(kept, challenge) == hmac.new(password, challenge, "md5").hexdigest().encode()
    assert cram_md5.has_password(kept, password) and not cram_md5.has_password(kept, password + b"x")


def test_cram_md5_of_rfc_2195() -> None:
    """§2."""
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    digest = cram_md5.digest(cram_md5.contexts(b"tanstaaftanstaaf"), challenge)
    assert digest == b"b913a602c7eda7a495b4e6e7334d3890"


def test_scram_keys_as_text() -> None:
    keys = ScramKeys.make("SCRAM-SHA-256", b"secret", 4096)
    assert ScramKeys.parse("SCRAM-SHA-256", keys.text()) == keys
    assert keys.has_password(b"secret") and not keys.has_password(b"Secret")
    assert "stored" not in repr(keys)


def test_nothing_of_it_is_printed() -> None:
    assert "secret" not in repr(take_apart("{PLAIN}secret"))
