"""A TCP proxy that does to octets what a bad network does: cut, truncate, stall, delay, damage. Runs in threads of its
own, so that tests of coroutines and tests of processes can use it alike.

    client  ── up →  Proxy.port  ── up →  server
            ← down ──            ← down ──
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import threading
from types import TracebackType
from typing import Literal, Self

Way = Literal["up", "down"]
Kind = Literal["damage", "cut", "truncate"]

_KINDS: tuple[Kind, ...] = ("damage", "cut", "truncate")
_PIECE_OCTETS = 16_384
_NOBODY = struct.pack("h14x", socket.AF_UNSPEC)
_libc = ctypes.CDLL(None)


class Proxy:
    """To a server on loopback."""

    def __init__(self, server_port: int) -> None:
        self.delay_s = 0.0
        """How long each piece waits, either way."""
        self.connections = 0
        """Accepted so far."""
        self.server_port = server_port
        """Where new connections go; may be changed, as a load balancer does when a server is gone."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._faults: dict[tuple[Kind, Way], int] = {}
        self._unheard_question = b""
        self._lost_question = b""
        self._lost_answers: set[socket.socket] = set()
        """Server ends whose next octets do not get through."""
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._closed = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def cut(self, way: Way, after: int = 0) -> None:
        """Once: when so many octets more have gone this way, by any connection, that connection is reset at both ends."""
        self._faults["cut", way] = after

    def truncate(self, way: Way, after: int = 0) -> None:
        """The same, but what has come so far arrives, and then the connection ends as if that had been all."""
        self._faults["truncate", way] = after

    def damage(self, way: Way, after: int) -> None:
        """Once: the octet that comes after so many is changed."""
        self._faults["damage", way] = after

    def lose_question(self, octets: bytes) -> None:
        """Once: when these octets come on their way up, their connection is reset, and the server never sees them."""
        self._unheard_question = octets

    def lose_answer(self, to: bytes) -> None:
        """Once: when these octets have gone up, their connection is reset as soon as the server answers."""
        self._lost_question = to

    def stall(self) -> None:
        """Connections hold, and nothing passes, until `flow`."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def refuse(self) -> None:
        """All connections are reset, and so are new ones, until `admit`."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """All connections are, once; whoever comes again is let through."""
        with self._lock:
            for end in self._open:
                _reset(end)

    def admit(self) -> None:
        self._refusing = False

    @property
    def pending(self) -> bool:
        """Whether something that is to happen once has not happened yet."""
        return bool(self._faults or self._unheard_question or self._lost_question or self._lost_answers)

    def forget(self) -> None:
        """What was to happen once and has not happened will not."""
        with self._lock:
            self._faults.clear()
            self._unheard_question = self._lost_question = b""
            self._lost_answers.clear()

    def close(self) -> None:
        self._closed.set()
        self._flowing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.reset()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._refusing or self._closed.is_set():
                _reset(client)
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                _reset(client)
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, server}
            self._run(self._pump, client, server)

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        down = threading.Thread(target=self._pass, args=(server, client, "down"), daemon=True)
        down.start()
        self._pass(client, server, "up")
        down.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def _pass(self, source: socket.socket, sink: socket.socket, way: Way) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE_OCTETS):
                if self.delay_s:
                    self._closed.wait(self.delay_s)
                self._flowing.wait()
                piece, end = self._suffer(piece, way)
                if self._loses(piece, source, sink):
                    piece, end = b"", "cut"
                sink.sendall(piece)
                if end == "cut":
                    _reset(source)
                    _reset(sink)
                    return
                if end == "truncate":
                    break
        # The other end learns of the end; half-closed connections are not told apart.
        _end(source)
        _end(sink)

    def _suffer(self, piece: bytes, way: Way) -> tuple[bytes, Kind | None]:
        """What is left of the piece, and how the connection ends here, if it does."""
        with self._lock:
            for kind in _KINDS:
                after = self._faults.pop((kind, way), None)
                if after is None:
                    continue
                if after >= len(piece):
                    self._faults[kind, way] = after - len(piece)
                elif kind == "damage":
                    piece = piece[:after] + bytes([piece[after] ^ 1]) + piece[after + 1 :]
                else:
                    return piece[:after], kind
        return piece, None

    def _loses(self, piece: bytes, source: socket.socket, sink: socket.socket) -> bool:
        with self._lock:
            if self._unheard_question and self._unheard_question in piece:
                self._unheard_question = b""
                return True
            if self._lost_question and self._lost_question in piece:
                self._lost_question = b""
                self._lost_answers.add(sink)
            if source in self._lost_answers:
                self._lost_answers.remove(source)
                return True
        return False

    def _run(self, work: object, *values: object) -> None:
        thread = threading.Thread(target=work, args=values, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()


def _end(end: socket.socket) -> None:
    """In order. Wakes whoever reads it; the thread that made it closes it."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _reset(end: socket.socket) -> None:
    """RST: what was under way is lost, either way. Wakes whoever reads or writes it; the same thread closes it."""
    _libc.connect(end.fileno(), _NOBODY, len(_NOBODY))  # what the kernel takes for the wish to be disconnected
