"""Where a message may belong, by what its object says."""

from __future__ import annotations

import pytest

from lightmail.backends.about import decoded, encoded
from lightmail.config.sections import Limits
from lightmail.mail.about import delivered_to as about_delivery
from lightmail.mail.about import put_into
from lightmail.mail.rebuild.placing import Claim, claim_of, delivered_to
from lightmail.model import Mailbox, MailboxId, ModSeq, UidValidity, UserId

LIMITS = Limits()
BOX = Mailbox(MailboxId(1), UserId(2), "Entwürfe/日本", UidValidity(1_700_000_000), 1, ModSeq(1), False, ())


def test_what_was_put_into_a_mailbox() -> None:
    about = put_into(BOX, "ann@example.org", internaldate=1_000_000_123, zone=-90, flags=["\\Seen", "$Work"])
    expected = Claim(("ann@example.org",), 0, "Entwürfe/日本", 1_700_000_000, 1_000_000_123, -90, ("\\Seen", "$Work"))
    assert claim_of(about, 5, LIMITS) == expected
    # The way through a store that keeps plain text only.
    assert claim_of(decoded(encoded(about, 1_536)), 5, LIMITS) == expected


@pytest.mark.parametrize("room", [200, 400, 1_536, 100_000])
@pytest.mark.parametrize("recipients", [1, 3, 100, 250])
def test_what_was_delivered_to_many(recipients: int, room: int) -> None:
    """Who is not named is counted, whoever has shortened the list."""
    addresses = [f"user{number}@example.org" for number in range(recipients)]
    about = about_delivery(addresses, internaldate=7)
    claim = claim_of(decoded(encoded(about, room)), 5, LIMITS)
    assert list(claim.addresses) == addresses[: len(claim.addresses)]
    assert len(claim.addresses) + claim.unnamed == recipients
    assert (claim.mailbox, claim.uid_validity, claim.internaldate) == ("INBOX", 0, 7)


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({}, Claim((), 0, "INBOX", 0, 5, 0, ())),
        ({"octets": "7"}, Claim((), 0, "INBOX", 0, 5, 0, ())),
        ({"account": "a@b,,a@b,x y@z"}, Claim(("a@b",), 1, "INBOX", 0, 5, 0, ())),
        ({"account": "A@B", "mailbox": "inbox"}, Claim(("a@b",), 0, "INBOX", 0, 5, 0, ())),
        ({"account": "a@b", "mailbox": "x//y"}, Claim(("a@b",), 0, "INBOX", 0, 5, 0, ())),
        ({"account": "a@b", "mailbox": "a very long na..."}, Claim(("a@b",), 0, "INBOX", 0, 5, 0, ())),
        ({"account": "a@b", "flags": "\\Seen \\Fla..."}, Claim(("a@b",), 0, "INBOX", 0, 5, 0, ())),
        ({"account": "a@b", "uid-validity": "-1", "internaldate": "@-9"}, Claim(("a@b",), 0, "INBOX", 0, -9, 0, ())),
        ({"account": "a@b", "uid-validity": "9" * 30, "internaldate": "x"}, Claim(("a@b",), 0, "INBOX", 0, 5, 0, ())),
    ],
)
def test_what_makes_little_sense(about: dict[str, str], expected: Claim) -> None:
    assert claim_of(about, 5, LIMITS) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"Return-Path: <a@b>\r\nDelivered-To: Ann@Example.org\r\nSubject: x\r\n\r\n", "ann@example.org"),
        # What is further down came with the message, and says nothing.
        (b"Return-Path: <a@b>\r\nReceived: x\r\nDelivered-To: ann@example.org\r\n\r\n", ""),
        (b"Delivered-To: ann@example.org\r\n\r\n", ""),
        (b"Return-Path: <a@b>\r\nDelivered-To: nobody at all\r\n\r\n", ""),
        (b"\x00\xff", ""),
        (b"", ""),
    ],
)
def test_what_its_trace_header_says(header: bytes, expected: str) -> None:
    assert delivered_to(header) == expected
