"""What one machine offers: its clock, a change feed and counts for the processes on it."""

from __future__ import annotations

from lightmail.backends.local.clock import SystemClock
from lightmail.backends.local.feed import LocalChangeFeed
from lightmail.backends.local.rates import LocalRates
from lightmail.backends.local.tally import SharedTally, TallyRates

__all__ = ["LocalChangeFeed", "LocalRates", "SharedTally", "SystemClock", "TallyRates"]
