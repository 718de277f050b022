"""Failed logins are answered late, later each time. Nobody is locked out, and nothing runs while nobody tries."""

from __future__ import annotations

from collections import OrderedDict

WINDOW_S = 900.0
"""A failure this long ago no longer counts."""
MAX_DELAY_S = 8.0
ENTRIES = 10_000
"""The oldest entries are forgotten beyond this many (law 7)."""


class FailureDelays:
    """Counts failures per (address, peer): guessing from one place gets slow, the account's owner elsewhere is not."""

    def __init__(self, first_s: float) -> None:
        self._first_s = first_s
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def failed(self, address: str, peer: str, now_s: float) -> float:
        """Take note of a failure at `now_s` (monotonic). Returns how long to wait before saying so."""
        key = (address, peer)
        count, last_s = self._failures.pop(key, (0, now_s))
        if now_s - last_s > WINDOW_S:
            count = 0
        self._failures[key] = (count + 1, now_s)
        if len(self._failures) > ENTRIES:
            self._failures.popitem(last=False)
        return min(self._first_s * 2.0 ** min(count, 16), MAX_DELAY_S)

    def succeeded(self, address: str, peer: str) -> None:
        self._failures.pop((address, peer), None)
