"""SASL mechanisms as machines without I/O (RFC 4422).

The caller strips base64 (`decode_response`, `encode_challenge`) and feeds responses; a mechanism answers with the next
challenge or, at its end, with what the peer claims. Whether the claim is true is the Authenticator's business.

    mechanism = sasl.start("PLAIN")                 # UnknownMechanism
    step = mechanism.step(initial_response)         # None when the client sent none
    while isinstance(step, Challenge):
        ... send step.octets, wait for a response ...
        step = mechanism.step(response)             # MalformedResponse
    user = await authenticator.authenticate(step, peer)

A new mechanism is a row of MECHANISMS.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

MAX_RESPONSE_OCTETS = 4096
"""Of one decoded response. PLAIN is the longest today: three times 255 octets and two NULs (RFC 4616 §2)."""


class UnknownMechanism(Exception):
    """No such mechanism, or one that may not be used here: NO in IMAP (RFC 9051 §6.2.2)."""


class MalformedResponse(Exception):
    """The response is not base64, or not what the mechanism's grammar asks for: BAD in IMAP (RFC 9051 §6.2.2)."""


class Cancelled(Exception):
    """The client sent "*": BAD in IMAP (RFC 9051 §6.2.2)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Octets for the client, before base64."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the peer claims to be, and its proof. `authorization` is "" when it asks for nobody else's rights."""

    username: bytes
    password: bytes = field(repr=False)
    authorization: bytes = b""


Step = Challenge | Credentials


class Mechanism(Protocol):
    def step(self, response: bytes | None) -> Step:
        """Take one decoded response; None on the first call when the client sent no initial response.

        Raises MalformedResponse. Not to be called again after it returned Credentials.
        """
        ...


class Plain:
    """[authzid] NUL authcid NUL passwd (RFC 4616 §2)."""

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        fields = response.split(b"\0")
        if len(fields) != 3:
            raise MalformedResponse("PLAIN expects [authzid] NUL authcid NUL passwd")
        authorization, username, password = fields
        if not username or not password:
            raise MalformedResponse("PLAIN expects an authcid and a passwd of at least one octet")
        return Credentials(username, password, authorization)


class Login:
    """User name, then password, each in a response of its own (draft-murchison-sasl-login-00).

    The prompts are the ones that Outlook knows. Some clients send the user name as initial response.
    """

    def __init__(self) -> None:
        self._username: bytes | None = None

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"Username:")
        if b"\0" in response or not response:
            raise MalformedResponse("LOGIN expects a response of at least one octet, without NUL")
        if self._username is None:
            self._username = response
            return Challenge(b"Password:")
        return Credentials(self._username, response)


@dataclass(frozen=True, slots=True)
class Row:
    """One mechanism. plaintext: it sends a password that a listener on the line could read."""

    name: str
    plaintext: bool
    create: Callable[[], Mechanism]


MECHANISMS: dict[str, Row] = {
    row.name: row
    for row in (
        Row("PLAIN", plaintext=True, create=Plain),
        Row("LOGIN", plaintext=True, create=Login),
    )
}
"""By name, in the order in which they are advertised."""


def available(*, plaintext: bool) -> tuple[str, ...]:
    """Names to advertise. plaintext: whether a plaintext password may be sent now (`policy.plaintext_allowed`)."""
    return tuple(row.name for row in MECHANISMS.values() if plaintext or not row.plaintext)


def find(name: str) -> Row:
    """The row of a mechanism, upper or lower case. Raises UnknownMechanism."""
    row = MECHANISMS.get(name.upper())
    if row is None:
        raise UnknownMechanism(f"unknown SASL mechanism {name[:20]!r}")
    return row


def start(name: str) -> Mechanism:
    """A fresh machine. Raises UnknownMechanism. Ask `find(name).plaintext` first whether it may be used here."""
    return find(name).create()


def decode_response(line: bytes) -> bytes:
    """One response line (without CRLF), or an initial response, to octets.

    "=" is the empty initial response (RFC 4959 §3); "" is an empty response. Raises Cancelled, MalformedResponse.
    """
    if line == b"*":
        raise Cancelled
    if line == b"=":
        return b""
    if len(line) > MAX_RESPONSE_OCTETS * 4 // 3 + 4:
        raise MalformedResponse("the SASL response is too long")
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise MalformedResponse("the SASL response is not base64") from None


def encode_challenge(challenge: Challenge) -> bytes:
    """To base64, without CRLF."""
    return binascii.b2a_base64(challenge.octets, newline=False)
