"""Addresses that several processes listen on at once: bound here, inherited by the processes.

On a TCP address each process has a socket of its own, and the kernel spreads new connections over those that listen
(SO_REUSEPORT). They are bound before anybody listens, which reserves a port that was left to choose; a process begins
to listen with `Listener.serve`. A unix socket is one for all, and whoever is idle takes the next connection.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import ssl
from pathlib import Path

from lightmail.config.addresses import parse_listen
from lightmail.net.listeners import Listener
from lightmail.net.sockets import UnixFile, bind_each, bind_tcp, bind_unix, displayed, told_plainly


class SharedAddress:
    """protocol: "imap", "imaps", "lmtp", "lmtps"; address: as it can be given to a client."""

    def __init__(self, protocol: str, first: socket.socket, processes: int, *, text: str = "") -> None:
        """first: bound, with SO_REUSEPORT unless it is a unix socket. text: as it is configured. Raises OSError."""
        self.protocol = protocol
        self._text = text
        self.address = displayed(first)
        self._family = first.family
        self._name = first.getsockname()
        self._file = UnixFile(first) if first.family == socket.AF_UNIX else None
        self._sockets = [first]
        try:
            self.grow(processes)
        except OSError:
            self.close()
            raise

    def grow(self, processes: int) -> None:
        """Sockets for so many processes at least. Raises OSError."""
        while len(self._sockets) < processes:
            self._sockets.append(self._sockets[0] if self._file else self._another())

    def shrink(self, processes: int) -> None:
        """Sockets for so many processes at most."""
        for sock in self._sockets[processes:]:
            if not self._file:
                sock.close()
        del self._sockets[processes:]

    def renew(self, process: int) -> None:
        """Nobody listens in this place for the time being: a connection that would wait there goes elsewhere.

        Raises OSError.
        """
        if not self._file:
            self._sockets[process].close()
            self._sockets[process] = self._another()

    def listener(self, process: int, tls: ssl.SSLContext | None) -> Listener:
        """In the process itself; what the others need is closed there."""
        mine = self._sockets[process]
        for sock in self._sockets:
            if sock is not mine:
                sock.close()
        return Listener(self.protocol, mine, tls if self.protocol.endswith("s") else None, text=self._text)

    def set_mode(self, mode: int) -> None:
        """Permissions of a unix socket, if its file is still there."""
        if self._file:
            with contextlib.suppress(OSError):
                os.chmod(self._file.path, mode)

    def close(self) -> None:
        """Processes that listen go on; the file of a unix socket goes away."""
        if self._file:
            self._file.unlink()
        self.forget()

    def forget(self) -> None:
        """Close what this process has of it, and nothing else."""
        for sock in self._sockets:
            sock.close()

    def _another(self) -> socket.socket:
        return bind_tcp(self._family, self._name, shared=True, listen=False)


def share(
    text: str, *, protocol: str, data: Path, processes: int, unix_mode: int, source: str = "configuration"
) -> list[SharedAddress]:
    """For one element of `PROTOCOL.listen`; several when a host name has several addresses.

    Blocks for as long as a host name takes to resolve. Raises ConfigError, and leaves nothing bound.
    """
    with told_plainly(text, f"{protocol}.listen", source):
        wanted = parse_listen(text)
        if wanted.path:
            return [SharedAddress(protocol, bind_unix(data / wanted.path, unix_mode), processes, text=text)]
        if wanted.port:
            # With SO_REUSEPORT two servers of one user could share the port by mistake: once without it, to be told.
            for sock in bind_each(wanted, bind_tcp):
                sock.close()
        name = f"{protocol}s" if wanted.tls else protocol
        found = bind_each(wanted, functools.partial(bind_tcp, shared=True, listen=False))
        shared: list[SharedAddress] = []
        try:
            for sock in found:
                shared.append(SharedAddress(name, sock, processes, text=text))
        except OSError:
            for each in shared:
                each.close()
            for sock in found:
                sock.close()
            raise
        return shared
