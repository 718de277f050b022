"""Networks of the configuration: who is in them, and rules of who may come. Pure.

An IPv4 address that is written as an IPv6 one (::ffff:192.0.2.1, RFC 4291 §2.5.5.2) is the IPv4 address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

UNIX = "unix"
"""Stands for clients of a unix socket, which have no address."""
NETWORK_FORMS = 'expected "192.0.2.0/24", "2001:db8::/32", one address, or "unix"'

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@lru_cache(4096)
def host_address(host: str) -> Address | None:
    """Of a numeric address, with a zone or without; None: it is none."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def normal_host(host: str) -> str:
    """The one text of an address: `host` itself when it is none."""
    address = host_address(host)
    return host if address is None else str(address)


def parse_network(text: str) -> Network:
    """Raises ValueError; its text says what was expected."""
    try:
        network = ip_network(text)
    except ValueError:
        try:
            wider = ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is not a network; {NETWORK_FORMS}") from None
        raise ValueError(f"{text!r} has bits behind its length; expected {str(wider)!r}") from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        return IPv4Network((mapped, network.prefixlen - 96))
    return network


class Networks:
    """A set of networks."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Raises ValueError."""
        texts = tuple(texts)
        self.unix = UNIX in texts
        self._networks = [parse_network(text) for text in texts if text != UNIX]

    def __bool__(self) -> bool:
        return self.unix or bool(self._networks)

    def __contains__(self, host: str | None) -> bool:
        """host: a numeric address; None: a unix socket."""
        if host is None:
            return self.unix
        address = host_address(host)
        return address is not None and any(address in network for network in self._networks)


class Rule:
    """Who may come: networks to allow, and with `!` in front networks to refuse.

    Who is in a refused network may not; otherwise who is in an allowed one may, and everybody where none is allowed.
    """

    def __init__(self, text: str) -> None:
        """Separated by blanks. Raises ValueError."""
        words = text.split()
        if not words:
            raise ValueError(f"no network; {NETWORK_FORMS}, each with ! in front to refuse it")
        self._refused = Networks(word[1:] for word in words if word.startswith("!"))
        self._allowed = Networks(word for word in words if not word.startswith("!"))

    def allows(self, host: str | None) -> bool:
        """host: a numeric address; None: a unix socket."""
        return host not in self._refused and (not self._allowed or host in self._allowed)


@dataclass(frozen=True, slots=True)
class NetworkBounds:
    """What all addresses of a network may do together; 0: no bound of its own."""

    network: Network
    connections: int = 0
    commands: int = 0
    """In a minute."""
    failed_logins: int = 0
    """In a quarter of an hour."""
    unlimited: bool = False
    """And each of its addresses what it likes."""


_BOUNDS = ("connections", "commands", "failed_logins")
BOUND_FORMS = 'expected "unlimited", or some of connections=N, commands=N, failed_logins=N'


def parse_bounds(network: str, text: str) -> NetworkBounds:
    """Raises ValueError."""
    if text.strip() == "unlimited":
        return NetworkBounds(parse_network(network), unlimited=True)
    found: dict[str, int] = {}
    for word in text.split():
        name, _, number = word.partition("=")
        if name not in _BOUNDS or name in found:
            raise ValueError(f"{word!r} is no bound; {BOUND_FORMS}")
        if not re.fullmatch(r"[1-9][0-9]{0,8}", number):
            raise ValueError(f"{word!r} has no number; {BOUND_FORMS}")
        found[name] = int(number)
    if not found:
        raise ValueError(f"no bound; {BOUND_FORMS}")
    connections, commands, failed_logins = (found.get(name, 0) for name in _BOUNDS)
    return NetworkBounds(parse_network(network), connections, commands, failed_logins)
