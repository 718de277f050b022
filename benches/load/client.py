"""The least IMAP client that can keep a server busy: sends a command, waits for its tagged line, looks at no octet else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast


class CommandFailed(Exception):
    """The tagged response was not OK."""


class Client(asyncio.Protocol):
    """One connection. Commands run one after another; `octets_in` counts what has come."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._wanted = b"* "
        self._waiter: asyncio.Future[bytes] | None = loop.create_future()
        self._number = 0
        self.octets_in = 0

    @classmethod
    async def connect(cls, host: str, port: int) -> Client:
        """Raises OSError; returns once the greeting has come."""
        _, client = await asyncio.get_running_loop().create_connection(cls, host, port)
        assert client._waiter is not None
        await client._waiter
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self.octets_in += len(data)
        tail = self._tail + data if len(data) < 4096 else data
        self._tail = tail[-4096:]
        if self._waiter is None or self._waiter.done() or not tail.endswith(b"\r\n"):
            return
        last = tail[tail.rfind(b"\n", 0, -2) + 1 :]
        if last.startswith(self._wanted):
            self._waiter.set_result(last)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError("connection closed by the server"))

    async def command(self, text: bytes) -> bytes:
        """Send one command (without its tag) and wait for its end; returns the last octets of the answer (4 KiB at most).

        Raises CommandFailed, ConnectionError.
        """
        self._number += 1
        tag = b"t%d " % self._number
        await self._exchange(tag, (tag, text, b"\r\n"))
        return self._tail

    async def continued(self, text: bytes) -> None:
        """Send a command that waits for input (IDLE); returns once the server has said "+"."""
        self._number += 1
        self._wanted = b"+ "
        self._waiter = asyncio.get_running_loop().create_future()
        self._tail = b""
        assert self._transport is not None
        self._transport.write(b"t%d %s\r\n" % (self._number, text))
        await self._waiter

    def next_untagged(self) -> asyncio.Future[bytes]:
        """The next untagged response, while IDLE goes on."""
        self._wanted = b"* "
        self._tail = b""
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    async def _exchange(self, tag: bytes, parts: Sequence[bytes]) -> None:
        self._wanted = tag
        self._tail = b""
        self._waiter = asyncio.get_running_loop().create_future()
        assert self._transport is not None
        self._transport.write(b"".join(parts))
        line = await self._waiter
        if not line.startswith(tag + b"OK"):
            raise CommandFailed(line.decode("latin-1").strip())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
