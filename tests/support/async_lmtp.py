"""An LMTP client for loads: whole envelopes, and what became of each recipient."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

REPLY_S = 60.0
"""A reply that takes longer than this does not come at all."""


class AsyncLmtp:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, address: tuple[str, int]) -> AsyncIterator[AsyncLmtp]:
        """One that has been greeted and has greeted. Raises OSError."""
        reader, writer = await asyncio.open_connection(*address)
        client = cls(reader, writer)
        try:
            await client._reply()
            writer.write(b"LHLO client.example\r\n")
            await client._reply()
            yield client
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def deliver(self, recipients: Sequence[str], message: bytes) -> list[tuple[str, str]]:
        """For each recipient what was answered, and to which of "RCPT" and "DATA". Raises ConnectionError."""
        lines = ["MAIL FROM:<sender@example.org>", *(f"RCPT TO:<{recipient}>" for recipient in recipients)]
        lines.append(f"BDAT {len(message)} LAST")
        self._writer.write("\r\n".join([*lines, ""]).encode() + message)
        assert (await self._reply()).startswith("250")
        fates = [("RCPT", await self._reply()) for _ in recipients]
        accepted = [number for number, (_, reply) in enumerate(fates) if reply.startswith("250")]
        if not accepted:
            # RFC 3030 §2: no recipient is left, so the chunk is answered once, and nothing comes of it.
            assert (await self._reply()).startswith("503")
            self._writer.write(b"RSET\r\n")
            assert (await self._reply()).startswith("250")
        for number in accepted:
            fates[number] = ("DATA", await self._reply())
        return fates

    async def _reply(self) -> str:
        line = "250-"
        while line[3:4] == "-":
            async with asyncio.timeout(REPLY_S):
                line = (await self._reader.readline()).decode()
            if not line.endswith("\n"):
                raise ConnectionResetError("closed by the server")
        if line.startswith("421"):  # RFC 5321 §3.8: the server closes now
            raise ConnectionResetError(line.rstrip())
        return line.rstrip()
