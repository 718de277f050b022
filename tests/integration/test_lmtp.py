"""The LMTP server over real sockets: memory backends in this process, and smtplib as the outside client."""

from __future__ import annotations

import asyncio
import imaplib
import re
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lightmail.backends.local import LocalChangeFeed, SystemClock
from lightmail.backends.memory import MemoryBlobs, MemoryDirectory, MemoryMetadata, MemoryState
from lightmail.config import Config
from lightmail.errors import LightMailError, OverQuota, Unavailable
from lightmail.lmtp import server as lmtp_server
from lightmail.lmtp.server import LmtpServer
from lightmail.mail.delivery import Delivery
from lightmail.mail.store import MailStore
from lightmail.model import User
from lightmail.net.listeners import Listener, bind
from lightmail.net.tls import load_identity, make_development_certificate
from tests.support.aio import run
from tests.support.installation import Installation

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


def test_smtplib_over_tcp(tmp_path: Path) -> None:
    def send(port: int) -> list[tuple[int, bytes]]:
        with smtplib.LMTP("127.0.0.1", port, local_hostname="client.example") as client:
            answers = [client.ehlo(), client.mail("chris@bar.example")]
            for name in ("pat", "nobody", "green", "off"):
                answers.append(client.rcpt(f"{name}@foo.example"))
            # smtplib reads one reply after the data, as SMTP has it; LMTP has one for each recipient.
            return [*answers[1:], client.data(MESSAGE), client.getreply()]

    async def scenario() -> None:
        async with place(tmp_path) as at:
            listener = await at.listen("127.0.0.1:0")
            assert await asyncio.to_thread(send, listener.port) == [
                (250, b"2.1.0 sender OK"),
                (250, b"2.1.5 recipient OK"),
                (550, b"5.1.1 no such user here"),
                (250, b"2.1.5 recipient OK"),
                (550, b"5.2.1 the account is disabled"),
                (250, b"2.1.5 delivered"),
                (250, b"2.1.5 delivered"),
            ]
            (pats,) = await at.messages("pat@foo.example")
            assert await at.messages("green@foo.example") == [pats]
            assert pats.endswith(b"\r\n" + MESSAGE)
            trace = pats.removesuffix(MESSAGE).decode()
            assert re.fullmatch(
                r"Return-Path: <chris@bar\.example>\r\n"
                r"Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n"
                r"\tby mx\.foo\.example \(LightMail\) with LMTP id [0-9a-f]+;\r\n"
                r"\t\w{3}, [0-9]{2} \w{3} [0-9]{4} [0-9:]{8} [-+][0-9]{4}\r\n",
                trace,
            ), trace
            assert await at.stored_objects() == 1  # law 5

    run(scenario())


def test_smtplib_over_a_unix_socket(tmp_path: Path) -> None:
    def send(path: str) -> dict[str, tuple[int, bytes]]:
        with smtplib.LMTP(path, local_hostname="client.example") as client:
            return client.sendmail("", ["Pat@FOO.example"], MESSAGE)

    async def scenario() -> None:
        async with place(tmp_path) as at:
            listener = await at.listen("unix://l.sock")
            assert await asyncio.to_thread(send, listener.address.removeprefix("unix://")) == {}
            (message,) = await at.messages("pat@foo.example")
            assert message.startswith(b"Return-Path: <>\r\nDelivered-To: Pat@FOO.example\r\nReceived: ")
            assert b"client.example (unix socket)" in message
            assert b"\tfor <Pat@FOO.example>;\r\n" in message

    run(scenario())


def test_subaddresses(tmp_path: Path) -> None:
    """RFC 5233: into the mailbox when it exists and may be named, into INBOX otherwise."""

    async def scenario() -> None:
        async with place(tmp_path) as at:
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            recipients = [
                b"pat+Trash@foo.example",
                b"pat+none@foo.example",
                b"pat+Sent@foo.example",
                b"pat+@foo.example",
            ]
            assert await talk.envelope(*recipients, b"+Trash@foo.example") == [250] * 12 + [550]
            talk.writer.write(b"DATA\r\nA: b\r\n\r\n.\r\nQUIT\r\n")
            assert await talk.codes(6) == [354, 250, 250, 250, 250, 221]
            await talk.close()
            assert len(await at.messages("pat@foo.example", "Trash")) == 1
            assert len(await at.messages("pat@foo.example")) == 1  # one copy for all that mean INBOX
            assert await at.messages("pat@foo.example", "Sent") == []

    run(scenario())


