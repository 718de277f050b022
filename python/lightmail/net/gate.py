"""What is asked of a connection before it is one: may its address come, and for whom does a proxy speak?

Listeners that ask take connections with an `Acceptor`; the others leave that to the loop, which does not know such
questions. They are asked before TLS begins: who is not welcome costs no handshake, and a PROXY header stands in front
of it.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Protocol

import structlog

from lightmail.config.networks import Networks, Rule, normal_host
from lightmail.model import Origin
from lightmail.net.proxy_header import MAX_V2_OCTETS, ProxyHeader, ProxyHeaderBroken
from lightmail.obs.metrics import Counts, counts

ACCEPTED_IN_A_ROW = 64
"""So many connections are taken before others get their turn."""
HEADERS_ON_THEIR_WAY = 1_024
"""Of one listener; more connections wait in the kernel."""
PAUSE_S = 1.0
"""After the system had no descriptor for another connection."""

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_log = structlog.get_logger("lightmail.net")


class ProtocolFactory(Protocol):
    def __call__(self, *, origin: Origin | None = None) -> asyncio.BaseProtocol:
        """For a new connection; origin: whose it is, when a proxy says so."""
        ...


class Gate:
    """The questions of one listener."""

    def __init__(
        self,
        listener: str,
        *,
        rule: Rule | None = None,
        proxies: Networks | None = None,
        header_timeout_s: float = 3.0,
        counted: Counts = counts,
    ) -> None:
        """listener: for the log. rule: which clients may come; None: all. proxies: who may come, and says in a PROXY
        header who the client is; None: clients come themselves.
        """
        self.listener = listener
        self.proxies = proxies
        self.header_timeout_s = header_timeout_s
        self._rule = rule
        self._counts = counted

    def allows(self, host: str | None) -> bool:
        """Whether a client may come; one that may not is in the log."""
        if self._rule is None or self._rule.allows(host):
            return True
        self.refused("network", "connection refused", peer=host)
        return False

    def refused(self, reason: str, event: str, **fields: object) -> None:
        self._counts.refused[reason] += 1
        _log.warning(event, listener=self.listener, **fields)


class Acceptor:
    """Takes connections from a listening socket, through a gate."""

    def __init__(
        self,
        sock: socket.socket,
        gate: Gate,
        factory: ProtocolFactory,
        *,
        tls: ssl.SSLContext | None,
        handshake_s: float | None,
    ) -> None:
        self._socket = sock
        self._gate = gate
        self._factory = factory
        self._tls = tls
        self._handshake_s = handshake_s
        self._loop = asyncio.get_running_loop()
        self._headers: set[_HeaderOnItsWay] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._resuming: asyncio.TimerHandle | None = None
        self._reading = False
        self._closed = False

    def start(self, backlog: int) -> None:
        self._socket.listen(backlog)
        self._resume()

    def close(self) -> None:
        """Take no more connections; those whose header has not come are closed."""
        if self._closed:
            return
        self._closed = True
        self._pause()
        if self._resuming is not None:
            self._resuming.cancel()
        self._socket.close()
        for header in tuple(self._headers):
            header.close()

    # ---- accepting

    def _resume(self) -> None:
        self._resuming = None
        if not self._closed and not self._reading:
            self._reading = True
            self._loop.add_reader(self._socket, self._accept)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_IN_A_ROW):
            if len(self._headers) >= HEADERS_ON_THEIR_WAY:
                self._pause()
                return
            try:
                connection, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    return  # what accept(2) passes on of a connection that has failed already
                _log.error("no new connections for a moment", listener=self._gate.listener, problem=error.strerror)
                self._pause()
                self._resuming = self._loop.call_later(PAUSE_S, self._resume)
                return
            connection.setblocking(False)
            self._arrived(connection, normal_host(str(address[0])) if isinstance(address, tuple) else None)

    def _arrived(self, connection: socket.socket, host: str | None) -> None:
        """host: of the other side, None for a unix socket."""
        gate = self._gate
        if gate.proxies is None:
            self._welcome(connection, host, None)
        elif host in gate.proxies:
            self._headers.add(_HeaderOnItsWay(self, connection, host, gate.header_timeout_s))
        else:
            gate.refused("proxy", "no trusted proxy", peer=host)
            connection.close()

    def _welcome(self, connection: socket.socket, host: str | None, origin: Origin | None) -> None:
        """host: of the client."""
        if not self._gate.allows(host):
            connection.close()
            return
        task = self._loop.create_task(self._hand_over(connection, origin))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, connection: socket.socket, origin: Origin | None) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._factory(origin=origin),
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_s,
            )
        except OSError:
            # It has gone, or TLS failed (ssl.SSLError is an OSError): not worth a line, as without a gate.
            connection.close()

    # ---- for headers

    def header_came(self, header: _HeaderOnItsWay, connection: socket.socket, proxy: str | None) -> None:
        origin = header.header.origin
        self._settle(header)
        self._welcome(connection, proxy if origin is None else origin.host, origin)

    def header_failed(self, header: _HeaderOnItsWay, proxy: str | None, problem: str) -> None:
        self._settle(header)
        self._gate.refused("proxy", "PROXY header refused", peer=proxy, problem=problem)

    def _settle(self, header: _HeaderOnItsWay) -> None:
        self._headers.discard(header)
        if self._resuming is None:
            self._resume()


class _HeaderOnItsWay:
    """A connection of a proxy that has not said yet whose it is. Takes no octet that is not the header's."""

    __slots__ = ("_acceptor", "_connection", "_loop", "_proxy", "_timer", "header")

    def __init__(self, acceptor: Acceptor, connection: socket.socket, proxy: str | None, timeout_s: float) -> None:
        self.header = ProxyHeader()
        self._acceptor = acceptor
        self._connection = connection
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(timeout_s, self._fail, "it did not come in time")
        self._loop.add_reader(connection, self._read)

    def close(self) -> None:
        self._let_go()
        self._connection.close()

    def _read(self) -> None:
        try:
            octets = self._connection.recv(MAX_V2_OCTETS, socket.MSG_PEEK)
            if not octets:
                self._fail("the connection ended before it")
                return
            used = self.header.feed(octets)
            self._connection.recv(used)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(str(error.strerror))
        except ProxyHeaderBroken as error:
            self._fail(str(error))
        else:
            if self.header.done:
                self._let_go()
                self._acceptor.header_came(self, self._connection, self._proxy)

    def _fail(self, problem: str) -> None:
        self.close()
        self._acceptor.header_failed(self, self._proxy, problem)

    def _let_go(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self._connection)
