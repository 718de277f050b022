"""SASLprep: the examples of RFC 4013 §3, and passwords that are none of it."""

from __future__ import annotations

import pytest

from lightmail.auth.saslprep import Prohibited, prepare_password, saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("", ""),
        ("\u0627\u0628", "\u0627\u0628"),
    ],
)
def test_prepared(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u06271", "\u0627a\u0628", "a\u200e", "\ufffd"])
def test_prohibited(text: str) -> None:
    with pytest.raises(Prohibited):
        saslprep(text)


@pytest.mark.parametrize(
    ("password", "prepared"),
    [
        ("pässword".encode(), "pässword".encode()),
        ("pa\u0308ssword".encode(), "pässword".encode()),
        (b"p\xe4ssword", b"p\xe4ssword"),
        (b"tab\there", b"tab\there"),
        ("ä\u0007".encode(), "ä\u0007".encode()),
    ],
)
def test_passwords(password: bytes, prepared: bytes) -> None:
    assert prepare_password(password) == prepared
