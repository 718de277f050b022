"""Deliveries: an MTA that keeps its connections open and waits for each promise before it sends the next message."""

from __future__ import annotations

import asyncio
import random
import time

from benches.load.messages import message
from benches.load.scenarios import Account


class Refused(Exception):
    """A reply that is not the one expected."""


class Sender:
    """One LMTP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, host: str, port: int) -> Sender:
        sender = cls(*await asyncio.open_connection(host, port))
        await sender._expect(b"220")
        sender._writer.write(b"LHLO bench.example.org\r\n")
        await sender._expect(b"250")
        return sender

    async def deliver(self, recipient: bytes, wire: bytes) -> None:
        """wire: dot-stuffed, with the end mark. The envelope is pipelined, as Postfix sends it (RFC 2920)."""
        self._writer.write(b"MAIL FROM:<bench@example.org>\r\nRCPT TO:<%b>\r\nDATA\r\n" % recipient)
        for code in (b"250", b"250", b"354"):
            await self._expect(code)
        self._writer.write(wire)
        await self._expect(b"250")

    def close(self) -> None:
        self._writer.close()

    async def _expect(self, code: bytes) -> None:
        line = b"-" * 4
        while line[3:4] == b"-":
            line = await self._reader.readline()
            if line[:3] != code:
                raise Refused(line.decode(errors="replace"))


async def deliveries(account: Account, connections: int, seconds: float) -> tuple[list[float], float]:
    """Messages of 2-20 KB into the account's INBOX; each delivery's latency in seconds, and how long all took."""
    if account.lmtp is None:
        raise ValueError("this server's LMTP address is not known")
    bodies = [message(number, 2_000 + number * 180) for number in range(100)]
    wires = [body.replace(b"\r\n.", b"\r\n..") + b".\r\n" for body in bodies]
    recipient = account.user.encode()
    chance = random.Random(5)
    latencies: list[float] = []
    senders = [await Sender.connect(*account.lmtp) for _ in range(connections)]
    start = time.perf_counter()
    end = start + seconds

    async def worker(sender: Sender) -> None:
        while (began := time.perf_counter()) < end:
            await sender.deliver(recipient, chance.choice(wires))
            latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(worker(sender) for sender in senders))
    elapsed = time.perf_counter() - start
    for sender in senders:
        sender.close()
    return latencies, elapsed
