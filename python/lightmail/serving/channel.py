"""What supervisor and worker say to each other, over a socket pair: a length in four octets, then msgpack.

The end of the stream says that the other process is gone.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TypeAlias

import msgspec
from msgspec import Struct

from lightmail.obs.families import Family

_LENGTH_OCTETS = 4


class Renew(Struct, frozen=True, tag=True):
    """Read the certificate again."""


class Report(Struct, frozen=True, tag=True):
    """Answer with Numbers."""

    number: int
    """Of the question."""


class Retire(Struct, frozen=True, tag=True):
    """Take no more connections, and end when those that exist have ended."""


class Ready(Struct, frozen=True, tag=True):
    """Connections are accepted."""

    prepared: tuple[str, ...]
    """What was prepared in the store before that."""


class Failed(Struct, frozen=True, tag=True):
    """This worker cannot start."""

    problem: str


class Numbers(Struct, frozen=True, tag=True):
    number: int
    """Of the question; 0: nobody asked."""
    families: tuple[Family, ...]


Order: TypeAlias = Renew | Report | Retire
"""To a worker."""
Word: TypeAlias = Ready | Failed | Numbers
"""From a worker."""

_orders = msgspec.msgpack.Decoder(Order)
_words = msgspec.msgpack.Decoder(Word)


class Channel:
    """The supervisor's end, which never waits."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._input = bytearray()
        self.ended = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, order: Order) -> bool:
        """False: it is gone, or has not taken anything for long."""
        octets = _packed(order)
        try:
            return self._socket.send(octets) == len(octets)
        except OSError:
            return False

    def receive(self) -> list[Word]:
        """All that has come; sets `ended`."""
        while not self.ended:
            try:
                octets = self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                octets = b""
            self._input += octets
            self.ended = not octets
        words: list[Word] = []
        while len(self._input) >= _LENGTH_OCTETS:
            end = _LENGTH_OCTETS + int.from_bytes(self._input[:_LENGTH_OCTETS])
            if len(self._input) < end:
                break
            words.append(_words.decode(self._input[_LENGTH_OCTETS:end]))
            del self._input[:end]
        return words

    def close(self) -> None:
        self._socket.close()


class WorkerChannel:
    """The worker's end, on its loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, sock: socket.socket) -> WorkerChannel:
        return cls(*await asyncio.open_unix_connection(sock=sock))

    async def receive(self) -> Order | None:
        """None: the supervisor is gone."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH_OCTETS))
            order: Order = _orders.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return None
        return order

    def send(self, word: Word) -> None:
        self._writer.write(_packed(word))

    async def close(self) -> None:
        """Everything said has reached the other end's queue."""
        try:
            self._writer.close()
            await self._writer.wait_closed()
        except OSError:
            return


def _packed(message: Order | Word) -> bytes:
    octets = msgspec.msgpack.encode(message)
    return len(octets).to_bytes(_LENGTH_OCTETS) + octets
