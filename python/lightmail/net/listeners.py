"""Sockets that wait for connections: bound from the configuration's `listen` lists, reported with their real addresses.

`bind` does everything that can go wrong, before anything else of the server has started; the kernel queues connections
from then on, and `Listener.serve` begins to take them.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path

from lightmail.config.addresses import parse_listen
from lightmail.errors import ConfigError
from lightmail.net.gate import Acceptor, Gate, ProtocolFactory
from lightmail.net.sockets import BACKLOG, UnixFile, bind_each, bind_tcp, bind_unix, displayed, told_plainly

TLS_HANDSHAKE_TIMEOUT_S = 30.0
UNIX_MODE = 0o660
"""Owner and group may deliver: put the MTA into the group."""


class Listener:
    """One listening socket.

    protocol: "imap", "imaps", "lmtp", "lmtps". address: as it can be given to a client, with the real port:
    "127.0.0.1:1143", "[::1]:1993", "unix:///srv/mail/lmtp.sock".
    """

    def __init__(
        self,
        protocol: str,
        sock: socket.socket,
        tls: ssl.SSLContext | None,
        file: UnixFile | None = None,
        *,
        text: str = "",
    ) -> None:
        """file: of a unix socket, when it is to go away with this listener. text: as it is configured."""
        self.protocol = protocol
        self.text = text
        self.address = displayed(sock)
        self._socket = sock
        self._tls = tls
        self._server: asyncio.AbstractServer | Acceptor | None = None
        self._unix = sock.family == socket.AF_UNIX
        self._file = file
        self.host: str = "" if self._unix else sock.getsockname()[0]
        """Of a TCP socket; "" otherwise."""
        self.port: int = 0 if self._unix else sock.getsockname()[1]
        """Of a TCP socket; 0 otherwise."""

    def __repr__(self) -> str:
        return f"<Listener {self.protocol} {self.address}>"

    async def serve(self, factory: ProtocolFactory, gate: Gate | None = None) -> None:
        """Begin to take connections, on the running loop. gate: None: all are welcome, as whom they come."""
        loop = asyncio.get_running_loop()
        handshake_s = TLS_HANDSHAKE_TIMEOUT_S if self._tls else None
        if gate is not None:
            self._server = Acceptor(self._socket, gate, factory, tls=self._tls, handshake_s=handshake_s)
            self._server.start(BACKLOG)
            return
        create = loop.create_unix_server if self._unix else loop.create_server
        self._server = await create(
            factory, sock=self._socket, backlog=BACKLOG, ssl=self._tls, ssl_handshake_timeout=handshake_s
        )
        # asyncio of Python 3.13 and later would remove the file at the end, and others may listen on it too.
        getattr(loop, "_unix_server_sockets", {}).pop(self._socket, None)

    def close(self) -> None:
        """Take no more connections; those that exist go on. Safe to call twice."""
        if self._file:
            self._file.unlink()
        if self._server is not None:
            self._server.close()  # closes the socket, once the loop has let go of it
        else:
            self._socket.close()


def bind(
    text: str,
    *,
    protocol: str,
    data: Path,
    tls: ssl.SSLContext | None,
    source: str = "configuration",
    unix_mode: int = UNIX_MODE,
) -> list[Listener]:
    """Listening sockets for one element of `PROTOCOL.listen`; several when a host name has several addresses.

    data: the folder that relative socket paths are below. tls: for `tls://`. Blocks for as long as a host name takes to
    resolve. Raises ConfigError, which names the listener and leaves nothing bound.
    """
    with told_plainly(text, f"{protocol}.listen", source):
        address = parse_listen(text)
        if address.path:
            sock = bind_unix(data / address.path, unix_mode)
            return [Listener(protocol, sock, None, UnixFile(sock), text=text)]
        if address.tls and tls is None:
            raise ValueError(f"{text} needs a certificate (tls.certificate, tls.key)")
        name = f"{protocol}s" if address.tls else protocol
        certain = tls if address.tls else None
        return [Listener(name, sock, certain, text=text) for sock in bind_each(address, bind_tcp)]


def bind_all(
    texts: Iterable[str],
    *,
    protocol: str,
    data: Path,
    tls: ssl.SSLContext | None,
    source: str = "configuration",
    unix_mode: int = UNIX_MODE,
) -> list[Listener]:
    """All of one `listen` list, or none: see `bind`."""
    listeners: list[Listener] = []
    try:
        for text in texts:
            listeners += bind(text, protocol=protocol, data=data, tls=tls, source=source, unix_mode=unix_mode)
    except ConfigError:
        for listener in listeners:
            listener.close()
        raise
    return listeners
