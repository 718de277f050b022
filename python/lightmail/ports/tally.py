"""The Tally port: what the processes of one machine count together, at once and without a word between them."""

from __future__ import annotations

from typing import Protocol

MINUTE_S = 60.0
QUARTER_S = 900.0
"""A quarter of an hour."""
WINDOWS_S = (MINUTE_S, QUARTER_S)
"""The lengths of window in which events are counted; there are no others."""


class Tally(Protocol):
    """Counts by key, in memory of a fixed size however many keys there are: they may be a little too high, as keys share
    places, and never too low. Nothing here waits or raises.
    """

    def hold(self, key: str) -> int:
        """One more of what this process has open under a key; how many all processes have open, this one included."""
        ...

    def let_go(self, key: str) -> None:
        """One less. A process that ends, however it does, has let go of everything."""
        ...

    def hit(self, key: str, *, window_s: float) -> int:
        """One more event. How many there have been within the last `window_s`, this one included."""
        ...

    def count(self, key: str, *, window_s: float) -> int:
        """The same without adding one."""
        ...

    def forget(self, key: str) -> None:
        """Its events have not been."""
        ...
