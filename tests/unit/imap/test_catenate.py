"""CATENATE (RFC 4469) with hostile input, failures and bounds; its dialogues are in tests/wire/catenate.txt."""

from __future__ import annotations

import random

import pytest

from lightmail._core.index import UidSet
from lightmail.errors import Unavailable
from lightmail.model import FlagOp
from tests.support.aio import run
from tests.unit.imap.client import Client, lines
from tests.unit.imap.desk import Desk
from tests.unit.mail.house import House, message_octets

ONE = b'URL "/INBOX/;UID=1"'


async def messages(house: House) -> int:
    return (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages


@pytest.mark.parametrize(
    "url",
    [
        b"",
        b"/",
        b"/INBOX",
        b"/INBOX/",
        b"/INBOX;UID=1",
        b"/INBOX/;UID=0",
        b"/INBOX/;UID=01",
        b"/INBOX/;UID=+1",
        b"/INBOX/;UID=4294967296",
        b"/INBOX/;UID=1:2",
        b"/INBOX/;UID=*",
        b"/INBOX/;UID=2",
        b"/INBOX/;UID=1/",
        b"/INBOX/;UID=1;URLAUTH=anonymous",
        b"/INBOX/;UID=1/;SECTION=",
        b"/INBOX/;UID=1/;SECTION=0",
        b"/INBOX/;UID=1/;SECTION=MIME",
        b"/INBOX/;UID=1/;SECTION=2",
        b"/INBOX/;UID=1/;SECTION=TEXT]",
        b"/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20({3}%0d%0aabcd)",
        b"/INBOX/;UID=1/;SECTION=" + b"1." * 5_000 + b"1",
        b"/INBOX/;UID=1/;PARTIAL=1.0",
        b"/INBOX/;UID=1/;PARTIAL=x",
        b"/INBOX/;UID=1/;PARTIAL=0.1/;SECTION=TEXT",
        b"/INBOX/;UID=1/;PARTIAL=0.1/;PARTIAL=0.1",
        b"/INBOX?UID=1",
        b"/INBOX;UIDVALIDITY=1/;UID=1",
        b"/INBOX;UIDVALIDITY=x/;UID=1",
        b"/%49NBOX%2/;UID=1",
        b"/%ff/;UID=1",
        b"/\xff/;UID=1",
        b"/%00/;UID=1",
        b"/a//b/;UID=1",
        b"/Users/bob@example.org/INBOX/;UID=1",
        b"//example.org/INBOX/;UID=1",
        b"imap://ann@example.org/INBOX/;UID=1",
        b"imap:/INBOX/;UID=1",
        b"http://192.0.2.1/",
        b"file:///etc/passwd",
        b"/../INBOX/;UID=1",
        b";UID=1",
    ],
)
def test_urls_that_lead_to_nothing(url: bytes) -> None:
    """§4.1. What else of the command is on its way is swallowed, and the next one is found."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        await house.inbox(messages=1)
        literal = b"{%d+}\r\n%b" % (len(url), url)
        got = lines(
            await client.send(b"a APPEND INBOX CATENATE (URL " + literal + b" TEXT {9+}\r\nx LOGOUT\n)\r\nb NOOP\r\n")
        )
        assert len(got) == 2 and got[1].startswith("b OK"), got
        assert got[0].startswith("a NO [BADURL "), got
        assert "]" not in got[0].removeprefix("a NO [BADURL ").partition("] ")[0]
        assert await messages(house) == 1
        await house.close()

    run(scenario())


def test_what_a_url_may_look_like() -> None:
    """RFC 5092: names in UTF-8 with `%`, keywords in any case; the section is that of FETCH."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        await house.mail.mailboxes.create(house.user.id, "Entwürfe/Käse;1")
        whole = b"Subject: a\r\nFrom: b@example.org\r\n\r\ntext\r\n"
        await client.send(b"a ENABLE UTF8=ACCEPT\r\n")
        stored = await client.send('b APPEND "Entwürfe/Käse;1" {%d+}\r\n'.encode() % len(whole) + whole + b"\r\n")
        assert stored.startswith(b"b OK")
        url = b"/Entw%C3%BCrfe/K%c3%a4se%3B1/;uid=1"
        parts = [b"", b"/;Section=TEXT", b"/;SECTION=header.fields.not%20(Subject)", b"/;section=1/;partial=1.2"]
        answer = await client.send(
            b"c APPEND INBOX CATENATE (" + b" ".join(b'URL "%b%b"' % (url, part) for part in parts) + b")\r\n"
        )
        assert answer.startswith(b"c OK [APPENDUID "), answer
        await client.ok("SELECT INBOX")
        expected = whole + b"text\r\n" + b"From: b@example.org\r\n\r\n" + b"ex"
        assert b"BODY[] {%d}\r\n%b)" % (len(expected), expected) in await client.send(b"d FETCH 1 BODY.PEEK[]\r\n")
        await house.close()

    run(scenario())


def test_names_beside_the_selected_mailbox() -> None:
    """§3: the base URL."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        for name in ("Work/Plans", "Work/Old"):
            await client.ok(f"CREATE {name}")
            assert (await client.send(b"a APPEND %b {4+}\r\nhere\r\n" % name.encode())).startswith(b"a OK")
        await client.ok("SELECT Work/Plans")
        for url in (b";UID=1", b"Old/;UID=1", b"/Work/Old/;UID=1"):
            assert b"b OK [APPENDUID" in await client.send(b"b APPEND INBOX CATENATE (URL %b)\r\n" % url)
        assert b"c NO [BADURL Work/Old/;UID=1]" in await client.send(
            b"c APPEND INBOX CATENATE (URL Work/Old/;UID=1)\r\n"
        )
        await house.close()

    run(scenario())


def test_a_url_costs_what_reading_costs() -> None:
    """One look at the source for all parts of it, one body, one PUT, one transaction (law 5)."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        await house.inbox(messages=1)
        house.metadata.calls.clear()
        house.blobs.calls.clear()
        answer = await client.send(b"a APPEND INBOX CATENATE (" + b" ".join([ONE] * 50) + b")\r\n")
        assert answer.startswith(b"a OK [APPENDUID ")
        assert house.metadata.count("append") == 1 and len(house.metadata.calls) <= 6, house.metadata.calls
        assert house.blobs.count("put") == 1 and house.blobs.count("read") <= 1
        await house.close()

    run(scenario())


def test_large_parts_are_streamed() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        octets = message_octets(1) + random.Random(1).randbytes(2_000_000)
        assert (await client.send(b"a APPEND INBOX {%d+}\r\n" % len(octets) + octets + b"\r\n")).startswith(b"a OK")
        assert (await client.send(b"b APPEND INBOX CATENATE (%b TEXT {3+}\r\nend %b)\r\n" % (ONE, ONE))).startswith(
            b"b OK"
        )
        await client.ok("SELECT INBOX")
        assert octets + b"end" + octets in await client.send(b"c FETCH 2 BODY.PEEK[]\r\n")
        await house.close()

    run(scenario())


def test_the_whole_is_bounded() -> None:
    """§4.2: literals and URLs count together, and nothing is read of what would be too much."""

    async def scenario() -> None:
        house = await House.build(message_octets=1_000)
        client = Client(house)
        text = bytes(600).replace(b"\0", b"x")
        assert (await client.send(b"a APPEND INBOX {600+}\r\n" + text + b"\r\n")).startswith(b"a OK")
        for parts in (
            ONE + b" " + ONE,
            b"TEXT {600+}\r\n" + text + b" TEXT {600+}\r\n" + text,
            b"TEXT {600+}\r\n" + text + b" " + ONE,
            ONE + b" TEXT {600+}\r\n" + text,
            b"TEXT {1001+}\r\n" + bytes(1001),
        ):
            got = lines(await client.send(b"b APPEND INBOX CATENATE (" + parts + b")\r\nc NOOP\r\n"))
            assert [line[:13] for line in got] == ["b NO [TOOBIG]", "c OK Nothing "], got
        got = lines(await client.send(b"d APPEND INBOX CATENATE (" + ONE + b" TEXT {401}\r\ne NOOP\r\n"))
        assert [line[:13] for line in got] == ["d NO [TOOBIG]", "e OK Nothing "], got
        # short URLs do not make for endless work: so many parts, and so many octets
        few = b" ".join([b"CATENATE (" + ONE + b")"] * 7)
        assert (await client.send(b"f APPEND INBOX " + few + b"\r\n")).startswith(b"f NO [LIMIT] ")
        nothing = b" ".join([b'URL "/INBOX/;UID=1/;PARTIAL=600"'] * 1_001)
        assert (await client.send(b"g APPEND INBOX CATENATE (" + nothing + b")\r\n")).startswith(b"g NO [LIMIT] ")
        assert await messages(house) == 1
        await house.close()

    run(scenario())


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b" ",
        b"x",
        b")(",
        b"){3}",
        b" TEXT",
        b' TEXT "quoted"',
        b" TEXT ~{3+}\r\nabc)",
        b" UTF8 ({3+}\r\nabc))",
        b" UTF8 (~{3+}\r\nabc)",
        b" BLURB {3}",
        b" URL",
        b" URL (",
        b") CATENATE ()",
        b") CATENATE (URL",
    ],
)
def test_what_is_no_catenate(rest: bytes) -> None:
    """BAD, nothing is stored, and the next command is found."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        await house.inbox(messages=1)
        before = await house.objects()
        for start in (ONE, b"TEXT {3+}\r\nabc", ONE + b" TEXT {3+}\r\nabc"):
            got = lines(await client.send(b"a APPEND INBOX CATENATE (" + start + rest + b"\r\nb NOOP\r\n"))
            assert [line[:5] for line in got] == ["a BAD", "b OK "], got
        assert await messages(house) == 1 and await house.objects() == before
        await house.close()

    run(scenario())


def test_a_failure_in_the_midst_is_told_once_and_stores_nothing() -> None:
    """The body of the source, or the place for the new one, is away; literals behind it are swallowed."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        octets = random.Random(1).randbytes(600_000)
        assert (await client.send(b"a APPEND INBOX {600000+}\r\n" + octets + b"\r\n")).startswith(b"a OK")
        before = await house.objects()
        parts = b"TEXT {3+}\r\nabc " + ONE + b" TEXT {9+}\r\nx LOGOUT\n"
        for call in ("read", "create"):
            house.blobs.never_now = True
            house.blobs.fail(call, Unavailable("the body store"))
            got = lines(await client.send(b"b APPEND INBOX CATENATE (" + parts + b")\r\nc NOOP\r\n"))
            assert [line[:18] for line in got] == ["b NO [UNAVAILABLE]", "c OK Nothing done"], got
            house.blobs.fail_no_more()
        assert await messages(house) == 1 and await house.objects() == before
        await house.close()

    run(scenario())


