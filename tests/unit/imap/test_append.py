"""APPEND and MULTIAPPEND (RFC 9051 §6.3.12, RFC 3502, RFC 4315 §3, RFC 7889)."""

from __future__ import annotations

import random

import pytest

from lightmail.errors import Unavailable
from tests.support.aio import run
from tests.unit.imap.client import Client, lines
from tests.unit.mail.house import House, message_octets


async def validity(house: House) -> int:
    return (await house.inbox()).uid_validity


def literal(octets: bytes) -> bytes:
    return b"{%d+}\r\n" % len(octets) + octets


def test_append_is_one_put_and_one_transaction() -> None:
    """Law 5."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        await client.ok("SELECT INBOX")
        house.metadata.calls.clear()
        house.blobs.calls.clear()
        answer = await client.send(
            b'a APPEND INBOX (\\Seen $Work) "17-Jul-1996 02:44:25 -0700" ' + literal(message_octets(1)) + b"\r\n"
        )
        assert house.blobs.calls == ["put"]
        assert [call for call in house.metadata.calls if call != "claim_recent"] == ["append"]
        assert f"a OK [APPENDUID {await validity(house)} 1] Appended" in lines(answer)
        assert b"* 1 EXISTS\r\n" in answer
        assert await client.ok("FETCH 1 (INTERNALDATE FLAGS BODY.PEEK[])") == [
            '* 1 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0700" FLAGS (\\Seen $Work \\Recent) '
            f"BODY[] {{{len(message_octets(1))}}}\r\n{message_octets(1).decode()})"
        ]
        await house.close()

    run(scenario())


def test_a_synchronizing_literal_waits_for_its_leave() -> None:
    """RFC 9051 §4.3, §7.6."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        octets = message_octets(1)
        assert (await client.send(b"a APPEND INBOX {%d}\r\n" % len(octets))).startswith(b"+ ")
        assert await client.send(octets[:10]) == b""
        assert (await client.send(octets[10:] + b"\r\n")).startswith(b"a OK [APPENDUID ")
        await house.close()

    run(scenario())


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (b"nowhere {10}", b"a NO [TRYCREATE] "),
        (b"INBOX {1001}", b"a NO [TOOBIG] "),
        (b"INBOX {0}", b"a NO "),
        (b"a//b {10}", b"a NO "),
    ],
)
def test_what_can_be_known_before_is_said_before(start: bytes, answer: bytes) -> None:
    """RFC 9051 §6.3.12: no octet of a refused message is asked for."""

    async def scenario() -> None:
        house = await House.build(message_octets=1_000)
        client = Client(house)
        got = await client.send(b"a APPEND " + start + b"\r\n")
        assert got.startswith(answer) and got.count(b"\r\n") == 1
        assert await client.do("NOOP") == ["tag OK NOOP completed"] or (await client.do("NOOP"))[-1].startswith(
            "tag OK"
        )
        assert house.blobs.calls == []
        await house.close()

    run(scenario())


def test_octets_that_come_uninvited_are_swallowed() -> None:
    """RFC 7888 §4: a non-synchronizing literal is not taken for commands."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        got = await client.send(b"a APPEND nowhere " + literal(b"x LOGOUT\r\ny NOOP\r\n") + b"\r\nb NOOP\r\n")
        assert [line.split(" ")[:2] for line in lines(got)] == [["a", "NO"], ["b", "OK"]]
        await house.close()

    run(scenario())


def test_multiappend() -> None:
    """RFC 3502: UIDs of all, in order; one transaction."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        await client.ok("SELECT INBOX")
        house.metadata.calls.clear()
        got = await client.send(
            b"a APPEND INBOX (\\Seen) "
            + literal(message_octets(1))
            + b" "
            + literal(message_octets(2))
            + b" (\\Flagged) "
            + literal(message_octets(3))
            + b"\r\n"
        )
        assert f"a OK [APPENDUID {await validity(house)} 1:3] Appended" in lines(got)
        assert house.metadata.count("append") == 1
        flags = [line.partition("FLAGS")[2] for line in await client.ok("FETCH 1:3 FLAGS")]
        assert flags == [" (\\Seen \\Recent))", " (\\Recent))", " (\\Flagged \\Recent))"]
        await house.close()

    run(scenario())


