"""Where connections come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The client of a connection, as a proxy that is trusted tells it."""

    host: str | None
    """Its numeric address; None: it came to the proxy by a unix socket."""
    port: int = 0
    tls: bool = False
    """It spoke TLS with the proxy."""
