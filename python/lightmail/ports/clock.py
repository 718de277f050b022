"""The Clock port, so that tests decide what time it is."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def now_s(self) -> int:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic_s(self) -> float: ...