@pytest.mark.parametrize(("delimiter", "code"), [("", 550), ("-", 550), ("+", 250)])
def test_the_subaddress_delimiter(delimiter: str, code: int, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path, lmtp={"subaddress_delimiter": delimiter}) as at:
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            assert (await talk.envelope(b"pat+x@foo.example"))[-1] == code
            await talk.close()

    run(scenario())


def test_pipelined_transactions_and_chunks(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as at:
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            envelope = b"MAIL FROM:<chris@bar.example> BODY=8BITMIME\r\nRCPT TO:<pat@foo.example>\r\n"
            talk.writer.write(b"LHLO client.example\r\n")
            talk.writer.write(envelope + b"DATA\r\nA: 1\r\n\r\n\x00\xff\r\n.\r\n")
            talk.writer.write(envelope + b"BDAT 6\r\nA: 2\r\nBDAT 5 LAST\r\n\r\n.\r\n")
            talk.writer.write(envelope + b"RSET\r\nNOOP\r\nQUIT\r\n")
            expected = [250] * 7 + [250, 250, 354, 250] + [250, 250, 250, 250] + [250, 250, 250, 250, 221]
            assert await talk.codes(len(expected)) == expected
            assert await talk.reader.read() == b""
            await talk.close()
            first, second = await at.messages("pat@foo.example")
            assert first.endswith(b"\r\nA: 1\r\n\r\n\x00\xff\r\n")
            assert second.endswith(b"\r\nA: 2\r\n\r\n.\r\n")

    run(scenario())


def test_a_large_message_streams(tmp_path: Path) -> None:
    body = b"Subject: big\r\n\r\n" + b"".join(b".%06d %b\r\n" % (number, b"x" * 60) for number in range(100_000))

    def send(port: int) -> dict[str, tuple[int, bytes]]:
        with smtplib.LMTP("127.0.0.1", port, local_hostname="client.example") as client:
            return client.sendmail("chris@bar.example", ["pat@foo.example"], body)

    async def scenario() -> None:
        async with place(tmp_path) as at:
            listener = await at.listen("127.0.0.1:0")
            assert await asyncio.to_thread(send, listener.port) == {}
            (message,) = await at.messages("pat@foo.example")
            assert message.endswith(body)

    run(scenario())


def test_too_big_and_empty(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path, limits={"message_octets": 2000}) as at:
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            await talk.envelope(b"pat@foo.example", b"green@foo.example")
            talk.writer.write(b"DATA\r\n" + b"x" * 3000 + b"\r\n.\r\n")
            assert await talk.codes(3) == [354, 552, 552]
            assert (await talk.envelope(b"pat@foo.example"))[-1] == 250
            talk.writer.write(b"DATA\r\n.\r\nMAIL FROM:<> SIZE=2001\r\n")
            assert await talk.codes(3) == [354, 554, 552]
            # What only the trace header makes too long is refused all the same.
            assert (await talk.envelope(b"pat@foo.example"))[-1] == 250
            talk.writer.write(b"DATA\r\n" + b"x" * 1990 + b"\r\n.\r\n")
            assert await talk.codes(2) == [354, 552]
            await talk.close()
            assert await at.stored_objects() == 0

    run(scenario())


def test_tls_is_in_the_trace(tmp_path: Path) -> None:
    async def scenario() -> None:
        certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        make_development_certificate(certificate, key, HOSTNAME)
        async with place(tmp_path) as at:
            listener = await at.listen("tls://127.0.0.1:0", load_identity(certificate, key).context)
            trust = ssl.create_default_context(cafile=str(certificate))
            talk = await at.connect(listener, tls=trust)
            talk.writer.write("LHLO c.example\r\nMAIL FROM:<ä@b.example> SMTPUTF8\r\n".encode())
            talk.writer.write(b"RCPT TO:<pat@foo.example>\r\nDATA\r\nA: b\r\n\r\n.\r\nQUIT\r\n")
            assert await talk.codes(13) == [220] + [250] * 9 + [354, 250, 221]
            (message,) = await at.messages("pat@foo.example")
            assert " with UTF8LMTPS id " in message.decode()
            assert message.decode().startswith("Return-Path: <ä@b.example>\r\n")

    run(scenario())


class Troubled:
    """Delivery with one verb replaced."""

    def __init__(self, delivery: Delivery, **verbs: Callable[..., Awaitable[Any]]) -> None:
        self._delivery = delivery
        self._verbs = verbs

    def __getattr__(self, name: str) -> Any:
        return self._verbs.get(name) or getattr(self._delivery, name)


def test_each_recipient_has_a_fate_of_its_own(tmp_path: Path) -> None:
    async def deliver(recipients: Sequence[object], body: object) -> list[LightMailError | None]:
        return [None, OverQuota("storage"), Unavailable("database")]

    async def scenario() -> None:
        async with place(tmp_path) as at:
            at.server.delivery = Troubled(at.server.delivery, deliver=deliver)  # type: ignore[assignment]
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            await talk.envelope(b"pat@foo.example", b"green@foo.example", b"pat@foo.example")
            talk.writer.write(b"DATA\r\nA: b\r\n\r\n.\r\n")
            assert await talk.lines(4) == [
                b"354 end the message with <CR LF>.<CR LF>",
                b"250 2.1.5 delivered",
                b"552 5.2.2 the mailbox is full",
                b"451 4.3.0 temporarily unavailable, try again",
            ]
            await talk.close()

    run(scenario())


@pytest.mark.parametrize("verb", ["receive", "deliver"])
def test_a_store_that_is_away_is_temporary(verb: str, tmp_path: Path) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("storage")

    async def scenario() -> None:
        async with place(tmp_path) as at:
            at.server.delivery = Troubled(at.server.delivery, **{verb: away})  # type: ignore[assignment]
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            await talk.envelope(b"pat@foo.example", b"green@foo.example")
            talk.writer.write(b"DATA\r\nA: b\r\n\r\n.\r\nNOOP\r\n")
            assert await talk.codes(4) == [354, 451, 451, 250]
            await talk.close()

    run(scenario())


def test_a_directory_that_is_away_is_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> User:
        raise Unavailable("directory")

    async def scenario() -> None:
        async with place(tmp_path) as at:
            monkeypatch.setattr(at.server.recipients._directory, "resolve", away)
            talk = await at.greeted(await at.listen("127.0.0.1:0"))
            assert (await talk.envelope(b"pat@foo.example"))[-1] == 451
            await talk.close()

    run(scenario())


def test_a_bug_costs_one_connection(tmp_path: Path) -> None:
    async def bug(*_: object) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        async with place(tmp_path) as at:
            sound = at.server.delivery
            at.server.delivery = Troubled(sound, deliver=bug)  # type: ignore[assignment]
            listener = await at.listen("127.0.0.1:0")
            talk, other = await at.greeted(listener), await at.greeted(listener)
            await talk.envelope(b"pat@foo.example")
            talk.writer.write(b"DATA\r\nA: b\r\n\r\n.\r\n")
            assert await talk.codes(2) == [354, 421]
            assert await talk.reader.read() == b""
            at.server.delivery = sound
            await other.envelope(b"pat@foo.example")
            other.writer.write(b"DATA\r\nA: b\r\n\r\n.\r\n")
            assert await other.codes(2) == [354, 250]
            await other.close()

    run(scenario())


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


@pytest.mark.integration
def test_in_by_lmtp_and_out_by_imap(any_server: Installation) -> None:
    """The whole server, each kind of installation: what went in comes out, for every listener."""
    address, password = any_server.add_user()
    sockets = [text.removeprefix("unix://") for text in any_server.addresses()["lmtp"] if text.startswith("unix://")]
    for host, port in (any_server.address("lmtp"), (sockets[0], 0)):
        with smtplib.LMTP(host, port, local_hostname="client.example") as client:
            assert client.sendmail("chris@bar.example", [address], MESSAGE) == {}
    with imaplib.IMAP4(*any_server.address("imap")) as imap:
        imap.login(address, password)
        assert imap.select() == ("OK", [b"2"])
        _, answers = imap.fetch("1:*", "(BODY.PEEK[])")
        bodies = [answer[1] for answer in answers if isinstance(answer, tuple)]
        assert len(bodies) == 2
        for body in bodies:
            assert body.startswith(b"Return-Path: <chris@bar.example>\r\nDelivered-To: " + address.encode() + b"\r\n")
            assert body.endswith(b"\r\n" + MESSAGE)
