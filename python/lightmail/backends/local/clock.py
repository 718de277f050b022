"""The clock of the machine."""

from __future__ import annotations

import time


class SystemClock:
    """Implements `ports.clock.Clock`."""

    def now_s(self) -> int:
        return int(time.time())

    def monotonic_s(self) -> float:
        return time.monotonic()
