"""Connections to the LMTP server that stall, go away, are too many, or outlive it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from lightmail.lmtp import server as lmtp_server
from tests.support.aio import run
from tests.support.lmtp_place import Troubled, place, until


def test_a_client_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as at:
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            await talk.envelope(b"pat@foo.example")
            talk.writer.write(b"DATA\r\n" + b"x" * 1_000_000)
            assert await talk.codes(1) == [354]
            await talk.close()
            await at.server.close(timeout_s=5)
            assert await at.stored_objects() == 0
            assert await at.messages("pat@foo.example") == []

    run(scenario())


def test_a_client_that_closes_its_half_still_hears_the_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as at:
            listener = await at.listen("127.0.0.1:0")
            talk = await at.greeted(listener)
            talk.writer.write(b"LHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<pat@foo.example>\r\nDATA\r\nA: b\r\n\r\n.\r\n")
            talk.writer.write_eof()
            assert await talk.codes(11) == [250] * 9 + [354, 250]
            assert await talk.reader.read() == b""
            await talk.close()

    run(scenario())


def test_reading_stops_while_storing(tmp_path: Path) -> None:
    """Law 7: a slow store stops the client; the octets wait in the client, not here."""
    gate = asyncio.Event()

    async def scenario() -> None:
        async with place(tmp_path) as at:
            receive = at.server.delivery.receive
            stuck = asyncio.Event()

            async def slowly(*values: Any) -> Any:
                stuck.set()
                await gate.wait()
                return await receive(*values)

            at.server.delivery = Troubled(at.server.delivery, receive=slowly)  # type: ignore[assignment]
            talk = await at.greeted(await at.listen("unix://l.sock"))
            await talk.envelope(b"pat@foo.example")
            talk.writer.write(b"DATA\r\n")
            await stuck.wait()
            (connection,) = at.server._connections
            body = b"Subject: big\r\n\r\n" + b"x" * 5_000_000 + b"\r\n"
            talk.writer.write(body + b".\r\n")
            await until(lambda: not connection._reading)
            held = connection._machine.buffered_octets
            for _ in range(100):
                await asyncio.sleep(0)
            assert connection._machine.buffered_octets == held <= 2**20
            gate.set()
            assert await talk.codes(2) == [354, 250]
            await talk.close()
            (message,) = await at.messages("pat@foo.example")
            assert message.endswith(body)

    run(scenario())


def test_a_client_that_does_not_listen_is_not_answered_on_and_on(tmp_path: Path) -> None:
    """Law 7: replies nobody reads stop the commands that cause them."""

    async def scenario() -> None:
        async with place(tmp_path) as at:
            talk = await at.greeted(await at.listen("unix://l.sock"))
            talk.writer.transport.pause_reading()  # type: ignore[attr-defined]
            (connection,) = at.server._connections
            commands = 150_000
            talk.writer.write(b"NOOP\r\n" * commands)
            await until(lambda: connection._writable is not None and not connection._reading)
            assert connection._transport is not None
            assert connection._transport.get_write_buffer_size() < 2**20
            assert connection._machine.buffered_octets < 2**20
            talk.writer.transport.resume_reading()  # type: ignore[attr-defined]
            heard = 0
            while heard < commands * len(b"250 2.0.0 OK\r\n"):
                heard += len(await talk.reader.read(2**20))
            await talk.close()

    run(scenario())


def test_draining(tmp_path: Path) -> None:
    """Idle clients are told at once; a message on its way is finished first."""

    async def scenario() -> None:
        async with place(tmp_path) as at:
            listener = await at.listen("127.0.0.1:0")
            idle, busy = await at.greeted(listener), await at.greeted(listener)
            await busy.envelope(b"pat@foo.example")
            busy.writer.write(b"DATA\r\nA: b\r\n")
            assert await busy.codes(1) == [354]
            listener.close()
            closing = asyncio.create_task(at.server.close(timeout_s=10))
            assert await idle.lines(1) == [b"421 4.3.2 the server is shutting down, try again"]
            assert await idle.reader.read() == b""
            busy.writer.write(b"\r\n.\r\n")
            assert await busy.codes(2) == [250, 421]
            assert await busy.reader.read() == b""
            await closing
            assert len(await at.messages("pat@foo.example")) == 1

    run(scenario())


def test_draining_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as at:
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            await talk.envelope(b"pat@foo.example")
            talk.writer.write(b"DATA\r\nA: b\r\n")
            assert await talk.codes(1) == [354]
            await at.server.close(timeout_s=0.05)
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await talk.reader.readexactly(1)
            assert await at.messages("pat@foo.example") == []

    run(scenario())


def test_silent_connections_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmtp_server, "SWEEP_S", 0.05)

    async def scenario() -> None:
        async with place(tmp_path, lmtp={"timeout_s": 0.1}) as at:
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            assert await talk.lines(1) == [b"421 4.4.2 timed out, closing"]
            assert await talk.reader.read() == b""
            await talk.close()

    run(scenario())


def test_an_idle_connection_owns_no_task_and_no_timer(tmp_path: Path) -> None:
    """Law 7."""

    async def scenario() -> None:
        async with place(tmp_path) as at:
            listener = await at.listen("127.0.0.1:0")
            before = asyncio.all_tasks()
            talks = [await at.greeted(listener) for _ in range(20)]
            for talk in talks:
                await talk.envelope(b"pat@foo.example")
            assert asyncio.all_tasks() == before
            assert at.server._sweeper is not None
            for talk in talks:
                await talk.close()
            await at.server.close(timeout_s=5)
            assert at.server._sweeper is None

    run(scenario())


def test_too_many_connections(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path, limits={"connections": 1}) as at:
            listener = await at.listen("127.0.0.1:0")
            first = await at.greeted(listener)
            second = await at.connect(listener)
            assert await second.lines(1) == [b"421 4.3.2 too many connections, try again"]
            assert await second.reader.read() == b""
            first.writer.write(b"NOOP\r\n")
            assert await first.codes(1) == [250]
            await first.close()

    run(scenario())


def test_many_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as at:
            listener = await at.listen("unix://l.sock")

            async def send(number: int) -> None:
                talk = await at.greeted(listener)
                for message in range(10):
                    assert set(await talk.envelope(b"pat@foo.example", b"green@foo.example")) == {250}
                    talk.writer.write(b"DATA\r\nSubject: %d %d\r\n\r\n.\r\n" % (number, message))
                    assert await talk.codes(3) == [354, 250, 250]
                await talk.close()

            await asyncio.gather(*(send(number) for number in range(30)))
            for address in ("pat@foo.example", "green@foo.example"):
                subjects = {message.split(b"Subject: ")[1] for message in await at.messages(address)}
                assert len(subjects) == 300

    run(scenario())


def test_a_peer_that_resets(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as at:
            listener = await at.listen("127.0.0.1:0")
            talk = await at.greeted(listener)
            await talk.envelope(b"pat@foo.example")
            sock = talk.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            talk.writer.write(b"DATA\r\nA: b\r\n\r\n.\r\n")
            talk.writer.transport.abort()
            again = await at.greeted(listener)
            again.writer.write(b"QUIT\r\n")
            assert await again.codes(1) == [221]
            await again.close()

    run(scenario())
