"""SASL mechanisms without I/O."""

from __future__ import annotations

import base64

import pytest

from lightmail.auth import sasl
from lightmail.auth.mechanisms.plain import Login, Plain
from lightmail.auth.sasl import Challenge, Credentials


@pytest.mark.parametrize(
    ("response", "credentials"),
    [
        (b"\0tim\0tanstaaftanstaaf", Credentials(b"tim", b"tanstaaftanstaaf")),
        (b"Ursel\0Kurt\0xipj3plmq", Credentials(b"Kurt", b"xipj3plmq", b"Ursel")),
        (b"\0\xc3\xa4\0\xff", Credentials(b"\xc3\xa4", b"\xff")),
    ],
)
def test_plain(response: bytes, credentials: Credentials) -> None:
    """The first two are the examples of RFC 4616 §4."""
    assert Plain().step(response) == credentials


def test_plain_without_initial_response() -> None:
    mechanism = Plain()
    assert mechanism.step(None) == Challenge(b"")
    assert mechanism.step(b"\0a\0b") == Credentials(b"a", b"b")


@pytest.mark.parametrize("response", [b"", b"a", b"\0a", b"\0\0b", b"\0a\0", b"\0a\0b\0", b"\0a\0b\0c", b"\0\0"])
def test_plain_malformed(response: bytes) -> None:
    with pytest.raises(sasl.MalformedResponse):
        Plain().step(response)


def test_login() -> None:
    mechanism = Login()
    assert mechanism.step(None) == Challenge(b"Username:")
    assert mechanism.step(b"tim") == Challenge(b"Password:")
    assert mechanism.step(b"secret") == Credentials(b"tim", b"secret")


def test_login_with_initial_response() -> None:
    mechanism = Login()
    assert mechanism.step(b"tim") == Challenge(b"Password:")
    assert mechanism.step(b"secret") == Credentials(b"tim", b"secret")


@pytest.mark.parametrize("response", [b"", b"a\0b"])
def test_login_malformed(response: bytes) -> None:
    mechanism = Login()
    mechanism.step(None)
    with pytest.raises(sasl.MalformedResponse):
        mechanism.step(response)
    with pytest.raises(sasl.MalformedResponse):
        mechanism.step(response)


def test_credentials_do_not_print_the_password() -> None:
    assert "secret" not in repr(Credentials(b"tim", b"secret"))


def test_responses_on_the_line() -> None:
    """RFC 9051 §6.2.2; RFC 4959 §3."""
    assert sasl.decode_response(base64.b64encode(b"\0a\0b")) == b"\0a\0b"
    assert sasl.decode_response(b"=") == b""
    assert sasl.decode_response(b"") == b""
    assert sasl.encode_challenge(Challenge(b"Username:")) == b"VXNlcm5hbWU6"
    with pytest.raises(sasl.Cancelled):
        sasl.decode_response(b"*")


@pytest.mark.parametrize(
    "line", [b"a", b"!!!!", b"AGEA Yg==", b"AGEAYg", b"AGEAYg==AGEA", b"\xff", b"A" * 20_000, b"**"]
)
def test_lines_that_are_not_base64(line: bytes) -> None:
    with pytest.raises(sasl.MalformedResponse):
        sasl.decode_response(line)
