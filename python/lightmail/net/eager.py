"""Coroutines that are run where they are started, and become tasks only when they have to wait.

Most commands are answered without waiting for anything; a task for each would cost a turn of the loop and more time
than the command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any


def start(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
    """Run `work` up to its end, or to the first thing it waits for; then the rest is a task. None: it has ended.

    Raises what `work` raises before it waits. Until then there is no current task, so `asyncio.timeout` and task
    groups may only follow a first wait.
    """
    try:
        waits_for = work.send(None)
    except StopIteration:
        return None
    return loop.create_task(_rest(work, waits_for))


@coroutine
def _rest(work: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """What `work` still has to do, as something a task can run: first of all it waits for `waits_for`."""
    while True:
        try:
            yield waits_for
        except BaseException as error:
            # The task was cancelled, or the future failed: `work` is told as if the task had run it from the start.
            try:
                waits_for = work.throw(error)
            except StopIteration:
                return
        else:
            # `work` goes on without this frame from here; the value of the future is its own to fetch.
            yield from work.__await__()
            return
