"""What a mailbox name may be (RFC 9051 §5.1)."""

from __future__ import annotations

import pytest

from lightmail.config import Config
from lightmail.errors import AddressInvalid, MailboxNameInvalid
from lightmail.mail.accounts import normal_address
from lightmail.mail.mailboxes import check_name, normal_name

LIMITS = Config().limits


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("inbox", "INBOX"),
        ("InBox/Sub", "INBOX/Sub"),
        ("Inboxes", "Inboxes"),
        ("work/inbox", "work/inbox"),
        ("Entwu\u0308rfe", "Entw\u00fcrfe"),
    ],
)
def test_one_form_of_a_name(written: str, normal: str) -> None:
    assert normal_name(written) == normal
    assert normal_name(normal) == normal


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "a\x00b",
        "a\rb",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\ud800b",
        "x" * (LIMITS.mailbox_name_octets + 1),
        "\u00fc" * (LIMITS.mailbox_name_octets // 2 + 1),
        "/".join("a" * (LIMITS.mailbox_depth + 1)),
    ],
)
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(MailboxNameInvalid):
        check_name(name, LIMITS)


@pytest.mark.parametrize("name", ["a", "a b/c", "100%", "*", "~peter", "\u53f0\u5317", ".", "..", "a\\b", "x" * 1024])
def test_names_that_can_be(name: str) -> None:
    check_name(name, LIMITS)
    assert normal_name(name) == name


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Ann@Example.ORG", "ann@example.org"),
        ("demo", "demo"),
        ("J\u00fcrgen@b\u00fccher.example", "jürgen@bücher.example"),
    ],
)
def test_one_form_of_an_address(written: str, normal: str) -> None:
    assert normal_address(written) == normal


@pytest.mark.parametrize(
    "address",
    ["", "@b", "a@", "a@.b", "a@b..c", "a b@c", "a@b@c", "<a@b>", "a\x00@b", "a" * 65 + "@b", "a@" + "b" * 260],
)
def test_addresses_that_cannot_be(address: str) -> None:
    with pytest.raises(AddressInvalid):
        normal_address(address)
