"""An IMAP connection for many clients in one process: logical responses, one command at a time."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

_LITERAL = re.compile(rb"\{(\d+)\}$")
ANSWER_S = 60.0
"""A command that takes longer than this is not answered at all."""


class AsyncImap(asyncio.Protocol):
    """heard: takes each untagged response, without its CRLF, in order, also while no command runs."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self.heard = heard
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._segment = 0
        """Where the part of the line begins that is behind its last literal."""
        self._looked_at = 0
        self._number = 0
        self._tag = b""
        self._answer: asyncio.Future[str] | None = None
        self._going_on: asyncio.Future[None] | None = None
        self._greeting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost: Exception | None = None
        self._gone = asyncio.Event()

    @classmethod
    async def connect(cls, address: tuple[str, int], heard: Callable[[bytes], None]) -> AsyncImap:
        """Returns once the greeting has come. Raises OSError."""
        _, client = await asyncio.get_running_loop().create_connection(lambda: cls(heard), *address)
        try:
            async with asyncio.timeout(ANSWER_S):
                await client._greeting
        except BaseException:
            await client.close()
            raise
        return client

    @classmethod
    @contextlib.asynccontextmanager
    async def logged_in(
        cls, address: tuple[str, int], account: tuple[str, str], heard: Callable[[bytes], None] = lambda octets: None
    ) -> AsyncIterator[AsyncImap]:
        """A connection of an account (its address and password)."""
        client = await cls.connect(address, heard)
        try:
            answer = await client.command(f'LOGIN "{account[0]}" "{account[1]}"'.encode())
            assert answer.startswith("OK"), answer
            yield client
        finally:
            await client.close()

    async def command(self, text: bytes) -> str:
        """Send a command, literals in it non-synchronizing; the tagged response without its tag. Raises ConnectionError."""
        async with asyncio.timeout(ANSWER_S):  # not wait_for: that forgets a cancellation when the answer has just come
            return await self._sent(text)

    async def idle(self) -> asyncio.Future[str]:
        """Returns once the server has said "+"; the answer comes after `done`, or at once when there is none to wait for
        (a connection that is lost is told there).
        """
        self._going_on = asyncio.get_running_loop().create_future()
        answer = self._sent(b"IDLE")
        either: list[asyncio.Future[Any]] = [answer, self._going_on]
        await asyncio.wait(either, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        assert self._going_on.done() or answer.done(), "IDLE was not begun"
        return answer

    def done(self) -> None:
        assert self._transport is not None
        if self._lost is None:
            self._transport.write(b"DONE\r\n")

    async def close(self) -> None:
        """Returns once it is. Safe to call twice."""
        if self._answer is not None:
            self._answer.cancel()
        if self._transport is not None:
            self._transport.abort()
            await self._gone.wait()

    def _sent(self, text: bytes) -> asyncio.Future[str]:
        assert self._answer is None or self._answer.done(), "one command at a time"
        self._number += 1
        self._tag = b"m%d " % self._number
        self._answer = asyncio.get_running_loop().create_future()
        if self._lost is not None:
            self._answer.set_exception(self._lost)
        else:
            assert self._transport is not None
            self._transport.write(self._tag + text + b"\r\n")
        return self._answer

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc or ConnectionResetError("closed by the server")
        self._gone.set()
        for waiting in (self._greeting, self._answer):
            if waiting is not None and not waiting.done():
                waiting.set_exception(self._lost)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        begin = 0
        while (end := self._buffer.find(b"\r\n", self._looked_at)) >= 0:
            literal = _LITERAL.search(self._buffer, max(self._segment, end - 12), end)
            if literal is None:
                self._response(bytes(self._buffer[begin:end]))
                begin = self._segment = self._looked_at = end + 2
                continue
            after = end + 2 + int(literal[1])
            if len(self._buffer) < after:
                break
            self._segment = self._looked_at = after
        else:
            self._looked_at = max(self._looked_at, len(self._buffer) - 1)
        del self._buffer[:begin]
        self._segment -= begin
        self._looked_at -= begin

    def _response(self, line: bytes) -> None:
        if line.startswith(b"* "):
            if not self._greeting.done():
                self._greeting.set_result(None)
            self.heard(line)
        elif line.startswith(b"+ "):
            if self._going_on is not None and not self._going_on.done():
                self._going_on.set_result(None)
        else:
            assert line.startswith(self._tag) and self._answer is not None, line
            if not self._answer.done():
                self._answer.set_result(line[len(self._tag) :].decode("utf-8", "replace"))
