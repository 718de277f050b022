"""Sockets that wait for connections: bound from the configuration's `listen` lists, reported with their real addresses.

`bind` does everything that can go wrong, before anything else of the server has started; the kernel queues connections
from then on, and `Listener.serve` begins to take them.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from lightmail.config.addresses import ListenAddress, check_unix_path, parse_listen
from lightmail.errors import ConfigError

BACKLOG = 4096
"""Connections that the kernel may queue; it has a bound of its own (net.core.somaxconn)."""
TLS_HANDSHAKE_TIMEOUT_S = 30.0
UNIX_MODE = 0o660
"""Owner and group may deliver: put the MTA into the group."""

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class Listener:
    """One listening socket.

    protocol: "imap", "imaps", "lmtp", "lmtps". address: as it can be given to a client, with the real port:
    "127.0.0.1:1143", "[::1]:1993", "unix:///srv/mail/lmtp.sock".
    """

    def __init__(self, protocol: str, address: str, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        self.protocol = protocol
        self.address = address
        self._socket = sock
        self._tls = tls
        self._server: asyncio.AbstractServer | None = None
        self._file = _UnixFile(sock) if sock.family == socket.AF_UNIX else None
        self.host: str = "" if self._file else sock.getsockname()[0]
        """Of a TCP socket; "" otherwise."""
        self.port: int = 0 if self._file else sock.getsockname()[1]
        """Of a TCP socket; 0 otherwise."""

    def __repr__(self) -> str:
        return f"<Listener {self.protocol} {self.address}>"

    async def serve(self, factory: ProtocolFactory) -> None:
        """Begin to take connections, on the running loop."""
        loop = asyncio.get_running_loop()
        handshake_s = TLS_HANDSHAKE_TIMEOUT_S if self._tls else None
        create = loop.create_unix_server if self._file else loop.create_server
        self._server = await create(
            factory, sock=self._socket, backlog=BACKLOG, ssl=self._tls, ssl_handshake_timeout=handshake_s
        )

    def close(self) -> None:
        """Take no more connections; those that exist go on. The file of a unix socket goes away. Safe to call twice."""
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
    key = f"{protocol}.listen"
    try:
        address = parse_listen(text)
        if address.path:
            return [_bind_unix(address, protocol, data, unix_mode)]
        if address.tls and tls is None:
            raise ValueError(f"{text} needs a certificate (tls.certificate, tls.key)")
        return _bind_tcp(address, protocol, tls if address.tls else None)
    except ValueError as error:
        raise ConfigError(source, key, str(error)) from error
    except OSError as error:
        raise ConfigError(source, key, f"cannot listen on {text}: {_explain(error)}") from error


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


def _bind_tcp(address: ListenAddress, protocol: str, tls: ssl.SSLContext | None) -> list[Listener]:
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
    )
    listeners: list[Listener] = []
    absent: OSError | None = None
    try:
        for family, sockaddr in dict.fromkeys((info[0], info[4]) for info in found):
            try:
                sock = _bound(family, sockaddr)
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                absent = error  # "localhost" on a machine without IPv6 is still 127.0.0.1
                continue
            host, port = sock.getsockname()[:2]
            display = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
            listeners.append(Listener(f"{protocol}s" if tls else protocol, display, sock, tls))
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    if not listeners and absent is not None:
        raise absent
    return listeners


def _bound(family: int, sockaddr: tuple[str | int | bytes, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(sockaddr)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _bind_unix(address: ListenAddress, protocol: str, data: Path, mode: int) -> Listener:
    path = (data / address.path).absolute()
    check_unix_path(str(path))
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        earlier = os.umask(0o177)  # nobody else may connect before chmod has run
        try:
            sock.bind(str(path))
        finally:
            os.umask(earlier)
        path.chmod(mode)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return Listener(protocol, f"unix://{path}", sock, None)


def _remove_stale(path: Path) -> None:
    """Remove what a killed server left behind; never a socket that answers, never another kind of file."""
    try:
        kind = path.stat(follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ValueError(f"{path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass  # a full queue: somebody listens
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


class _UnixFile:
    """The file of a unix socket, to be removed only as long as it is the one that was made."""

    def __init__(self, sock: socket.socket) -> None:
        self._path = Path(sock.getsockname())
        status = self._path.stat(follow_symlinks=False)
        self._identity = (status.st_dev, status.st_ino)

    def unlink(self) -> None:
        try:
            status = self._path.stat(follow_symlinks=False)
            if (status.st_dev, status.st_ino) == self._identity:
                self._path.unlink()
        except FileNotFoundError:
            return


def _explain(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "the host name is not known"
    match error.errno:
        case errno.EADDRINUSE:
            return "the address is in use by another program"
        case errno.EACCES | errno.EPERM:
            return "not permitted (a port below 1024 needs CAP_NET_BIND_SERVICE, a socket a writable folder)"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return "this machine does not have the address"
        case errno.ENOENT | errno.ENOTDIR:
            return "the folder does not exist"
        case _:
            return os.strerror(error.errno) if error.errno else str(error)
