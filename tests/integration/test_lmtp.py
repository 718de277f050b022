"""Deliveries to the LMTP server over real sockets: memory backends in this process, and smtplib as the outside client."""

from __future__ import annotations

import asyncio
import imaplib
import re
import smtplib
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from lightmail.errors import LightMailError, OverQuota, Unavailable
from lightmail.model import User
from lightmail.net.tls import load_identity, make_development_certificate
from tests.support.aio import run
from tests.support.installation import Installation
from tests.support.lmtp_place import HOSTNAME, MESSAGE, Troubled, place


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
