"""Where a message may belong, by what its object says of itself (`mail.about`, shortened as `backends.about` does). Pure."""

from __future__ import annotations

import email.parser
import email.policy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lightmail.config.sections import Limits
from lightmail.errors import AddressInvalid, MailboxNameInvalid
from lightmail.mail.accounts import normal_address
from lightmail.mail.mailboxes import check_name, normal_name
from lightmail.model import INBOX

_CUT = "..."


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of a message without the database."""

    addresses: tuple[str, ...]
    """Whose it is; none: nobody knows."""
    unnamed: int
    """So many more had it, whose addresses had no room."""
    mailbox: str
    uid_validity: int
    """0: not known."""
    internaldate: int
    zone: int
    flags: tuple[str, ...]


def claim_of(about: Mapping[str, str], modified_s: int, limits: Limits) -> Claim:
    """modified_s: of the object."""
    addresses, unnamed = _addresses(about.get("account", ""))
    at, zone = _instant(about.get("internaldate", ""), modified_s)
    return Claim(
        addresses=addresses,
        unnamed=unnamed,
        mailbox=_mailbox(about.get("mailbox", INBOX), limits),
        uid_validity=_number(about.get("uid-validity", "")),
        internaldate=at,
        zone=zone,
        flags=tuple(about["flags"].split()) if about.get("flags") and not about["flags"].endswith(_CUT) else (),
    )


def delivered_to(header: bytes) -> str:
    """Who its trace header says it was delivered to; "" when it says nobody: an object without any words of its own."""
    message = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(header)
    fields = message.items()
    # Ours are the first two; further down anybody may have written it.
    if [name.lower() for name, _ in fields[:2]] != ["return-path", "delivered-to"]:
        return ""
    return _valid(str(fields[1][1]).strip()) or ""


def _addresses(listed: str) -> tuple[tuple[str, ...], int]:
    addresses: list[str] = []
    unnamed = 0
    for item in filter(None, listed.split(",")):
        if item.startswith("+") and item[1:].isdecimal():
            unnamed += int(item[1:])
            continue
        address = None if item.endswith(_CUT) else _valid(item)
        if address is None:
            unnamed += 1
        else:
            addresses.append(address)
    return tuple(dict.fromkeys(addresses)), unnamed


def _valid(address: str) -> str | None:
    try:
        return normal_address(address)
    except AddressInvalid:
        return None


def _mailbox(name: str, limits: Limits) -> str:
    """INBOX where the name is not whole, or none."""
    name = normal_name(name)
    try:
        check_name(name, limits)
    except MailboxNameInvalid:
        return INBOX
    return INBOX if name.endswith(_CUT) else name


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= 10 else 0


def _instant(text: str, otherwise_s: int) -> tuple[int, int]:
    """Seconds and zone; as `mail.about` writes it."""
    if text[:1] == "@" and text[1:].lstrip("-").isdecimal():
        return int(text[1:]), 0
    try:
        instant = datetime.fromisoformat(text)
        zone = instant.utcoffset()
        return int(instant.timestamp()), int(zone.total_seconds() // 60) if zone else 0
    except (ValueError, OverflowError):
        return otherwise_s, 0
