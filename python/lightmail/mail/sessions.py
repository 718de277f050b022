"""Who is logged in to this process, told to the table that all processes share: in batches, by one timer.

Logging in and out costs a dictionary entry. The table is told about a second later, and every BEAT_S that the sessions
are still there; when it cannot be told, it is told all of it later. A process without sessions says nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets

import structlog

from lightmail.errors import SystemFault
from lightmail.model import ClientSession, User
from lightmail.ports.clock import Clock
from lightmail.ports.sessions import SessionTable

_log = structlog.get_logger("lightmail.sessions")

BEAT_S = 30.0
GATHER_S = 1.0
"""How long a change waits for others."""
RETRY_S = 5.0
"""After the table could not be told, or has lost what it was told."""


class ClientSessions:
    """One per process; bound to the loop it is first used on."""

    def __init__(
        self,
        table: SessionTable | None,
        *,
        clock: Clock,
        node: str,
        beat_s: float = BEAT_S,
        gather_s: float = GATHER_S,
        retry_s: float = RETRY_S,
    ) -> None:
        """table: None: nobody is told, and nobody can ask. node: the host name of this server."""
        self.process = secrets.token_hex(8)
        """This process among those of all nodes."""
        self._table = table
        self._clock = clock
        self._node = node
        self._beat_s = beat_s
        self._gather_s = gather_s
        self._retry_s = retry_s
        self._numbers = itertools.count(1)
        self._open: dict[str, ClientSession] = {}
        self._opened: dict[str, ClientSession] = {}
        self._closed: set[str] = set()
        self._known = False
        """The table has heard of this process, and has not forgotten it since."""
        self._failing = False
        self._told = False
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._beating: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, user: User, *, protocol: str, peer: str | None) -> str:
        """Somebody has logged in. Returns the name of the session, for `closed` and the log. Never blocks."""
        name = f"{self.process}-{next(self._numbers)}"
        if self._table is not None:
            session = ClientSession(
                id=name,
                user_id=user.id,
                address=user.address,
                protocol=protocol,
                peer=peer or "",
                node=self._node,
                process=self.process,
                since_s=self._clock.now_s(),
            )
            self._open[name] = self._opened[name] = session
            self._within(self._gather_s)
        return name

    def closed(self, name: str) -> None:
        """Never blocks. A name that is not there is ignored."""
        if self._open.pop(name, None) is None:
            return
        if self._opened.pop(name, None) is None:
            self._closed.add(name)
        self._within(self._gather_s)

    async def list(self, *, address: str | None = None) -> list[ClientSession]:
        """Those of all processes, ordered by address, then by time. Raises Unavailable."""
        if self._table is None:
            return []
        return await self._table.list(address=address)

    async def close(self) -> None:
        """The process ends, its sessions have gone."""
        if self._timer is not None:
            self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        self._open.clear()
        if self._table is not None and self._told:
            try:
                await self._table.forget(self.process)
            except SystemFault as error:
                _log.info("sessions of this process are listed until they expire", problem=str(error))

    def _within(self, delay_s: float) -> None:
        """See to it that there is a beat in so much time, at the latest."""
        if self._beating is not None:
            return  # what follows it sees what has changed
        loop = asyncio.get_running_loop()
        due_s = loop.time() + delay_s
        if self._timer is not None:
            if self._due_s <= due_s:
                return
            self._timer.cancel()
        self._due_s = due_s
        self._timer = loop.call_later(delay_s, self._start)

    def _start(self) -> None:
        self._timer = None
        self._beating = asyncio.get_running_loop().create_task(self._beat())
        self._beating.add_done_callback(self._ended)

    async def _beat(self) -> None:
        assert self._table is not None
        opened, closed = self._opened, self._closed
        self._opened, self._closed = {}, set()
        if not self._known:
            opened, closed = dict(self._open), set()
        self._told = True
        try:
            self._known = await self._table.beat(
                self.process, list(opened.values()), list(closed), all_ids=list(self._open)
            )
            self._failing = False
        except SystemFault as error:
            if not self._failing:
                _log.warning("who is connected cannot be told to others", problem=str(error))
            self._known, self._failing = False, True

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._beating = None
        if task.cancelled():
            return
        if task.exception() is not None:
            _log.error("telling who is connected failed", exc_info=task.exception())
        if self._failing or not self._known:
            self._within(self._retry_s)
        elif self._opened or self._closed:
            self._within(self._gather_s)
        elif self._open:
            self._within(self._beat_s)
