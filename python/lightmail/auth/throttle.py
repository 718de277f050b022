"""Failed logins make later ones from the same place slow. Nobody is locked out, and nothing runs while nobody tries.

A failure counts for its name from its address, which are slow from the first one on, and for the address, the name and
the configured network alone, which are so beyond a limit. Who fails is answered late; who has failed too often has to
wait before a password is even looked at, one after the other, so that guessing does not take the processors from others.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

from lightmail.auth.client_limits import NetworkTable, address_block
from lightmail.config import Limits
from lightmail.errors import TooManyLogins
from lightmail.obs.metrics import Counts, counts
from lightmail.ports.rates import RateLimiter
from lightmail.ports.tally import QUARTER_S

WINDOW_S = QUARTER_S
"""A failure this long ago no longer counts."""
MAX_DELAY_S = 8.0
ENTRIES = 10_000
"""The oldest entries are forgotten beyond this many (law 7)."""
SUSPECTS_AT_ONCE = 1
"""Passwords that are looked at for all places together from which something has failed: others do not queue behind them."""
MOST_WAITING = 64
"""Logins from one address that wait for each other."""


class _Counted(NamedTuple):
    key: str
    free: int
    """So many failures cost nothing."""


@dataclass(slots=True)
class _Line:
    """Logins of one address."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class FailureDelays:
    """Counts failures. The counts are those of all nodes where the limiter's are.

    peer, everywhere: a host address, "" for a unix socket. address: of an account, "" for a name that can be none's.
    """

    def __init__(
        self, first_s: float, rates: RateLimiter, limits: Limits | None = None, counted: Counts = counts
    ) -> None:
        """limits: None: only the name together with the address counts."""
        self._first_s = first_s
        self._rates = rates
        self._limits = limits
        self._counts = counted
        self._networks = NetworkTable(limits.networks if limits is not None else {})
        self._failed_here: OrderedDict[str, None] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        """Names that have logged in from an address."""
        self._lines: dict[str, _Line] = {}
        self._suspects = asyncio.Semaphore(SUSPECTS_AT_ONCE)

    async def failed(self, address: str, peer: str, *, again: str = "") -> float:
        """Take note of a failure. Returns how long to wait before saying so.

        again: the same for the same proof of the same claim, which counts once; "": it is not known.
        """
        pair = _pair(address, peer)
        _note(self._failed_here, pair)
        counted = [_Counted(pair, 0), *self._counted_alone(address, peer)]
        repeated = bool(again) and await self._rates.hit(f"again:{again}", window_s=WINDOW_S) > 1
        count = self._rates.count if repeated else self._rates.hit
        found = await asyncio.gather(*(count(each.key, window_s=WINDOW_S) for each in counted))
        delays_s = (self._delay_s(number - each.free) for each, number in zip(counted, found, strict=True))
        return max(delays_s) if not repeated else max(*delays_s, self._first_s)

    @asynccontextmanager
    async def turn(self, address: str, peer: str) -> AsyncIterator[None]:
        """Within it a password may be looked at. Those of one address come one after the other, late if too many have
        failed from there, and one after the other with all places from which something has failed; who has logged in
        from there before does not wait for the others.

        Raises TooManyLogins: too many wait already.
        """
        if self._limits is None or not peer or self._unlimited(peer):
            yield
            return
        known = _pair(address, peer) in self._known
        name = _pair(address, peer) if known else address_block(peer)
        line = self._lines.setdefault(name, _Line())
        if line.waiting >= MOST_WAITING:
            self._counts.logins["later"] += 1
            raise TooManyLogins
        line.waiting += 1
        try:
            async with line.lock:
                suspected, delay_s = (False, 0.0) if known else await self._suspicion(address, peer)
                if delay_s:
                    self._counts.delayed["login"] += 1
                    await asyncio.sleep(delay_s)
                async with self._suspects if suspected else nullcontext():
                    yield
        finally:
            line.waiting -= 1
            if not line.waiting:
                del self._lines[name]

    def succeeded(self, address: str, peer: str) -> bool:
        """Whether there are failures to `forget`, as far as this process knows."""
        _note(self._known, _pair(address, peer))
        return self.failed_here(address, peer)

    def failed_here(self, address: str, peer: str) -> bool:
        """The same."""
        return _pair(address, peer) in self._failed_here

    async def forget(self, address: str, peer: str) -> None:
        """Of this name from this address; what counts for the address alone stays."""
        pair = _pair(address, peer)
        self._failed_here.pop(pair, None)
        await self._rates.forget(pair)

    async def _suspicion(self, address: str, peer: str) -> tuple[bool, float]:
        """Whether anything has failed there, and how long to wait for it."""
        counted = self._counted_alone(address, peer)
        found = await asyncio.gather(*(self._rates.count(each.key, window_s=WINDOW_S) for each in counted))
        delays_s = (self._delay_s(number - each.free) for each, number in zip(counted, found, strict=True))
        return any(found), max(delays_s, default=0.0)

    def _counted_alone(self, address: str, peer: str) -> list[_Counted]:
        limits = self._limits
        if limits is None or not peer or self._unlimited(peer):
            return []
        network = self._networks.find(peer)
        found = [_Counted(f"login-from:{address_block(peer)}", limits.address_failed_logins)]
        if network is not None:
            found.append(_Counted(f"login-in:{network.network}", network.failed_logins))
        if address and _pair(address, peer) not in self._known:
            found.append(_Counted(f"login-as:{address}", limits.user_failed_logins))
        return [each for each in found if each.free]

    def _unlimited(self, peer: str) -> bool:
        network = self._networks.find(peer)
        return network is not None and network.unlimited

    def _delay_s(self, failures: int) -> float:
        return min(self._first_s * 2.0 ** min(failures - 1, 16), MAX_DELAY_S) if failures > 0 else 0.0


def _pair(address: str, peer: str) -> str:
    return f"login:{address}:{address_block(peer)}"


def _note(entries: OrderedDict[str, None], key: str) -> None:
    entries[key] = None
    entries.move_to_end(key)
    if len(entries) > ENTRIES:
        entries.popitem(last=False)
