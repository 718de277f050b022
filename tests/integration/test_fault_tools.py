"""The faults that tests inject do what they say: a test under a fault that does not happen proves nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.aio import run
from tests.support.eventually import eventually
from tests.support.faults import processes
from tests.support.faults.disk import SmallDisk
from tests.support.faults.proxy import Proxy
from tests.support.faults.shim import Shim
from tests.support.server import LightMailServer
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration


# ---- the network

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing(proxies: int = 1) -> AsyncIterator[tuple[Proxy, list[bytes], list[Streams]]]:
    """A proxy to a server that says what it hears, what that has heard, and connections through it."""
    heard: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while octets := await reader.read(100):
                heard.append(octets)
                writer.write(octets)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[1])
    connections = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in range(proxies)]
    try:
        yield proxy, heard, connections
    finally:
        for _, writer in connections:
            writer.transport.abort()
        await asyncio.to_thread(proxy.close)
        server.close()
        await server.wait_closed()


def test_an_answer_is_truncated() -> None:
    async def test() -> None:
        async with echoing() as (proxy, _, [(reader, writer)]):
            proxy.truncate("down", 3)
            writer.write(b"hello")
            assert await reader.read() == b"hel", "it ends in order, and too early"
            assert not proxy.pending

    run(test())


def test_a_question_is_not_heard_and_an_answer_is_lost() -> None:
    async def test() -> None:
        async with echoing(3) as (proxy, heard, [(first, to_first), (second, to_second), (third, to_third)]):
            proxy.lose_question(b"COMMIT")
            to_first.write(b"COMMIT")
            with pytest.raises(ConnectionError):
                await first.readexactly(1)
            assert heard == []
            proxy.lose_answer(b"COMMIT")
            to_second.write(b"COMMIT")
            with pytest.raises(ConnectionError):
                await second.readexactly(1)
            assert heard == [b"COMMIT"]
            to_third.write(b"COMMIT")
            assert await third.readexactly(6) == b"COMMIT", "once"

    run(test())


def test_a_proxy_goes_elsewhere() -> None:
    async def test() -> None:
        async with echoing(0) as (proxy, heard, _), echoing(0) as (other, heard_there, _):
            proxy.server_port = other.server_port
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.transport.abort()
            assert (heard, heard_there) == ([], [b"hello"])

    run(test())


# ---- processes and their world

ASK = """
import datetime, os, sys, tempfile, time
with tempfile.TemporaryFile() as file:
    for _ in sys.stdin:
        begin = time.monotonic()
        os.fsync(file.fileno())
        print(time.time(), datetime.datetime.now().timestamp(), time.monotonic() - begin, flush=True)
"""


def test_a_clock_steps_and_a_disk_is_slow(tmp_path: Path) -> None:
    with (
        Shim(tmp_path / "shim") as shim,
        subprocess.Popen(
            [sys.executable, "-c", ASK],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **shim.environment},
        ) as process,
    ):

        def ask() -> tuple[float, float]:
            """How far the clock is off, and how long an fsync took, in seconds."""
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            now, today, took = map(float, process.stdout.readline().split())
            assert abs(now - today) < 30
            return now - time.time(), took

        assert abs(ask()[0]) < 30
        for seconds in (7_200.0, -7_200.0):
            shim.step_clock(seconds)
            assert abs(ask()[0] - seconds) < 30
        shim.slow_sync(0.3)
        offset, took = ask()
        assert abs(offset + 7_200) < 30 and took >= 0.3
        shim.mend()
        assert abs(ask()[0]) < 30
        process.communicate()


def test_a_server_is_told_another_time(tmp_path: Path) -> None:
    """INTERNALDATE is the server's own time (RFC 9051 §6.3.12): also what the extension and uvloop are told."""
    with Shim(tmp_path / "shim") as shim, LightMailServer(tmp_path / "data", environment=shim.environment) as server:
        account = server.add_user()
        with ImapClient(server.address("imap")) as client:
            client.login(*account)
            shim.step_clock(-400 * 86_400)
            assert client.command(b"APPEND INBOX {}", b"Subject: old\r\n\r\n").ok
            assert client.command(b"SELECT INBOX").ok
            (line,) = client.command(b"FETCH 1 INTERNALDATE").fetched()
    assert b"-%d " % time.gmtime(time.time() - 400 * 86_400).tm_year in line, line


def test_a_disk_is_full(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk", 1_000_000) as disk:
        file = disk.folder / "file"
        disk.fill()
        with pytest.raises(OSError, match="No space"):
            file.write_bytes(b"x" * 5_000)
        disk.make_room()
        assert file.write_bytes(b"x" * 5_000) == 5_000


def state(pid: int) -> str:
    """As proc(5) has it: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_process_stands_still() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        with processes.stopped(process.pid):
            process.stdin.write(b"x")
            process.stdin.flush()
            assert eventually(lambda: state(process.pid) == "T")
            assert process.stdout.read() is None
        os.set_blocking(process.stdout.fileno(), True)
        assert process.stdout.read(1) == b"x"
        processes.kill(process.pid)
        assert process.wait() == -9
