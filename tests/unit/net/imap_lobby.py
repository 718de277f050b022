"""An IMAP server on a loopback socket, over the memory store, with clients that read responses."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lightmail.auth.client_limits import ClientLimits
from lightmail.backends.local import SharedTally
from lightmail.net.imap_server import ImapServer
from lightmail.obs.metrics import Counts
from tests.unit.imap.desk import Desk

LOGIN = b"l LOGIN ann@example.org secret"
TIMEOUT_S = 20


class Lobby:
    def __init__(self, desk: Desk, server: ImapServer, port: int) -> None:
        self.desk = desk
        self.server = server
        self.port = port
        self.wires: list[Wire] = []

    async def connect(self, *, greeting: bytes = b"* OK ", **options: object) -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)  # type: ignore[arg-type]
        wire = Wire(reader, writer)
        self.wires.append(wire)
        line = await wire.line()
        assert line.startswith(greeting), line
        return wire

    async def login(self, *, select: bytes = b"") -> Wire:
        wire = await self.connect()
        assert (await wire.say(LOGIN))[-1].startswith(b"l OK")
        if select:
            assert (await wire.say(b"s SELECT " + select))[-1].startswith(b"s OK")
        return wire


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until it holds."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110 - any condition; nobody would set an event
            await asyncio.sleep(0.001)


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def line(self) -> bytes:
        """Without its CRLF; b"" at the end of the connection."""
        line = await asyncio.wait_for(self.reader.readline(), TIMEOUT_S)
        return line.removesuffix(b"\r\n")

    async def say(self, *lines: bytes) -> list[bytes]:
        """Send, and read up to the tagged response of the last line."""
        self.send(b"".join(line + b"\r\n" for line in lines))
        return await self.until(lines[-1].split(b" ", 1)[0])

    async def until(self, tag: bytes) -> list[bytes]:
        got = [await self.line()]
        while not got[-1].startswith(tag + b" "):
            assert got[-1] or self.reader.at_eof() is False, f"the connection ended after {got}"
            got.append(await self.line())
        return got

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        return await asyncio.wait_for(self.reader.read(), TIMEOUT_S)

    def reset(self) -> None:
        """Gone without a goodbye."""
        sock = self.writer.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (OSError, ssl.SSLError):
            return


@asynccontextmanager
async def lobby(
    *,
    tls: ssl.SSLContext | None = None,
    listen_tls: bool = False,
    tick_s: float = 1.0,
    **limits: object,
) -> AsyncIterator[Lobby]:
    """tls: for STARTTLS, or for the listener itself when listen_tls."""
    desk = await Desk.build(**limits)  # type: ignore[arg-type]
    counts = Counts()
    server = ImapServer(
        mail=desk.house.mail,
        authenticator=desk.authenticator,
        config=desk.config,
        tls=tls,
        client_limits=ClientLimits(desk.config.limits, SharedTally(), counts),
        counted=counts,
        tick_s=tick_s,
    )
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(server.connection, "127.0.0.1", 0, ssl=tls if listen_tls else None)
    place = Lobby(desk, server, listener.sockets[0].getsockname()[1])
    try:
        yield place
    finally:
        listener.close()
        for wire in place.wires:
            wire.writer.transport.abort()
        await server.close(0.0)
        await desk.close()
