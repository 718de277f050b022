"""A mail store on memory backends with an LMTP server in front of it, in this process, and connections to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from lightmail.backends.local import LocalChangeFeed, SystemClock
from lightmail.backends.memory import MemoryBlobs, MemoryDirectory, MemoryMetadata, MemoryState
from lightmail.config import Config
from lightmail.lmtp.server import LmtpServer
from lightmail.mail.delivery import Delivery
from lightmail.mail.store import MailStore
from lightmail.model import User
from lightmail.net.listeners import Listener, bind

MESSAGE = b"From: chris@bar.example\r\nTo: pat@foo.example\r\nSubject: lunch\r\n\r\n.dots and more\r\n..\r\n"
HOSTNAME = "mx.foo.example"


class Talk:
    """One connection, by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def lines(self, count: int) -> list[bytes]:
        return [(await self.reader.readuntil(b"\r\n"))[:-2] for _ in range(count)]

    async def codes(self, count: int) -> list[int]:
        return [int(line[:3]) for line in await self.lines(count)]

    async def envelope(self, *recipients: bytes) -> list[int]:
        """LHLO (seven lines), MAIL, RCPT for each, in one go; the codes."""
        self.writer.write(b"LHLO client.example\r\nMAIL FROM:<chris@bar.example>\r\n")
        self.writer.write(b"".join(b"RCPT TO:<%b>\r\n" % recipient for recipient in recipients))
        return await self.codes(8 + len(recipients))

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


class Place:
    """A mail store with three accounts, and an LMTP server in front of it."""

    def __init__(self, data: Path, **sections: dict[str, Any]) -> None:
        self.config = msgspec.convert({"server": {"hostname": HOSTNAME}, **sections}, Config)
        self.data = data
        self.blobs = MemoryBlobs()
        clock = SystemClock()
        state = MemoryState(clock)
        self.metadata = MemoryMetadata(state)
        self.mail = MailStore(
            metadata=self.metadata,
            blobs=self.blobs,
            directory=MemoryDirectory(state),
            feed=LocalChangeFeed(),
            clock=clock,
            config=self.config,
        )
        self.server = LmtpServer(mail=self.mail, config=self.config)
        self.listeners: list[Listener] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def listen(self, text: str, tls: ssl.SSLContext | None = None) -> Listener:
        (listener,) = bind(text, protocol="lmtp", data=self.data, tls=tls)
        await listener.serve(self.server.connection)
        self.listeners.append(listener)
        return listener

    async def connect(self, listener: Listener, *, tls: ssl.SSLContext | None = None) -> Talk:
        if listener.port:
            reader, writer = await asyncio.open_connection(listener.host, listener.port, ssl=tls)
        else:
            reader, writer = await asyncio.open_unix_connection(listener.address.removeprefix("unix://"))
        self.writers.append(writer)
        return Talk(reader, writer)

    async def greeted(self, listener: Listener) -> Talk:
        talk = await self.connect(listener)
        assert await talk.lines(1) == [b"220 mx.foo.example LMTP"]
        return talk

    async def user(self, address: str) -> User:
        return await self.mail.directory.get_user(address)

    async def messages(self, address: str, mailbox: str = "INBOX") -> list[bytes]:
        """Every message of a mailbox, whole."""
        found = await self.mail.mailboxes.get((await self.user(address)).id, mailbox)
        loaded = await self.metadata.load(found.id)
        bodies = [(int(row.split()[4]), int(row.split()[1])) for block in loaded.blocks for row in block.splitlines()]
        await self.mail.bodies.locate([body_id for body_id, _ in bodies])
        return [await self.mail.bodies.read(body_id, 0, octets) for body_id, octets in bodies]

    async def stored_objects(self) -> int:
        return len([found async for found in self.blobs.objects()])


@asynccontextmanager
async def place(data: Path, **sections: dict[str, Any]) -> AsyncIterator[Place]:
    made = Place(data, **sections)
    for address in ("pat@foo.example", "green@foo.example", "off@foo.example"):
        await made.mail.accounts.create(address, "")
    await made.mail.directory.set_enabled((await made.user("off@foo.example")).id, False)
    try:
        yield made
    finally:
        for writer in made.writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in made.writers), return_exceptions=True)
        for listener in made.listeners:
            listener.close()
        await made.server.close(timeout_s=5)
        await made.mail.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until the server has got there; the test's time limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110  the server has no event for it
        await asyncio.sleep(0)


class Troubled:
    """Delivery with one verb replaced."""

    def __init__(self, delivery: Delivery, **verbs: Callable[..., Awaitable[Any]]) -> None:
        self._delivery = delivery
        self._verbs = verbs

    def __getattr__(self, name: str) -> Any:
        return self._verbs.get(name) or getattr(self._delivery, name)
