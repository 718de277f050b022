"""Bound sockets: what can go wrong in getting one, and how that is told."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from lightmail.config.addresses import ListenAddress, check_unix_path
from lightmail.errors import ConfigError

BACKLOG = 4096
"""Connections that the kernel may queue; it has a bound of its own (net.core.somaxconn)."""

SocketAddress = tuple[str | int | bytes, ...]


@contextlib.contextmanager
def told_plainly(text: str, key: str, source: str) -> Iterator[None]:
    """What goes wrong with the element `text` of `key` becomes a ConfigError that says why."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(source, key, str(error)) from error
    except OSError as error:
        raise ConfigError(source, key, f"cannot listen on {text}: {_explain(error)}") from error


def bind_each(address: ListenAddress, bind_one: Callable[[int, SocketAddress], socket.socket]) -> list[socket.socket]:
    """A TCP socket for each address of a host name that this machine has, or none. Raises OSError."""
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
    )
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    try:
        for family, sockaddr in dict.fromkeys((info[0], info[4]) for info in found):
            try:
                sockets.append(bind_one(family, sockaddr))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                absent = error  # "localhost" on a machine without IPv6 is still 127.0.0.1
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    if not sockets and absent is not None:
        raise absent
    return sockets


def bind_tcp(family: int, sockaddr: SocketAddress, *, shared: bool = False, listen: bool = True) -> socket.socket:
    """shared: other sockets of the kind may have the same address, and the kernel spreads connections over those that
    listen (SO_REUSEPORT). Raises OSError.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(sockaddr)
        if listen:
            sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def bind_unix(path: Path, mode: int) -> socket.socket:
    """A listening socket; what a killed server left in its place is replaced. Raises OSError, ValueError."""
    path = path.absolute()
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
    return sock


def displayed(sock: socket.socket) -> str:
    """The socket's address as it can be given to a client."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix://{name}"
    host, port = name[:2]
    return f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"


class UnixFile:
    """The file of a unix socket, to be removed only as long as it is the one that was made."""

    def __init__(self, sock: socket.socket) -> None:
        self.path = Path(sock.getsockname())
        status = self.path.stat(follow_symlinks=False)
        self._identity = (status.st_dev, status.st_ino)

    def unlink(self) -> None:
        try:
            status = self.path.stat(follow_symlinks=False)
            if (status.st_dev, status.st_ino) == self._identity:
                self.path.unlink()
        except FileNotFoundError:
            return


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
