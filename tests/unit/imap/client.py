"""A client of a real session: the decoder and the dispatcher in front, an output that can be slow behind; no sockets."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, cast

from lightmail.auth.authenticator import Authenticator
from lightmail.imap.capabilities import Capabilities
from lightmail.imap.dispatch import Dispatcher, limits
from lightmail.imap.errors import ConnectionLost
from lightmail.imap.session import Session
from lightmail.obs.metrics import Counts
from tests.unit.mail.house import House


class HeldOutput:
    """Gathers what is written; `slow` makes `drain` wait until the client takes what there is."""

    def __init__(self) -> None:
        self.tls = True
        self.protocol = "imaps"
        self.peer_host: str | None = "192.0.2.7"
        self.channel_bindings = None
        self.aborted = False
        self.closed = False
        self.compressing = False
        self.drains = 0
        self.most_waiting = 0
        """The most octets that ever waited for a drain."""
        self._written: list[bytes] = []
        self._octets = 0
        self.between_runs: Callable[[Callable[[], Coroutine[Any, Any, None]]], Coroutine[Any, Any, None]]
        """The dispatcher's; set by its client."""
        self._running: set[asyncio.Future[None]] = set()
        self._slow = False
        self._room = asyncio.Event()
        self._waiting = asyncio.Event()

    def write(self, octets: bytes) -> None:
        self._written.append(octets)
        self._octets += len(octets)

    def send_now(self, octets: bytes) -> None:
        self.write(octets)

    async def drain(self) -> None:
        self.drains += 1
        self.most_waiting = max(self.most_waiting, self._octets)
        if self.aborted:
            raise ConnectionLost
        if self._slow and self._octets:
            self._room.clear()
            self._waiting.set()
            await self._room.wait()
            if self.aborted:
                raise ConnectionLost

    def run_soon(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.get_running_loop().call_soon(self._start, work)

    def start_compression(self) -> None:
        self.compressing = True

    def start_over(self) -> None:
        self.compressing = False

    async def start_tls(self) -> None:
        raise AssertionError("this connection is in TLS")

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True
        self._room.set()

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.ensure_future(self.between_runs(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def slow(self) -> None:
        """From now on every drain waits for `take`."""
        self._slow = True

    async def full(self) -> None:
        """Wait until someone waits in drain."""
        await self._waiting.wait()
        self._waiting.clear()

    def take(self) -> bytes:
        octets = b"".join(self._written)
        self._written.clear()
        self._octets = 0
        self._room.set()
        return octets


class Client:
    """Logged in as the account of the house."""

    def __init__(self, house: House) -> None:
        self.output = HeldOutput()
        capabilities = Capabilities(house.config, tls_available=True)
        self.session = Session(
            mail=house.mail,
            authenticator=cast(Authenticator, None),
            config=house.config,
            capabilities=capabilities,
            output=self.output,
            logins=Counter(),
        )
        self.session.log_in(house.user)
        self.dispatcher = Dispatcher(self.session, limits(house.config.limits, authenticated=True), Counts())
        self.output.between_runs = self.dispatcher.between_runs
        self._number = 0

    async def send(self, octets: bytes) -> bytes:
        """What these octets are answered with."""
        self.dispatcher.feed(octets)
        await self.dispatcher.run()
        return self.output.take()

    async def do(self, command: str) -> list[str]:
        """One command, which gets its own tag; its responses as lines, the tagged one with "tag" for its tag.

        Literals stay where they are within their line, which then has CRLF in it.
        """
        self._number += 1
        tag = f"t{self._number}"
        answer = lines(await self.send(f"{tag} {command}\r\n".encode()))
        assert answer and answer[-1].startswith(f"{tag} "), answer
        answer[-1] = "tag" + answer[-1][len(tag) :]
        return answer

    async def ok(self, command: str) -> list[str]:
        """The untagged responses to a command that is answered OK."""
        answer = await self.do(command)
        assert answer[-1].startswith("tag OK"), answer
        return answer[:-1]

    async def lose(self) -> None:
        await self.dispatcher.lost()


_FETCH_FLAGS = re.compile(r"(?<=[( ]FLAGS \()[^()]*(?=\))")


def _in_order(flags: re.Match[str]) -> str:
    """The flags of a FETCH response are a set: keywords last, \\Recent behind them."""
    return " ".join(sorted(flags[0].split(), key=lambda flag: (flag == "\\Recent", not flag.startswith("\\"), flag)))


def lines(octets: bytes) -> list[str]:
    """Responses, each with its literals, without the CRLF at its end."""
    found = []
    at = 0
    while at < len(octets):
        start = at
        while True:
            end = octets.index(b"\r\n", at)
            if not octets[at:end].endswith(b"}"):
                break
            size = octets[octets.rindex(b"{", at, end) + 1 : end - 1]
            if not size.isdigit():
                break
            at = end + 2 + int(size)
        line = octets[start:end].decode("utf-8", "replace")
        found.append(_FETCH_FLAGS.sub(_in_order, line) if " FETCH (" in line else line)
        at = end + 2
    return found
