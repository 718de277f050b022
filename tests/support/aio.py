"""Running coroutines in tests: each test its own loop, of the kind the server uses."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

TIMEOUT_S = 280.0
"""Below pytest's own, whose signal a waiting uvloop does not hear."""


def run(coroutine: Coroutine[Any, Any, T], *, timeout_s: float | None = TIMEOUT_S) -> T:
    """Run to completion on a fresh uvloop; raises what the coroutine raises, TimeoutError when it hangs.

    timeout_s: None: for ever.
    """

    async def bounded() -> T:
        async with asyncio.timeout(timeout_s):
            return await coroutine

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(bounded())