@pytest.mark.parametrize("last", [b"{0+}\r\n", b"{2001+}\r\n" + bytes(2001), b"((\r\n"])
def test_multiappend_adds_all_or_none(last: bytes) -> None:
    """RFC 3502 §6.3.11."""

    async def scenario() -> None:
        house = await House.build(message_octets=2_000)
        client = Client(house)
        got = await client.send(b"a APPEND INBOX " + literal(message_octets(1)) + b" " + last + b"\r\n")
        (line,) = [line for line in lines(got) if line.startswith("a ")]
        assert line.startswith(("a NO", "a BAD"))
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 0
        assert (await client.do("NOOP"))[-1].startswith("tag OK")
        await house.close()

    run(scenario())


def test_a_large_message_is_streamed_through() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        octets = message_octets(1) + random.Random(1).randbytes(2_000_000)
        client.dispatcher.feed(b"a APPEND INBOX {%d+}\r\n" % len(octets))
        await client.dispatcher.run()
        for start in range(0, len(octets), 50_000):
            client.dispatcher.feed(octets[start : start + 50_000])
            await client.dispatcher.run()
            assert client.dispatcher.buffered_octets < 100_000
        assert (await client.send(b"\r\n")).startswith(b"a OK [APPENDUID ")
        assert house.blobs.count("create") == 1
        await client.ok("SELECT INBOX")
        assert octets in await client.send(b"b FETCH 1 BODY.PEEK[]\r\n")
        await house.close()

    run(scenario())


def test_a_body_store_that_fails_is_told_behind_the_message() -> None:
    """Law 1; and the next command is still found."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        for octets, call in ((message_octets(1), "put"), (random.Random(1).randbytes(600_000), "create")):
            house.blobs.fail(call, Unavailable("the body store"))
            got = await client.send(b"a APPEND INBOX " + literal(octets) + b"\r\nb NOOP\r\n")
            assert lines(got)[0].startswith("a NO [UNAVAILABLE]")
            assert lines(got)[1].startswith("b OK")
            house.blobs.fail_no_more()
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 0
        assert await house.objects() == []
        await house.close()

    run(scenario())


def test_a_database_that_fails_is_no_ok() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        house.metadata.fail("append", Unavailable("the database"))
        got = await client.send(b"a APPEND INBOX " + literal(message_octets(1)) + b"\r\n")
        assert got.startswith(b"a NO [UNAVAILABLE] ")
        await house.close()

    run(scenario())


def test_a_lost_connection_leaves_nothing() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        await client.send(b"a APPEND INBOX {2000000+}\r\n" + random.Random(1).randbytes(1_500_000))
        await client.lose()
        assert await house.objects() == []
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 0
        await house.close()

    run(scenario())


def test_a_mailbox_deleted_meanwhile() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.mail.mailboxes.create(house.user.id, "Gone")
        client = Client(house)
        octets = message_octets(1)
        await client.send(b"a APPEND Gone {%d}\r\n" % len(octets))
        await house.mail.mailboxes.delete(house.user.id, "Gone")
        assert (await client.send(octets + b"\r\n")).startswith(b"a NO [TRYCREATE] ")
        await house.close()

    run(scenario())


def test_8bit_header_fields_need_no_enable() -> None:
    """A leniency (see append.py): clients that copy old mail, imapsync and mbsync among them, enable nothing."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        octets = "Subject: Grüße\r\n\r\nHallo\r\n".encode("latin-1")
        assert (await client.send(b"a APPEND INBOX " + literal(octets) + b"\r\n")).startswith(b"a OK ")
        await client.ok("SELECT INBOX")
        assert octets in await client.send(b"b FETCH 1 BODY.PEEK[]\r\n")
        await house.close()

    run(scenario())


def test_binary_and_utf8_messages_are_kept_as_they_are() -> None:
    """RFC 3516 §4.4, RFC 6855 §4."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        await client.ok("ENABLE UTF8=ACCEPT")
        octets = "Subject: Grüße\r\n\r\n".encode() + b"\x00\xff\r\n"
        assert b"a OK" in await client.send(b"a APPEND INBOX ~" + literal(octets) + b"\r\n")
        assert b"b OK" in await client.send(b"b APPEND INBOX UTF8 (~" + literal(octets) + b")\r\n")
        await client.ok("SELECT INBOX")
        assert (await client.send(b"c FETCH 1:2 BODY.PEEK[]\r\n")).count(octets) == 2
        await house.close()

    run(scenario())
