"""The LMTP server: sockets around the machine, deliveries into the mail store.

An idle connection owns no task and no timer. Commands that need no waiting are answered where their octets arrive;
a task lives while a recipient is looked up or a message stored, and reading stops while it has enough to do.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import cast

import structlog

from lightmail.config import Config
from lightmail.config.networks import Networks, normal_host
from lightmail.errors import LightMailError, SystemFault, Unavailable
from lightmail.lmtp import replies
from lightmail.lmtp.events import (
    Breather,
    Closing,
    Event,
    Limits,
    MessageAborted,
    MessageEnded,
    MessageOctets,
    MessageStarted,
    RecipientOffered,
    Sender,
)
from lightmail.lmtp.grammar import Path
from lightmail.lmtp.protocol import Machine
from lightmail.lmtp.recipients import Recipients
from lightmail.lmtp.replies import Reply
from lightmail.mail.delivery import Delivery, Recipient, Trace
from lightmail.mail.incoming import Incoming
from lightmail.mail.store import MailStore
from lightmail.model import Origin
from lightmail.obs.metrics import counts
from lightmail.obs.troubles import troubles

BUFFER_HIGH_WATER_OCTETS = 65_536
"""A connection with more unread input than this, while it is busy, reads no further."""
SWEEP_S = 15.0
"""How often silent connections are looked for, by one timer for all."""

_log = structlog.get_logger("lightmail.lmtp")


class LmtpServer:
    """All LMTP connections of a process; `connection` is the factory that listeners need."""

    def __init__(self, *, mail: MailStore, config: Config) -> None:
        self.delivery: Delivery = mail.delivery
        self.recipients = Recipients(mail.directory, config.lmtp.subaddress_delimiter)
        self.hostname = config.server.hostname or socket.gethostname()
        self.limits = Limits(message_octets=config.limits.message_octets, recipients=config.lmtp.recipients)
        self.closing = False
        self.trusted = Networks(config.lmtp.xclient_from)
        """Whose XCLIENT is believed."""
        self.defer_over_quota = config.lmtp.over_quota == "defer"
        self._most_connections = config.limits.connections
        self._timeout_s = config.lmtp.timeout_s
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def connection(self, *, origin: Origin | None = None) -> Connection:
        return Connection(self, origin)

    async def close(self, timeout_s: float) -> None:
        """Listeners have been closed. A message on its way may be finished within `timeout_s`; then all are cut."""
        self.closing = True
        for connection in tuple(self._connections):
            connection.close_when_idle()
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- for connections

    def opened(self, connection: Connection) -> Reply | None:
        """Why the connection is not welcome; None when it is."""
        counts.connections["lmtp"] += 1
        self._connections.add(connection)
        self._empty.clear()
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
        if self.closing:
            return replies.SHUTTING_DOWN
        return replies.TOO_MANY_CONNECTIONS if len(self._connections) > self._most_connections else None

    def closed(self, connection: Connection) -> None:
        counts.connections_closed["lmtp"] += 1
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
            if self._sweeper is not None:
                self._sweeper.cancel()
                self._sweeper = None

    def start(self, work: asyncio.Task[None]) -> None:
        """Holds a task until it is done; the loop itself does not (asyncio.create_task)."""
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in tuple(self._connections):
            connection.close_if_silent_since(loop.time() - self._timeout_s)
        self._sweeper = loop.call_later(SWEEP_S, self._sweep) if self._connections else None


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: LmtpServer, origin: Origin | None = None) -> None:
        """origin: the client, where a proxy stands between; None: it is the socket's other side."""
        self._server = server
        self._origin = origin
        self._host: str | None = None
        """Of the client; None for a unix socket."""
        self._machine = Machine(server.hostname, server.limits)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._session = secrets.token_hex(6)
        self._recipients: list[tuple[Path, Recipient]] = []
        self._incoming: Incoming | None = None
        self._sender: Sender | None = None
        self._task: asyncio.Task[None] | None = None
        self._reading = True
        self._end_of_input = False
        self._writable: asyncio.Future[None] | None = None
        """Set while the client does not read our replies fast enough."""
        self._heard_s = self._loop.time()

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if self._origin is not None:
            self._host = self._origin.host
        elif isinstance(peer, tuple):
            self._host = normal_host(str(peer[0]))
        self._machine.may_speak_for_others = self._host in self._server.trusted
        refusal = self._server.opened(self)
        if refusal is not None:
            self._machine.take_output()  # the greeting; RFC 5321 §3.1 wants the refusal in its place
            self._close(refusal)
            return
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._heard_s = self._loop.time()
        self._machine.feed(data)
        if self._task is None:
            self._pump()
        elif self._reading and self._machine.buffered_octets > BUFFER_HIGH_WATER_OCTETS:
            self._reading = False
            if self._transport is not None:
                self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client may have sent all and wait for the answers: stay until they are given (TLS cannot)."""
        self._end_of_input = True
        return self._task is not None and self._transport is not None and not self._tls

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        self._heard_s = self._loop.time()
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.resume_writing()
        self._server.closed(self)
        if self._task is None and self._incoming is not None:
            self._server.start(self._loop.create_task(self._forget_message()))

    # ---- the server's side

    def close_when_idle(self) -> None:
        if self._task is None and self._machine.is_idle:
            self._close(replies.SHUTTING_DOWN)

    def close_if_silent_since(self, time_s: float) -> None:
        if self._heard_s > time_s:
            return
        if self._writable is not None or (self._transport is not None and self._transport.is_closing()):
            self.abort()
        elif self._task is None:
            self._close(replies.TIMED_OUT)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ---- events

    def _pump(self) -> None:
        """Answer what can be answered at once; a task does the rest, and waits for a client that does not read."""
        event = self._machine.next_event() if self._writable is None else Breather()
        if event is None:
            self._flush()
            if self._server.closing:
                self.close_when_idle()
            return
        self._task = self._loop.create_task(self._work(event))
        self._server.start(self._task)

    async def _work(self, first: Event) -> None:
        event: Event | None = first
        try:
            while event is not None and self._transport is not None:
                await self._handle(event)
                if self._writable is not None:
                    await self._writable
                event = self._machine.next_event()
        except Exception:
            # One connection pays for a bug (law 8); the client keeps the message and tries again.
            _log.exception("lmtp connection failed", session=self._session)
            self._close(replies.INTERNAL_CLOSING)
        self._task = None
        if self._transport is None:
            await self._forget_message()
            return
        self._flush()
        if self._end_of_input:
            self._transport.close()
        elif self._server.closing:
            self.close_when_idle()
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    async def _handle(self, event: Event) -> None:
        match event:
            case RecipientOffered(path):
                await self._find_recipient(path)
            case MessageStarted(sender):
                await self._start_message(sender)
            case MessageOctets(octets):
                await self._take_octets(octets)
            case MessageEnded():
                await self._deliver()
            case MessageAborted():
                await self._forget_message()
            case Breather():
                self._flush()
                await asyncio.sleep(0)
            case Closing():
                await self._forget_message()
                self._flush()
                if self._transport is not None:
                    self._transport.close()

    async def _find_recipient(self, path: Path) -> None:
        try:
            recipient = await self._server.recipients.find(path)
        except LightMailError as error:
            self._machine.refuse_recipient(self._reply_for(error))
            return
        if self._machine.accept_recipient() == 1:
            self._recipients.clear()
        self._recipients.append((path, recipient))

    async def _start_message(self, sender: Sender) -> None:
        self._sender = sender
        trace = Trace(
            sender=sender.path.text,
            addresses=[path.text for path, _ in self._recipients],
            client=f"{self._machine.client.helo or self._machine.peer_name} ({self._peer()})",
            protocol=f"{'UTF8' if sender.utf8 else ''}LMTP{'S' if self._tls else ''}",
            session=self._session,
        )
        try:
            recipients = [recipient for _, recipient in self._recipients]
            self._incoming = await self._server.delivery.receive(trace, recipients)
        except LightMailError as error:
            self._machine.fail_message(self._reply_for(error))

    async def _take_octets(self, octets: bytes) -> None:
        if self._incoming is None:
            return
        try:
            await self._incoming.write(octets)
        except LightMailError as error:
            self._incoming = None
            self._machine.fail_message(self._reply_for(error))

    async def _deliver(self) -> None:
        """The replies are promises (law 1): they follow the durable body and the committed transaction."""
        incoming, self._incoming = self._incoming, None
        recipients = [recipient for _, recipient in self._recipients]
        if incoming is None:
            raise RuntimeError("a message ended that had not begun")
        try:
            body = await incoming.finish()
            outcomes = await self._server.delivery.deliver(recipients, body)
        except LightMailError as error:
            outcomes = [error] * len(recipients)
        told = {outcome: self._reply_for(outcome) for outcome in set(outcomes) if outcome is not None}
        answers = [replies.DELIVERED if outcome is None else told[outcome] for outcome in outcomes]
        self._machine.delivered(answers)
        counts.deliveries.update("delivered" if answer.code == 250 else str(answer.code) for answer in answers)
        _log.info(
            "delivered" if all(outcome is None for outcome in outcomes) else "delivery failed",
            session=self._session,
            sender=self._sender.path.text if self._sender else "",
            recipients=[path.text for path, _ in self._recipients],
            replies=sorted({answer.code for answer in answers}),
            octets=incoming.octets,
            peer=self._machine.client.host or self._host,
            **({"login": self._machine.client.login} if self._machine.client.login else {}),
        )

    async def _forget_message(self) -> None:
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.abort()

    # ---- helpers

    @property
    def _tls(self) -> bool:
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is not None

    def _peer(self) -> str:
        """The client's address as RFC 5321 §4.1.3 writes it, behind its name if that is known."""
        client = self._machine.client
        host = client.host or self._host
        if host is None:
            return "unix socket"
        address = f"[IPv6:{host}]" if ":" in host else f"[{host}]"
        return f"{client.name} {address}" if client.name else address

    def _reply_for(self, error: LightMailError) -> Reply:
        """And the log's line of a fault; in full, unless it is something that is away, which is told once."""
        if isinstance(error, Unavailable):
            troubles.met(error, "lmtp fault", session=self._session)
        elif isinstance(error, SystemFault):
            _log.error("lmtp fault", session=self._session, error=str(error), exc_info=error)
        return replies.reply_for(error, defer_over_quota=self._server.defer_over_quota)

    def _flush(self) -> None:
        output = self._machine.take_output()
        if output and self._transport is not None:
            self._transport.write(output)

    def _close(self, reply: Reply) -> None:
        self._machine.close(reply)
        self._flush()
        if self._transport is not None:
            self._transport.close()
