"""Memory for bodies that are uploaded while they arrive: so many parts, of all uploads of a process (law 7).

A part cannot be sent before it is full, so what somebody sends slowly, or stops to send, is held. Each upload has one
part at least, and more while nobody waits for a first one.
"""

from __future__ import annotations

import asyncio

from lightmail.backends.s3.shares import Shares
from lightmail.errors import Unavailable


class Room:
    def __init__(self, parts: int, patience_s: float) -> None:
        """patience_s: how long a first part is waited for."""
        self._shares = Shares(parts)
        self._patience_s = patience_s

    async def take(self, account: int) -> None:
        """`give_back` must follow. Raises Unavailable."""
        if self.try_take():
            return
        if asyncio.current_task() is None:
            await asyncio.sleep(0)  # a first step outside any task (net/eager.py); `asyncio.timeout` needs one
        try:
            async with asyncio.timeout(self._patience_s):
                await self._shares.enter(account)
        except TimeoutError:
            raise Unavailable("the body store (too many large messages are on their way to it)") from None

    def try_take(self) -> bool:
        """Whether it could be had without waiting, and without taking it from who waits."""
        return self._shares.try_enter()

    def give_back(self, parts: int) -> None:
        for _ in range(parts):
            self._shares.leave()
