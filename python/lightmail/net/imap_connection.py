"""One IMAP connection: a socket around a dispatcher.

Octets are answered where they arrive. A task exists while a command waits for something, and no longer; meanwhile
further octets are taken up to a bound, then the client's socket is left alone. What is written leaves in one piece
when the dispatcher has nothing more to do, or waits.

Compressed octets are inflated in pieces, each of which is answered before the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

import structlog

from lightmail.auth.client_limits import Seat
from lightmail.auth.line import ChannelBindings
from lightmail.config.networks import normal_host
from lightmail.imap.capabilities import Capabilities
from lightmail.imap.dispatch import Dispatcher
from lightmail.imap.errors import ConnectionLost
from lightmail.imap.session import Session
from lightmail.model import Origin
from lightmail.net import eager
from lightmail.net.channel_bindings import channel_bindings
from lightmail.net.deflate import BrokenStream, Deflate
from lightmail.net.writer import Writer

if TYPE_CHECKING:
    from lightmail.net.imap_server import ImapServer

Work = Callable[[], Coroutine[Any, Any, None]]

TLS_HANDSHAKE_TIMEOUT_S = 30.0
INPUT_HIGH_WATER_OCTETS = 65_536
"""A connection with more unread input than this, while it is busy, reads no further."""

PIECES_IN_A_ROW = 16
"""So many pieces of compressed input are answered before other connections get their turn."""

_QUICK_ACKNOWLEDGE: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Linux has it."""

_log = structlog.get_logger("lightmail.imap")


