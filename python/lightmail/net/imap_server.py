"""All IMAP connections of a process: what they share, how many there may be, how they end."""

from __future__ import annotations

import asyncio
import ssl

from lightmail.auth.authenticator import Authenticator
from lightmail.auth.client_limits import ClientLimits
from lightmail.auth.decisions import DecisionService
from lightmail.config import Config
from lightmail.imap.capabilities import Capabilities
from lightmail.imap.dispatch import limits
from lightmail.mail.store import MailStore
from lightmail.model import Origin
from lightmail.net.imap_connection import Connection
from lightmail.net.wheel import TICK_S, Wheel
from lightmail.obs.metrics import Counts, counts

LET_GO_TIMEOUT_S = 5.0
AWAKE_S = 10.0
"""A compressed connection that has been silent for so long gives up its windows."""


class ImapServer:
    """`connection` is the factory that listeners need, for plain and for TLS listeners alike."""

    def __init__(
        self,
        *,
        mail: MailStore,
        authenticator: Authenticator,
        config: Config,
        tls: ssl.SSLContext | None,
        client_limits: ClientLimits | None = None,
        decisions: DecisionService | None = None,
        counted: Counts = counts,
        tick_s: float = TICK_S,
    ) -> None:
        """tls: for STARTTLS; None: it is not offered. May be exchanged later, for new connections. client_limits: None:
        there are none. decisions: None: nobody else is asked who may log in.
        """
        self.mail = mail
        self.authenticator = authenticator
        self.config = config
        self.tls = tls
        self.client_limits = client_limits
        self.decisions = decisions
        self.counts = counted
        self.wheel = Wheel(tick_s)
        self._capabilities = {
            listener: Capabilities(config, tls_available=tls is not None, listener=listener)
            for listener in ("", *config.imap.hide_on)
        }
        self.limits_before_login = limits(config.limits, authenticated=False)
        self.login_ticks = self.wheel.ticks(config.limits.login_timeout_s)
        self.awake_ticks = self.wheel.ticks(AWAKE_S)
        self.idle_ticks = self.wheel.ticks(config.limits.idle_timeout_s)
        self.ending = False
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        """Open connections."""
        return len(self._connections)

    def connection(self, listener: str = "", *, origin: Origin | None = None) -> Connection:
        """listener: as it stands in `imap.listen`, where it is offered less than others. origin: see `Connection`."""
        return Connection(self, self._capabilities.get(listener) or self._capabilities[""], origin)

    def begin_shutdown(self) -> None:
        """Clients that wait are told BYE; commands that run are finished first, APPENDs that have begun included."""
        self.ending = True
        for connection in tuple(self._connections):
            connection.end_when_idle()

    async def wait_empty(self) -> None:
        """Until the last connection has ended."""
        await self._empty.wait()

    async def close(self, timeout_s: float) -> None:
        """Listeners have been closed. Connections end within `timeout_s`, or are cut then; what their commands still do
        is waited for a little longer, and cancelled.
        """
        self.begin_shutdown()
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.abort()
        if self._tasks:
            _, hanging = await asyncio.wait(self._tasks, timeout=LET_GO_TIMEOUT_S)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    # ---- for connections

    def opened(self, connection: Connection) -> bool:
        """False: there are too many."""
        self._connections.add(connection)
        self._empty.clear()
        return len(self._connections) <= self.config.limits.connections

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def hold(self, task: asyncio.Task[None]) -> None:
        """Until it is done; the loop itself does not (asyncio.create_task)."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
