"""The URL forms of the configuration: where to listen, where to store. Pure; nothing is opened or resolved."""

from __future__ import annotations

import re
from dataclasses import dataclass

LISTEN_FORMS = 'expected "HOST:PORT", "tls://HOST:PORT" or "unix://PATH"'
_MAX_UNIX_PATH_OCTETS = 107
"""sun_path without its closing NUL (unix(7))."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """One element of a `listen` list. Either host and port, or path."""

    host: str
    port: int
    """0: any free port."""
    path: str
    """A unix socket, as configured: relative to the data folder; "" for TCP."""
    tls: bool
    """TLS from the first octet."""


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """`scheme://rest`; for sqlite and file, `rest` is a path, relative to the data folder."""

    scheme: str
    rest: str


def parse_listen(text: str) -> ListenAddress:
    """Raises ValueError; its text says what was expected."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    if scheme == "unix":
        if not rest:
            raise ValueError("a unix socket needs a path: unix://PATH")
        return ListenAddress("", 0, rest, tls=False)
    if scheme not in ("", "tls", "tcp"):
        raise ValueError(f"unknown scheme {scheme}://; {LISTEN_FORMS}")
    host, colon, port_text = rest.rpartition(":")
    if not colon:
        raise ValueError(f"{text!r} has no port; {LISTEN_FORMS}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"an IPv6 address stands in brackets: [{host}]:{port_text}")
    if re.search(r"[\s/@]", host):
        raise ValueError(f"{host!r} is not a host; {LISTEN_FORMS}")
    if not re.fullmatch(r"[0-9]{1,5}", port_text) or int(port_text) > 65535:
        raise ValueError(f"{port_text!r} is not a port; expected a number from 0 to 65535")
    return ListenAddress(host or "0.0.0.0", int(port_text), "", tls=scheme == "tls")


def check_unix_path(path: str) -> None:
    """Raises ValueError when the kernel cannot take this socket path."""
    octets = len(path.encode())
    if octets > _MAX_UNIX_PATH_OCTETS:
        raise ValueError(
            f"the socket path {path} has {octets} octets, the system allows {_MAX_UNIX_PATH_OCTETS}; "
            "use a shorter data folder or path"
        )


def parse_store(text: str) -> StoreUrl:
    """Raises ValueError when there is no scheme."""
    scheme, separator, rest = text.partition("://")
    if not separator or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        raise ValueError(f"{hide_secrets(text)!r} is not a URL")
    return StoreUrl(scheme, rest)


_USERINFO = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^/?#@:]*):.*@")  # greedy: a password may hold @ or /
_QUERY_SECRET = re.compile(r"(?P<head>[?&][^=&#]*(?:secret|password|token|key)[^=&#]*=)[^&#]*", re.IGNORECASE)


def hide_secrets(url: str) -> str:
    """The same with passwords and secret query values as ***."""
    return _QUERY_SECRET.sub(r"\g<head>***", _USERINFO.sub(r"\g<head>:***@", url))