class Connection(asyncio.Protocol):
    """Implements `imap.session.Output` and `net.wheel.Entry` too."""

    __slots__ = (
        "_capabilities",
        "_deflate",
        "_dispatcher",
        "_end_of_input",
        "_heard",
        "_loop",
        "_origin",
        "_reading",
        "_seat",
        "_server",
        "_session",
        "_task",
        "_transport",
        "_work",
        "_writer",
        "channel_bindings",
        "peer_host",
        "protocol",
        "tls",
    )

    def __init__(self, server: ImapServer, capabilities: Capabilities, origin: Origin | None = None) -> None:
        """capabilities: of the listener that it came to. origin: the client, where a proxy stands between; None: it is
        the socket's other side.
        """
        self.tls = False
        self.peer_host: str | None = None
        self.channel_bindings: ChannelBindings | None = None
        self._server = server
        self._capabilities = capabilities
        self._origin = origin
        self._seat: Seat | None = None
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._work: Work | None = None
        """What waits for the task's end."""
        self._reading = True
        self._end_of_input = False
        self._deflate: Deflate | None = None
        self._heard = server.wheel.tick
        self.protocol = "imap"
        self._transport: asyncio.Transport | None = None
        self._writer: Writer
        self._session: Session
        self._dispatcher: Dispatcher

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        server = self._server
        self._transport = stream = cast(asyncio.Transport, transport)
        self._secured(stream)
        peer, origin = stream.get_extra_info("peername"), self._origin
        if origin is not None:
            self.peer_host = origin.host
        elif isinstance(peer, tuple):
            self.peer_host = normal_host(str(peer[0]))
        self.protocol = "imaps" if self.tls else "imap"
        if origin is not None and origin.tls:
            self.tls = True  # between the client and the proxy: there is no other to begin
        server.counts.connections[self.protocol] += 1
        self._writer = Writer(stream, self._loop, server.config.limits.output_high_water_octets, server.counts)
        seat = server.client_limits.enter(self.peer_host) if server.client_limits is not None else None
        self._seat = seat
        self._session = Session(
            mail=server.mail,
            authenticator=server.authenticator,
            config=server.config,
            capabilities=self._capabilities,
            output=self,
            logins=server.counts.logins,
            seat=seat,
            decisions=server.decisions,
        )
        self._dispatcher = Dispatcher(self._session, server.limits_before_login, server.counts)
        welcome = server.opened(self)
        if server.ending:
            self._session.end("Shutting down", b"UNAVAILABLE")
        elif not welcome:
            server.counts.refused["connections"] += 1
            self._session.end("Too many connections", b"LIMIT")
        elif seat is not None and seat.refusal:
            self._session.end(seat.refusal, b"LIMIT")
        else:
            self.write(b"* OK [CAPABILITY %s] LightMail is here\r\n" % self._session.capability_list())
            self._writer.flush()
            server.wheel.add(self, server.wheel.tick + server.login_ticks)

    def data_received(self, data: bytes) -> None:
        server = self._server
        if self._session.user is not None:
            # Before login the time counts from the beginning: octet by octet nobody stays longer.
            self._heard = server.wheel.tick
        server.counts.octets_in += len(data)
        if self._deflate is None:
            self._dispatcher.feed(data)
        else:
            if not self._deflate.awake:
                server.wheel.remove(self)
                server.wheel.add(self, server.wheel.tick + server.awake_ticks)
            self._deflate.receive(data)
        if self._task is None:
            self._run()
        if self._reading and self._unread_octets > INPUT_HIGH_WATER_OCTETS:
            self._reading = False
            if self._transport is not None:
                self._transport.pause_reading()
        if self._dispatcher.within_append and self.peer_host is not None:
            self._acknowledge_at_once()

    def eof_received(self) -> bool:
        """A client may send all it has and wait for the answers: stay until they are given (TLS cannot)."""
        self._end_of_input = True
        return (self._task is not None or self._waits_compressed > 0) and not self.tls

    def pause_writing(self) -> None:
        self._writer.pause()

    def resume_writing(self) -> None:
        self._heard = self._server.wheel.tick
        self._writer.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()

    # ---- imap.session.Output

    def write(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def drain(self) -> None:
        await self._writer.drain()

    def send_now(self, octets: bytes) -> None:
        if not self._writer.paused:
            self._writer.write(octets)
            self._writer.flush()

    def run_soon(self, work: Work) -> None:
        self._loop.call_soon(self._start_work, work)

    async def start_tls(self) -> None:
        transport, context = self._transport, self._server.tls
        if transport is None or context is None:
            raise ConnectionLost
        self._writer.flush()
        try:
            upgraded = await self._loop.start_tls(
                transport, self, context, server_side=True, ssl_handshake_timeout=TLS_HANDSHAKE_TIMEOUT_S
            )
        except OSError as error:
            # The handshake failed (ssl.SSLError is an OSError): there is no way back to clear text, and nobody else
            # is told of the end (asyncio tells a protocol only what follows a handshake).
            transport.abort()
            self._lost()
            raise ConnectionLost from error
        if upgraded is None:
            raise ConnectionLost
        self._transport = upgraded
        self._secured(upgraded)
        self._writer.attach(upgraded)

    @property
    def compressing(self) -> bool:
        return self._deflate is not None

    def start_compression(self) -> None:
        server = self._server
        if self._transport is None:
            return
        self._deflate = Deflate()
        self._writer.encode(self._deflate.compress)
        server.wheel.remove(self)
        server.wheel.add(self, server.wheel.tick + server.awake_ticks)

    def start_over(self) -> None:
        server, deflate = self._server, self._deflate
        if self._transport is None:
            return
        if deflate is not None:
            # RFC 8437 §4.1: the client compresses nothing behind the command, and may have sent that already.
            self._deflate = None
            self._writer.encode(None, last=deflate.end)
            self._dispatcher.feed(deflate.rest())
        server.wheel.remove(self)
        server.wheel.add(self, server.wheel.tick + server.login_ticks)

    def close(self) -> None:
        self._writer.flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ---- for the server

    def end_when_idle(self) -> None:
        self._dispatcher.ending = True
        if self._task is None and self._dispatcher.between_commands:
            self._session.end("Shutting down", b"UNAVAILABLE")

    def due(self, tick: int) -> int:
        """Autologout (RFC 9051 §5.4). Whoever has a command running is not idle, unless it does not read the answer."""
        server = self._server
        patience = server.idle_ticks if self._session.user is not None else server.login_ticks
        if tick < self._heard + patience:
            return min(self._heard + patience, self._rest(tick))
        if self._writer.paused or (self._transport is not None and self._transport.is_closing()):
            server.counts.timeouts += 1
            self.abort()
        elif self._task is not None:
            self._heard = tick
        else:
            server.counts.timeouts += 1
            self._session.end("Nothing heard for too long")
        return tick + patience

    def _secured(self, transport: asyncio.BaseTransport) -> None:
        """Take note of what TLS says of the connection, if it speaks TLS."""
        ssl_object = transport.get_extra_info("ssl_object")
        self.tls = ssl_object is not None
        if ssl_object is not None:
            self.channel_bindings = channel_bindings(ssl_object.context)

    # ---- running

    def _rest(self, tick: int) -> int:
        """Let what is compressed hold little memory, if nothing has come for a while. When to look again."""
        deflate, server = self._deflate, self._server
        if deflate is None or not deflate.awake:
            return tick + server.idle_ticks
        if tick >= self._heard + server.awake_ticks and self._task is None:
            deflate.sleep()
        return tick + server.awake_ticks

    @property
    def _waits_compressed(self) -> int:
        """Octets that have come and are not inflated yet."""
        return self._deflate.waiting_octets if self._deflate is not None else 0

    @property
    def _unread_octets(self) -> int:
        """Waiting for a command that runs, or for the turn of this connection."""
        return self._waits_compressed + (self._dispatcher.buffered_octets if self._task is not None else 0)

    def _run(self) -> None:
        """Answer what has come, as far as it can be answered at once."""
        if self._deflate is None:
            self._step()
            return
        for _ in range(PIECES_IN_A_ROW):
            piece = self._inflated()
            if not piece:
                self._step()
                return
            self._dispatcher.feed(piece)
            self._step()
            if self._task is not None or self._transport is None or self._deflate is None:
                return
        # Others have their turn.
        self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._task is None and self._transport is not None:
            self._run()

    def _inflated(self) -> bytes:
        """The next piece of what has come compressed, if there is one."""
        deflate, transport = self._deflate, self._transport
        if deflate is None or transport is None or transport.is_closing():
            return b""
        try:
            return deflate.take()
        except BrokenStream:
            self._session.end("That is not what DEFLATE makes")
            return b""

    def _step(self) -> None:
        """Answer what the dispatcher has been fed."""
        task = eager.start(self._dispatcher.run(), self._loop)
        self._writer.flush()
        if task is None:
            if self._dispatcher.ending or self._end_of_input or not self._reading:
                self._settle()
        else:
            self._keep(task)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._task = task
        self._writer.by_turns = True
        self._server.hold(task)
        task.add_done_callback(self._ran)

    def _ran(self, task: asyncio.Task[None]) -> None:
        """What had to wait is done; go on with what has arrived since."""
        self._task = None
        self._writer.by_turns = False
        if not task.cancelled() and task.exception() is not None:
            _log.error("connection failed", exc_info=task.exception())
            self.abort()
        work, self._work = self._work, None
        if self._transport is None:
            self._forget()
        else:
            if work is not None:
                self.run_soon(work)
            self._run()

    def _settle(self) -> None:
        """Nothing runs, and not everything is as it is with most connections."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._dispatcher.ending:
            self.end_when_idle()
        if self._waits_compressed:
            return
        if self._end_of_input:
            transport.close()
        elif not self._reading:
            self._reading = True
            transport.resume_reading()

    def _start_work(self, work: Work) -> None:
        if self._transport is None:
            return
        if self._task is not None:
            self._work = work  # once that is done
            return
        if self._writer.paused:
            self._writer.when_writable(lambda: self.run_soon(work))
            return
        task = eager.start(self._dispatcher.between_runs(work), self._loop)
        self._writer.flush()
        if task is not None:
            self._keep(task)

    def _acknowledge_at_once(self) -> None:
        """Many clients send a literal and the CRLF behind it in two pieces, and their kernel holds the second back
        until the first is acknowledged (Nagle), which ours would put off for 40 ms. The kernel forgets it again.
        """
        if _QUICK_ACKNOWLEDGE is None or self._transport is None or self._transport.is_closing():
            return
        with contextlib.suppress(OSError):  # closed by now; nothing depends on this
            self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _QUICK_ACKNOWLEDGE, 1)

    def _lost(self) -> None:
        if self._transport is None:
            return
        self._transport = None
        self._writer.lost()
        server = self._server
        server.wheel.remove(self)
        server.closed(self)
        if self._seat is not None:
            self._seat.leave()
        server.counts.connections_closed[self.protocol] += 1
        if self._task is None:
            self._forget()

    def _forget(self) -> None:
        """Let go of everything a gone client held."""
        task = eager.start(self._dispatcher.lost(), self._loop)
        if task is not None:
            self._server.hold(task)
