"""How many connections an address, a user and a network may have, and how fast their commands are answered.

Counted by node, for all its workers together. Who has too many connections is told so; commands that come too fast are
answered later and later, and nobody is turned away for them.
"""

from __future__ import annotations

import asyncio
from ipaddress import IPv6Address, IPv6Network

import structlog

from lightmail.config import Limits
from lightmail.config.networks import NetworkBounds, host_address, parse_bounds
from lightmail.errors import LimitExceeded
from lightmail.obs.metrics import Counts, counts
from lightmail.ports.tally import MINUTE_S, Tally

MAX_DELAY_S = 10.0
"""Of one command."""
_IPV6_PREFIX = 64
"""What one customer gets at least (RFC 6177): within it an address is chosen at will."""

_log = structlog.get_logger("lightmail.limits")


def address_block(host: str) -> str:
    """What counts as one address: an IPv4 address, or 64 bits of an IPv6 address."""
    address = host_address(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _IPV6_PREFIX), strict=False))
    return host if address is None else str(address)


class NetworkTable:
    """The configured networks."""

    def __init__(self, networks: dict[str, str]) -> None:
        bounds = [parse_bounds(network, text) for network, text in networks.items()]
        self._bounds = sorted(bounds, key=lambda each: each.network.prefixlen, reverse=True)

    def find(self, host: str | None) -> NetworkBounds | None:
        """The smallest network that the address is in."""
        address = host_address(host) if host is not None and self._bounds else None
        if address is None:
            return None
        return next((each for each in self._bounds if address in each.network), None)


class ClientLimits:
    """One per process."""

    def __init__(self, limits: Limits, tally: Tally, counted: Counts = counts) -> None:
        self.limits = limits
        self.tally = tally
        self.counts = counted
        self._networks = NetworkTable(limits.networks)

    def enter(self, host: str | None) -> Seat:
        """A connection has come; `leave` when it has gone. host: None: a unix socket, which has no limits of an address."""
        return Seat(self, host, self._networks.find(host))

    def too_many(self, what: str, key: str, **fields: object) -> None:
        """In the log once a minute for each."""
        self.counts.refused[what] += 1
        if self.tally.hit(f"told {key}", window_s=MINUTE_S) == 1:
            _log.warning("too many connections", of=what, **fields)


class Seat:
    """One connection among those that are counted."""

    __slots__ = ("_held", "_host", "_limits", "_meters", "_of_user", "_unlimited", "refusal")

    def __init__(self, limits: ClientLimits, host: str | None, network: NetworkBounds | None) -> None:
        bounds = limits.limits
        self.refusal = ""
        """Why it is not welcome, in words for the client; "": it is."""
        self._limits = limits
        self._host = host
        self._held: list[str] = []
        self._of_user = ""
        self._meters: tuple[tuple[str, int], ...] = ()
        self._unlimited = network is not None and network.unlimited
        if host is None or self._unlimited:
            return
        if network is not None:
            name = f"network {network.network}"
            self._hold("network limit", f"connections {name}", network.connections, network=str(network.network))
            self._meter(f"commands {name}", network.commands)
        block = address_block(host)
        self._hold("address", f"connections {block}", bounds.address_connections, peer=host)
        self._meter(f"commands {block}", bounds.address_commands_per_minute)

    def log_in(self, user_id: int, address: str) -> None:
        """Raises LimitExceeded; the connection may stay as it was."""
        limit = self._limits.limits.user_connections
        if self._unlimited:
            return
        if limit:
            key = f"connections user {user_id}"
            if self._limits.tally.hold(key) > limit:
                self._limits.tally.let_go(key)
                self._limits.too_many("user", key, user=address, peer=self._host)
                raise LimitExceeded("connections of this account", limit)
            self._of_user = key
        self._meter(f"commands user {user_id}", self._limits.limits.user_commands_per_minute)

    def log_out(self) -> None:
        """Nobody is logged in any more."""
        if self._of_user:
            self._limits.tally.let_go(self._of_user)
            self._of_user = ""
        self._meters = tuple(meter for meter in self._meters if not meter[0].startswith("commands user "))

    def leave(self) -> None:
        """The connection is gone. Safe to call twice."""
        self.log_out()
        for key in self._held:
            self._limits.tally.let_go(key)
        self._held.clear()

    @property
    def metered(self) -> bool:
        """`command` has something to count."""
        return bool(self._meters)

    async def command(self) -> None:
        """Before a command is run: returns when its turn has come."""
        delay_s = 0.0
        for key, limit in self._meters:
            over = self._limits.tally.hit(key, window_s=MINUTE_S) - limit
            if over > 0:
                delay_s = max(delay_s, over * MINUTE_S / limit)
        if delay_s:
            self._limits.counts.delayed["command"] += 1
            await asyncio.sleep(min(delay_s, MAX_DELAY_S))

    def _hold(self, what: str, key: str, limit: int, **fields: object) -> None:
        if limit:
            self._held.append(key)
            if self._limits.tally.hold(key) > limit and not self.refusal:
                self.refusal = "Too many connections from your network"
                self._limits.too_many(what, key, **fields)

    def _meter(self, key: str, limit: int) -> None:
        if limit:
            self._meters += ((key, limit),)
