"""The beginning that SCRAM and OAUTHBEARER have in common (RFC 5801 §4, RFC 5802 §7)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lightmail.auth.sasl import MalformedResponse

_HEADER = re.compile(rb"(?P<header>(?P<flag>n|y|p=(?P<name>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>[^,]+))?,)")
_ESCAPED = re.compile(rb"=(2C|3D)?")


@dataclass(frozen=True, slots=True)
class Gs2Header:
    octets: bytes
    """As it was sent, its last comma included."""
    flag: bytes
    """b"n": the client knows no channel binding; b"y": it does, and thinks that the server does not; b"p"."""
    binding: str
    """The channel binding wanted, with flag b"p"."""
    authorization: bytes
    """b"": none."""


def parse_header(message: bytes) -> tuple[Gs2Header, bytes]:
    """The header, and what is behind it. Raises MalformedResponse."""
    match = _HEADER.match(message)
    if match is None:
        raise MalformedResponse("a GS2 header is expected: n,,")
    authorization = saslname(match["authzid"]) if match["authzid"] is not None else b""
    header = Gs2Header(match["header"], match["flag"][:1], (match["name"] or b"").decode("ascii"), authorization)
    return header, message[match.end() :]


def saslname(written: bytes) -> bytes:
    """Without its escapes: =2C is a comma, =3D an equals sign. Raises MalformedResponse."""
    if not written or b"\0" in written:
        raise MalformedResponse("a name has at least one character, and no NUL")
    try:
        written.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedResponse("a name is UTF-8") from None
    return _ESCAPED.sub(_unescape, written)


def _unescape(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        raise MalformedResponse("= in a name is written =3D")
    return b"," if match[1] == b"2C" else b"="
