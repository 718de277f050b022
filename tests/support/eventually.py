"""Waiting for what another process does in its own time, where it gives no event to wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

WITHIN_S = 120.0
"""Long: a loaded machine may stand still for some seconds. Nothing waits so long that comes true at all."""
PAUSE_S = 0.01
"""The other process needs the processor, too."""


def eventually(holds: Callable[[], object]) -> bool:
    """Whether `holds` comes true in time. It is asked again and again, so let it ask the other process each time."""
    end_s = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(PAUSE_S)
    return True


async def eventually_async(holds: Callable[[], Awaitable[object]]) -> bool:
    """The same where asking takes its time; other tasks of the loop go on."""
    end_s = time.monotonic() + WITHIN_S
    while not await holds():
        if time.monotonic() > end_s:
            return False
        await asyncio.sleep(PAUSE_S)
    return True
