"""Clients as they are: what each of these is known to send, answered so that it works.

Dialogues that fit on a page are transcripts: tests/wire/clients_*.txt.
"""

from __future__ import annotations

import msgspec
import pytest

from lightmail.auth.line import Line
from lightmail.config import Config, Imap
from lightmail.config.combinations import combination_problems
from lightmail.imap.capabilities import Capabilities
from tests.support.aio import run
from tests.unit.imap.desk import Desk, lines

_CHUNK_OCTETS = 393_216


def test_ios_reads_a_large_part_in_chunks_of_384_kib() -> None:
    async def scenario() -> None:
        desk = await Desk.build(message_octets=10_000_000)
        client = await desk.login(select=b"INBOX")
        text = b"".join(b"line %06d of an attachment\r\n" % number for number in range(50_000))
        message = b"Subject: large\r\n\r\n" + text
        assert b"a OK" in await client.send(b"a APPEND INBOX {%d+}\r\n%s\r\n" % (len(message), message))
        read = b""
        for start in range(0, len(text) + 2 * _CHUNK_OCTETS, _CHUNK_OCTETS):
            answer = await client.say(b"b UID FETCH 1 (BODY.PEEK[1]<%d.%d>)" % (start, _CHUNK_OCTETS))
            chunk = text[start : start + _CHUNK_OCTETS]
            head, _, rest = answer.partition(b"}\r\n")
            assert head == b"* 1 FETCH (UID 1 BODY[1]<%d> {%d" % (start, len(chunk))
            assert rest[len(chunk) :] == b")\r\nb OK Fetched\r\n"
            read += rest[: len(chunk)]
        # Not left to pytest, which would look for where megabytes differ.
        assert hash(read) == hash(text)
        await desk.close()

    run(scenario())


def test_ios_sends_done_and_several_commands_in_one_segment_torn_anywhere() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=2)
        segment = b"DONE\r\na4 UID FETCH 1:* (UID)\r\na5 IDLE\r\nDONE\r\na6 NOOP\r\n"
        whole = None
        for at in range(len(segment) + 1):
            client = await desk.login(select=b"INBOX")
            assert await client.say(b"a3 IDLE") == b"+ idling\r\n"
            answer = await client.send(segment[:at]) + await client.send(segment[at:])
            whole = whole or answer
            assert answer == whole, at
            await client.hang_up()
        assert lines(whole or b"") == [
            b"a3 OK No longer idle",
            b"* 1 FETCH (UID 1)",
            b"* 2 FETCH (UID 2)",
            b"a4 OK Fetched",
            b"+ idling",
            b"a5 OK No longer idle",
            b"a6 OK Nothing done",
        ]
        await desk.close()

    run(scenario())


@pytest.mark.parametrize("command", [b"UID FETCH 500:* (FLAGS)", b"UID FETCH *:500 (FLAGS)", b"UID FETCH * (FLAGS)"])
def test_thunderbird_and_outlook_ask_for_what_lies_beyond_the_end(command: bytes) -> None:
    """RFC 9051 §9 seq-range: "*" is the last message, which is always among them."""

    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=3, flags=("\\Seen",))
        client = await desk.login(select=b"INBOX")
        assert await client.say(b"a " + command) == b"* 3 FETCH (UID 3 FLAGS (\\Recent \\Seen))\r\na OK Fetched\r\n"
        assert await client.say(b"b UID FETCH 500:600 (FLAGS)") == b"b OK Fetched\r\n"
        await desk.close()

    run(scenario())


def test_idle_before_select_tells_nothing_and_ends() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        assert await client.say(b"a IDLE") == b"+ idling\r\n"
        other = await desk.login(select=b"INBOX")
        assert b"b OK" in await other.send(b"b APPEND INBOX {5+}\r\nhello\r\n")
        assert await client.told() == b""
        assert await client.say(b"DONE", b"c SELECT INBOX") != b""
        assert client.session.selected is not None
        await desk.close()

    run(scenario())


# ---- capabilities hidden from some


def _offered(config: Config, client: dict[str, str | None], listener: str = "") -> frozenset[str]:
    capabilities = Capabilities(config, tls_available=True, listener=listener).for_client(client)
    return frozenset(
        capabilities.advertised(Line(None, tls=True, plaintext=True), authenticated=True).decode().split(" ")
    )


@pytest.mark.parametrize(
    ("pattern", "client", "hidden"),
    [
        ("Outlook", {"name": "outlook"}, True),
        ("Outlook", {"name": "Outlook", "version": "16"}, True),
        ("Outlook", {"name": "Outlook 2016"}, False),
        ("*outlook*", {"NAME": "Microsoft Outlook for Mac"}, True),
        ("iPhone Mail/15*", {"name": "iPhone Mail", "version": "15E148"}, True),
        ("iPhone Mail/15*", {"name": "iPhone Mail", "version": "21A329"}, False),
        ("iPhone Mail/*", {"name": "iPhone Mail"}, True),
        ("Outlook", {"name": None}, False),
        ("Outlook", {}, False),
    ],
)
def test_what_is_hidden_from_whom(pattern: str, client: dict[str, str | None], hidden: bool) -> None:
    config = Config(imap=Imap(hide_from={pattern: "condstore QRESYNC"}))
    offered = _offered(config, client)
    assert ({"CONDSTORE", "QRESYNC"} & offered == set()) is hidden
    assert "MOVE" in offered


def test_what_is_hidden_on_one_listener() -> None:
    there = "tls://127.0.0.1:1993"
    config = Config(imap=Imap(hide_on={there: "MOVE IDLE"}, hide_capabilities=("ID",), hide_from={"x": "QRESYNC"}))
    assert {"MOVE", "IDLE"} & _offered(config, {}) == {"MOVE", "IDLE"}
    assert {"MOVE", "IDLE", "ID", "QRESYNC"} & _offered(config, {}, there) == {"QRESYNC"}
    assert {"MOVE", "IDLE", "ID", "QRESYNC"} & _offered(config, {"name": "x"}, there) == set()


def test_a_client_that_has_said_what_it_is_lives_without_some_commands() -> None:
    async def scenario() -> None:
        desk = await Desk.build(imap={"hide_from": {"Sparrow": "IDLE MOVE COMPRESS=DEFLATE"}})
        client = await desk.login()
        assert b" IDLE " in await client.say(b"a CAPABILITY")
        # Pipelined: in force for the next command already.
        answer = lines(await client.say(b'b ID ("name" "Sparrow" "version" "1.6")', b"c CAPABILITY", b"d IDLE"))
        assert b" IDLE " not in answer[2] and b" QRESYNC" in answer[2]
        assert answer[-1] == b"d BAD Unknown command IDLE"
        assert b" IDLE " in await (await desk.login()).say(b"a CAPABILITY")
        # The last word counts.
        answer = lines(await client.say(b'e ID ("name" "Sparrow II")', b"f CAPABILITY"))
        assert b" IDLE " in answer[2]
        await desk.close()

    run(scenario())


def test_only_listeners_that_exist_hide_something() -> None:
    imap = Imap(hide_on={"0.0.0.0:143": "IDLE"}, hide_from={" ": "IDLE"})
    problems = dict(combination_problems(msgspec.structs.replace(Config(), imap=imap)))
    assert {key for key in problems if key.startswith("imap.hide_")} == {
        "imap.hide_on.0.0.0.0:143",
        "imap.hide_from. ",
    }
