"""What one machine offers: its clock, a change feed for the processes on it, counts of this process."""

from __future__ import annotations

from lightmail.backends.local.clock import SystemClock
from lightmail.backends.local.feed import LocalChangeFeed
from lightmail.backends.local.rates import LocalRates

__all__ = ["LocalChangeFeed", "LocalRates", "SystemClock"]
