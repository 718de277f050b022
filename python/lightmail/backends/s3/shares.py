"""Who may ask the store next: so many requests at a time, and those that wait are served account by account in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Turns(Generic[T]):
    """Queues, one for each account, emptied in turn: one from the first, one from the second, and so on around.

    What an account adds goes behind what it has there already; an account that comes anew goes to the end of the round.
    Pure; every operation takes constant time.
    """

    def __init__(self) -> None:
        # Both are ordered: the accounts as their turn comes, each one's items as they came.
        self._round: dict[int, dict[T, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._round)

    def add(self, account: int, item: T) -> None:
        self._round.setdefault(account, {})[item] = None

    def remove(self, account: int, item: T) -> None:
        """Does nothing when it is not there any more."""
        queue = self._round.get(account)
        if queue is not None:
            queue.pop(item, None)
            if not queue:
                del self._round[account]

    def next(self) -> T | None:
        """Takes out the item whose turn it is. None: there is none."""
        for account, queue in self._round.items():
            item = next(iter(queue))
            del queue[item], self._round[account]
            if queue:
                self._round[account] = queue
            return item
        return None


class Shares:
    """At most `at_once` between `enter` and `leave`."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._turns: Turns[asyncio.Future[None]] = Turns()
        self.waiting = 0

    def try_enter(self) -> bool:
        """Whether it could be had without waiting; then `leave` must follow."""
        if self._free and not self._turns:
            self._free -= 1
            return True
        return False

    async def enter(self, account: int) -> None:
        """`leave` must follow, unless this was cancelled."""
        if self.try_enter():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.add(account, turn)
        self.waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            self._turns.remove(account, turn)
            # Cancelled in the moment its turn had come: the next one takes it.
            if not turn.cancelled():
                self.leave()
            raise
        finally:
            self.waiting -= 1

    def leave(self) -> None:
        while (turn := self._turns.next()) is not None:
            # One that was cancelled has not run yet to take itself out.
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
