"""What a connection has to say for itself before anybody has logged in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

TLS_SERVER_END_POINT = "tls-server-end-point"
"""A hash of the server's certificate (RFC 5929 §4)."""
TLS_EXPORTER = "tls-exporter"
"""Keying material of the connection itself (RFC 9266)."""


class ChannelBindings(Protocol):
    """Of one TLS connection (RFC 5056)."""

    def get(self, name: str) -> bytes | None:
        """name: as IANA has it, "tls-exporter". None: that one is not to be had here."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One connection as it is now."""

    host: str | None
    """The other side's numeric address; None: a unix socket."""
    tls: bool
    plaintext: bool
    """A password may be sent in clear as the connection is now (`policy.plaintext_allowed`)."""
    bindings: ChannelBindings | None = None
    """None: there are none."""
    certificate: bytes | None = None
    """The client's own, in DER, after TLS has verified it; None: it has shown none."""
