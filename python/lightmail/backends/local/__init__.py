"""What one machine offers: its clock, and a change feed for the processes on it."""

from __future__ import annotations

from lightmail.backends.local.clock import SystemClock
from lightmail.backends.local.feed import LocalChangeFeed

__all__ = ["LocalChangeFeed", "SystemClock"]