@pytest.mark.parametrize("sent", [b"TEXT {9", b"TEXT {9+}\r\nabc", b"%b TEXT {1+}\r\nx URL {30+}\r\n/INB" % ONE])
def test_a_lost_connection_stores_nothing(sent: bytes) -> None:
    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        octets = random.Random(1).randbytes(600_000)
        assert (await client.send(b"a APPEND INBOX {600000+}\r\n" + octets + b"\r\n")).startswith(b"a OK")
        before = await house.objects()
        assert await client.send(b"b APPEND INBOX CATENATE (" + ONE + b" " + sent) == b""
        await client.lose()
        assert await messages(house) == 1 and await house.objects() == before
        await house.close()

    run(scenario())


def test_a_literal_is_asked_for_after_the_urls_before_it() -> None:
    """RFC 9051 §4.3: a synchronizing literal of a command that has failed already is not asked for."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        await house.inbox(messages=1)
        assert (await client.send(b"a APPEND INBOX CATENATE (" + ONE + b" TEXT {3}\r\n")).startswith(b"+ ")
        assert (await client.send(b"abc URL {14}\r\n")).startswith(b"+ ")
        got = await client.send(b"/INBOX/;UID=7\n TEXT {3}\r\n")
        assert got.startswith(b"a NO [BADURL /INBOX/;UID=7%0A] ") and got.count(b"\r\n") == 1
        assert await client.do("NOOP") == ["tag OK Nothing done"]
        assert await messages(house) == 1
        await house.close()

    run(scenario())


def test_an_expunged_message_is_no_source() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        inbox = await house.inbox(messages=2)
        await client.ok("SELECT INBOX")
        await house.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Deleted",))
        await Client(house).ok("STATUS INBOX (MESSAGES)")
        other = Client(house)
        await other.ok("SELECT INBOX")
        await other.ok("UID EXPUNGE 1")
        assert b"a NO [BADURL ;UID=1]" in await client.send(b"a APPEND INBOX CATENATE (URL ;UID=1)\r\n")
        await house.close()

    run(scenario())


def test_a_hidden_catenate_is_unknown_and_its_octets_are_swallowed() -> None:
    async def scenario() -> None:
        desk = await Desk.build(imap={"hide_capabilities": ("CATENATE",)})
        await desk.house.inbox(messages=1)
        client = await desk.login()
        for start in (b"", b"{3+}\r\nabc "):
            got = await client.send(b"a APPEND INBOX " + start + b"CATENATE (TEXT {9+}\r\nx LOGOUT\n)\r\nb NOOP\r\n")
            assert got == b"a BAD Unknown command APPEND CATENATE\r\nb OK Nothing done\r\n"
        await desk.close()

    run(scenario())
