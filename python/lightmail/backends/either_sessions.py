"""Who is connected, in a table that may be away, or else in another one that is there: Redis, or else the database."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from lightmail.errors import Unavailable
from lightmail.model import ClientSession
from lightmail.ports.sessions import SessionTable


class EitherSessions:
    """Implements `ports.sessions.SessionTable`.

    A process is in the second table while the first is away; once that is back it is told all again, and forgotten in
    the second. Nobody has to close the first before the second: they are their maker's.
    """

    def __init__(self, first: SessionTable, second: SessionTable) -> None:
        self._first = first
        self._second = second
        self._elsewhere: set[str] = set()
        """Processes of which the second table has been told."""

    async def beat(
        self, process: str, opened: Sequence[ClientSession], closed: Sequence[str], *, all_ids: Sequence[str]
    ) -> bool:
        try:
            known = await self._first.beat(process, opened, closed, all_ids=all_ids)
        except Unavailable:
            self._elsewhere.add(process)
            return await self._second.beat(process, opened, closed, all_ids=all_ids)
        if known:
            await self._leave_second(process)
        return known

    async def list(self, *, address: str | None = None) -> list[ClientSession]:
        """Raises Unavailable when neither answers."""
        found = {each.id: each for each in await self._second.list(address=address)}
        with contextlib.suppress(Unavailable):  # who looks for it says so in the log
            found |= {each.id: each for each in await self._first.list(address=address)}
        return sorted(found.values(), key=lambda each: (each.address, each.since_s, each.id))

    async def forget(self, process: str) -> None:
        await self._leave_second(process)
        await self._first.forget(process)

    async def close(self) -> None:
        await self._first.close()
        await self._second.close()

    async def _leave_second(self, process: str) -> None:
        if process in self._elsewhere:
            await self._second.forget(process)
            self._elsewhere.discard(process)
