"""XCLIENT: whoever is trusted says for whom it speaks (Postfix's XCLIENT_README; the values are xtext, RFC 3461 §4)."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from lightmail.config.networks import host_address
from lightmail.lmtp.grammar import BadArgument

ATTRIBUTES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")
_FIELDS = {"NAME": "name", "ADDR": "host", "PORT": "port", "PROTO": "protocol", "HELO": "helo", "LOGIN": "login"}
_MAX_CHARACTERS = 255
_NOT_KNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_NAME = re.compile(r"[A-Za-z0-9_.:\[\]-]+")


@dataclass(frozen=True, slots=True)
class Client:
    """What has been said of the client; "" for what has not, or is not known."""

    name: str = ""
    """From the DNS."""
    host: str = ""
    """Its numeric address."""
    port: str = ""
    protocol: str = ""
    """SMTP, ESMTP or LMTP."""
    helo: str = ""
    login: str = ""
    """Who it has logged in as, where it came from."""

    def told(self, argument: bytes) -> Client:
        """With the attributes of one XCLIENT command, `1*(SP name=value)`. Raises BadArgument."""
        found: dict[str, str] = {}
        for word in argument.split():
            name, equals, value = word.decode("ascii", "replace").partition("=")
            name = name.upper()
            if not equals or name not in ATTRIBUTES:
                raise BadArgument(f"expected XCLIENT with {', '.join(ATTRIBUTES)}")
            if name in found:
                raise BadArgument(f"{name} is given twice")
            found[name] = _checked(name, "" if value.upper() in _NOT_KNOWN else _decoded(name, value))
        if not found:
            raise BadArgument("expected XCLIENT and what is known of the client")
        return dataclasses.replace(self, **{_FIELDS[name]: value for name, value in found.items() if name in _FIELDS})


def _decoded(name: str, value: str) -> str:
    if not _XTEXT.fullmatch(value):
        raise BadArgument(f"the value of {name} is not xtext")
    octets = re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), value).encode("latin-1")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadArgument(f"the value of {name} is not UTF-8") from None
    if len(text) > _MAX_CHARACTERS or not text.isprintable():
        raise BadArgument(f"the value of {name} is too long, or not printable")
    return text


def _checked(name: str, value: str) -> str:
    """In its normal form. Raises BadArgument."""
    if not value:
        return value
    match name:
        case "ADDR" | "DESTADDR":
            text = value[5:] if value.upper().startswith("IPV6:") else value
            address = host_address(text)
            if address is None:
                raise BadArgument(f"{name} is not an address")
            return str(address)
        case "PORT" | "DESTPORT":
            if not re.fullmatch(r"[0-9]{1,5}", value) or int(value) > 65_535:
                raise BadArgument(f"{name} is not a port")
        case "PROTO":
            if value.upper() not in ("SMTP", "ESMTP", "LMTP"):
                raise BadArgument("PROTO is SMTP, ESMTP or LMTP")
            return value.upper()
        case "NAME" | "HELO":
            if not _NAME.fullmatch(value):
                raise BadArgument(f"{name} is not a host name")
    return value
