"""Failed logins are answered late, later each time. Nobody is locked out, and nothing runs while nobody tries."""

from __future__ import annotations

from collections import OrderedDict

from lightmail.ports.rates import RateLimiter

WINDOW_S = 900.0
"""A failure this long ago no longer counts."""
MAX_DELAY_S = 8.0
ENTRIES = 10_000
"""The oldest entries are forgotten beyond this many (law 7)."""


class FailureDelays:
    """Counts failures per (address, peer): guessing from one place gets slow, the account's owner elsewhere is not.

    The counts are those of all nodes where the limiter's are.
    """

    def __init__(self, first_s: float, rates: RateLimiter) -> None:
        self._first_s = first_s
        self._rates = rates
        self._failed_here: OrderedDict[str, None] = OrderedDict()

    async def failed(self, address: str, peer: str) -> float:
        """Take note of a failure. Returns how long to wait before saying so."""
        key = _key(address, peer)
        self._failed_here[key] = None
        self._failed_here.move_to_end(key)
        if len(self._failed_here) > ENTRIES:
            self._failed_here.popitem(last=False)
        count = await self._rates.hit(key, window_s=WINDOW_S)
        return min(self._first_s * 2.0 ** min(count - 1, 16), MAX_DELAY_S)

    def failed_here(self, address: str, peer: str) -> bool:
        """Whether there are failures to forget, as far as this process knows."""
        return _key(address, peer) in self._failed_here

    async def forget(self, address: str, peer: str) -> None:
        key = _key(address, peer)
        self._failed_here.pop(key, None)
        await self._rates.forget(key)


def _key(address: str, peer: str) -> str:
    return f"login:{address}:{peer}"
