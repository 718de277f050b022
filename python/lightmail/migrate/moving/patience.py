"""A backend that goes for a moment costs time. Everything that moving writes may be written twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import structlog

from lightmail.errors import NeedsOperator, StoreSealed, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_S = 120.0
"""How long one thing is tried before the migration ends, to be run again later."""
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0

_log = structlog.get_logger("lightmail.migrate")


async def patiently(attempt: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Raises what `attempt` raises last; at once what waiting does not change."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + PATIENCE_S
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return await attempt(*args, **kwargs)
        except (StoreSealed, NeedsOperator):
            raise
        except Unavailable as error:
            if loop.time() + pause_s > end_s:
                raise
            _log.warning("trying again", problem=str(error), pause_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
