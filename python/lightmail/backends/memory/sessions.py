"""Who is connected to this process, for itself alone."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.memory.state import MemoryState
from lightmail.model import ClientSession
from lightmail.ports.sessions import EXPIRES_S


class MemorySessions:
    """Implements `ports.sessions.SessionTable`."""

    def __init__(self, state: MemoryState) -> None:
        self._clock = state.clock
        self._processes: dict[str, int] = {}
        """When each has last been heard of."""
        self._sessions: dict[str, ClientSession] = {}

    async def beat(
        self, process: str, opened: Sequence[ClientSession], closed: Sequence[str], *, all_ids: Sequence[str]
    ) -> bool:
        now_s = self._clock.now_s()
        for silent in [name for name, seen_s in self._processes.items() if seen_s <= now_s - EXPIRES_S]:
            await self.forget(silent)
        if len(opened) == len(all_ids):
            await self.forget(process)
        self._processes[process] = now_s
        for name in closed:
            self._sessions.pop(name, None)
        self._sessions.update((each.id, each) for each in opened)
        return sum(each.process == process for each in self._sessions.values()) == len(all_ids)

    async def list(self, *, address: str | None = None) -> list[ClientSession]:
        since_s = self._clock.now_s() - EXPIRES_S
        found = [
            each
            for each in self._sessions.values()
            if self._processes[each.process] > since_s and address in (None, each.address)
        ]
        return sorted(found, key=lambda each: (each.address, each.since_s, each.id))

    async def forget(self, process: str) -> None:
        self._processes.pop(process, None)
        for name in [each.id for each in self._sessions.values() if each.process == process]:
            del self._sessions[name]

    async def close(self) -> None:
        """Nothing is open."""
