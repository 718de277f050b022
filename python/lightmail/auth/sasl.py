"""SASL (RFC 4422): what mechanisms end with and ask for, and their octets on a line of base64.

A mechanism is a machine without I/O (`auth.mechanisms`). A step takes one response and gives the next step; `auth.exchange`
answers what a step asks for. Whether a claim is true is the Authenticator's business.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from lightmail.auth.scram_keys import ScramKeys

MAX_RESPONSE_OCTETS = 12_288
"""Of one decoded response. Tokens are the longest; a password has three times 255 octets and two NULs (RFC 4616 §2)."""


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
    """A claim with a password. `authorization` is b"" when it asks for nobody else's rights; so in all claims."""

    username: bytes
    password: bytes = field(repr=False)
    authorization: bytes = b""


@dataclass(frozen=True, slots=True)
class ScramWanted:
    """The keys of a name. They are supplied whether or not there is such a name."""

    scheme: str
    """As in `scram_keys.HASHES`."""
    username: bytes
    supply: Callable[[ScramKeys], Step] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ContextsWanted:
    """The CRAM-MD5 contexts of a name (`auth.cram_md5`), likewise."""

    username: bytes
    supply: Callable[[bytes], Step] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """The secrets of `username` were known."""

    username: bytes
    authorization: bytes = b""


@dataclass(frozen=True, slots=True)
class TokenHints:
    """What clients are told who have no good token; "": nothing."""

    scope: str = ""
    discovery: str = ""
    """The URL of the issuer's OpenID configuration."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A claim with a token (RFC 6750). b"": the client asks what it would need."""

    token: bytes = field(repr=False)
    authorization: bytes
    refuse: Callable[[TokenHints, Failed], Step] = field(repr=False)
    """What comes next when the token is not good, and at the end of that."""

    @property
    def username(self) -> bytes:
        """As far as one is named."""
        return self.authorization


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange has led nowhere. reason: for the log."""

    username: bytes
    reason: str


Step: TypeAlias = "Challenge | Credentials | ScramWanted | ContextsWanted | Proven | Bearer | Failed"


class Mechanism(Protocol):
    def step(self, response: bytes | None) -> Step:
        """Take one decoded response; None on the first call when the client sent no initial response.

        Raises MalformedResponse. Not to be called again after anything but a Challenge.
        """
        ...


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
