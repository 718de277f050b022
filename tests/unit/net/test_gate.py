"""Connections behind a proxy, and those that are not welcome: over real loopback sockets, with TLS and without."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import structlog
import trustme

from lightmail.config.networks import Networks, Rule
from lightmail.model import Origin
from lightmail.net.gate import Gate
from lightmail.net.listeners import Listener, bind
from lightmail.obs.metrics import Counts
from tests.support.aio import run
from tests.unit.net.proxied import block, tls, version_1, version_2

TIMEOUT_S = 60.0


class Names(asyncio.Protocol):
    """Says whose connection it is, then gives back what comes."""

    def __init__(self, origin: Origin | None) -> None:
        self._origin = origin

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(f"{self._origin}\n".encode())

    def data_received(self, data: bytes) -> None:
        self._transport.write(data.upper())


class Front:
    def __init__(self, listener: Listener, counts: Counts) -> None:
        self.listener = listener
        self.counts = counts
        self.made = 0

    def factory(self, *, origin: Origin | None = None) -> Names:
        self.made += 1
        return Names(origin)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.listener.port:
            return await asyncio.open_connection(self.listener.host, self.listener.port)
        return await asyncio.open_unix_connection(self.listener.address.removeprefix("unix://"))

    async def told(self, octets: bytes) -> bytes:
        """The first line that these octets are answered with; b"": the connection was closed."""
        reader, writer = await self.connect()
        writer.write(octets)
        async with asyncio.timeout(TIMEOUT_S):
            try:
                return (await reader.readline()).strip()
            except ConnectionResetError:
                return b""
            finally:
                writer.transport.abort()


@asynccontextmanager
async def front(
    data: Path,
    *,
    text: str = "127.0.0.1:0",
    proxies: str = "127.0.0.0/8",
    rule: str = "",
    timeout_s: float = 30.0,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Front]:
    (listener,) = bind(text, protocol="imap", data=data, tls=context)
    counts = Counts()
    made = Front(listener, counts)
    gate = Gate(
        text,
        rule=Rule(rule) if rule else None,
        proxies=Networks(proxies.split()) if proxies else None,
        header_timeout_s=timeout_s,
        counted=counts,
    )
    await listener.serve(made.factory, gate)
    try:
        yield made
    finally:
        listener.close()
        listener.close()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("text", ["127.0.0.1:0", "unix://front.sock"])
def test_the_client_behind_a_proxy(tmp_path: Path, loop: str, text: str) -> None:
    async def scenario() -> None:
        async with front(tmp_path, text=text, proxies="127.0.0.1 unix") as place:
            assert await place.told(version_1() + b"a\n") == str(Origin("192.0.2.9", 4711)).encode()
            assert await place.told(version_2(tlvs=tls())) == str(Origin("192.0.2.9", 4711, tls=True)).encode()
            assert await place.told(block(0x20, 0, b"")) == b"None", "the proxy itself: a health check"

    asyncio.run(scenario()) if loop == "asyncio" else run(scenario())


def test_a_header_in_pieces_with_octets_behind_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with front(tmp_path) as place:
            reader, writer = await place.connect()
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            header = version_2()
            for at in range(0, len(header) - 5, 5):
                writer.write(header[at : at + 5])
                await asyncio.sleep(0)
            writer.write(header[at + 5 :] + b"hello")
            assert await reader.readline() == f"{Origin('192.0.2.9', 4711)}\n".encode()
            assert await reader.readexactly(5) == b"HELLO"
            writer.close()

    run(scenario())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_tls_begins_behind_the_header(tmp_path: Path, loop: str) -> None:
    """In the same segment, as a fast proxy sends it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    def speak(port: int) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as raw:
            ahead = version_1()
            while True:
                try:
                    client.do_handshake()
                    said = client.read()
                except ssl.SSLWantReadError:
                    raw.sendall(ahead + outgoing.read())
                    ahead = b""
                    incoming.write(raw.recv(65_536))
                else:
                    return said

    async def scenario() -> None:
        async with front(tmp_path, text="tls://127.0.0.1:0", context=context) as place:
            said = await asyncio.to_thread(speak, place.listener.port)
            assert said.strip() == str(Origin("192.0.2.9", 4711)).encode()
            assert await place.told(b"\x16\x03\x01 no header") == b""

    asyncio.run(scenario()) if loop == "asyncio" else run(scenario())


def test_whoever_is_no_proxy_is_not_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with front(tmp_path, proxies="192.0.2.0/24") as place:
            with structlog.testing.capture_logs() as logs:
                assert await place.told(version_1()) == b""
            assert logs == [
                {"event": "no trusted proxy", "listener": "127.0.0.1:0", "peer": "127.0.0.1", "log_level": "warning"}
            ]
            assert place.made == 0 and place.counts.refused == {"proxy": 1}

    run(scenario())


@pytest.mark.parametrize(
    ("octets", "timeout_s", "problem"),
    [
        (b"a CAPABILITY\r\n", 30.0, "it does not begin with one"),
        (b"PROXY TCP4 ", 0.05, "it did not come in time"),
        (b"", 0.05, "it did not come in time"),
        (version_2()[:20], 0.05, "it did not come in time"),
    ],
)
def test_a_wrong_or_missing_header(tmp_path: Path, octets: bytes, timeout_s: float, problem: str) -> None:
    async def scenario() -> None:
        async with front(tmp_path, timeout_s=timeout_s) as place:
            with structlog.testing.capture_logs() as logs:
                assert await place.told(octets) == b""
            (line,) = logs
            assert (line["event"], line["problem"]) == ("PROXY header refused", problem)
            assert place.made == 0 and place.counts.refused == {"proxy": 1}
            assert await place.told(version_1()) != b"", "others are served"

    run(scenario())


def test_a_proxy_that_hangs_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with front(tmp_path) as place:
            _, writer = await place.connect()
            writer.write(b"PROXY ")
            writer.close()
            async with asyncio.timeout(TIMEOUT_S):
                while not place.counts.refused:  # noqa: ASYNC110 - the server has no event for it
                    await asyncio.sleep(0.001)
            _, waiting = await place.connect()
            waiting.write(b"PROXY ")
            await asyncio.sleep(0)
            assert place.made == 0
        waiting.close()

    run(scenario())


def test_rules_are_those_of_the_client(tmp_path: Path) -> None:
    """Not of the proxy, and asked before anything of the protocol is said."""

    async def scenario() -> None:
        async with front(tmp_path, rule="192.0.2.0/24 127.0.0.1 !192.0.2.66") as place:
            assert await place.told(version_1("192.0.2.9")) != b""
            assert await place.told(block(0x20, 0, b"")) != b""
            with structlog.testing.capture_logs() as logs:
                assert await place.told(version_1("192.0.2.66")) == b""
                assert await place.told(version_1("2001:db8::9")) == b""
            assert [(line["event"], line["peer"]) for line in logs] == [
                ("connection refused", "192.0.2.66"),
                ("connection refused", "2001:db8::9"),
            ]
            assert place.made == 2 and place.counts.refused == {"network": 2}

    run(scenario())


def test_rules_without_a_proxy(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with front(tmp_path, proxies="", rule="!127.0.0.0/8") as place:
            assert await place.told(b"hello") == b""
        async with front(tmp_path, proxies="", rule="127.0.0.1") as place:
            assert await place.told(b"hello") == b"None"

    run(scenario())
