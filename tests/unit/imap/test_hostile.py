"""Whatever comes, in whatever pieces: each command has one answer, and no input ends anything but its connection."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.imap.desk import Desk

COMMANDS = (
    b"NOOP",
    b"CAPABILITY",
    b"SELECT INBOX",
    b"EXAMINE Sent",
    b"UNSELECT",
    b"CLOSE",
    b'LIST "" *',
    b"STATUS INBOX (MESSAGES)",
    b"FETCH 1:* (FLAGS UID)",
    b"UID STORE 1:* +FLAGS (\\Seen x)",
    b"SEARCH ALL",
    b"EXPUNGE",
    b"COPY 1:* Trash",
    b"APPEND INBOX {3+}\r\nabc",
    b"APPEND Nowhere {3+}\r\nabc",
    b"APPEND INBOX {2+}\r\nab {2+}\r\ncd",
    b"IDLE\r\nDONE",
    b"AUTHENTICATE PLAIN",
    b"NONSENSE",
    b"FETCH 9999999999 FLAGS",
    b"SELECT {3+}\r\nX\0Y",
    b"STARTTLS",
    b"ENABLE CONDSTORE QRESYNC",
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(COMMANDS), max_size=12),
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_each_command_has_one_tagged_answer_in_order(commands: list[bytes], pieces: list[int]) -> None:
    async def scenario() -> None:
        desk = await Desk.build(malformed_commands=1000)
        client = await desk.login()
        stream = b"".join(b"t%d %s\r\n" % (number, command) for number, command in enumerate(commands))
        heard = b""
        at = turn = 0
        while at < len(stream):
            step = pieces[turn % len(pieces)]
            heard += await client.send(stream[at : at + step])
            at, turn = at + step, turn + 1
        heard += await client.told()
        tags = [line.split()[0] for line in heard.split(b"\r\n") if line[:1] == b"t"]
        assert tags == [b"t%d" % number for number in range(len(commands))], heard
        assert not client.closed
        await client.hang_up()
        await desk.close()

    asyncio.run(scenario())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from([*COMMANDS, b"\r\n", b"a ", b"{5}", b"{9+}\r\n"])),
        max_size=20,
    )
)
def test_any_octets_are_survived(pieces: list[bytes]) -> None:
    """The connection may end, with BYE; a new one works."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        heard = b""
        for piece in pieces:
            heard += await client.send(piece)
        assert b"Internal error" not in heard, heard
        assert not client.closed or b"* BYE " in heard
        await client.hang_up()
        assert (await (await desk.login()).say(b"a NOOP")).startswith(b"a OK")
        await desk.close()

    asyncio.run(scenario())


def test_nothing_is_held_of_a_line_without_end() -> None:
    """Law 7."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        heard = await client.send(b"a NOOP ")
        for _ in range(50):
            heard += await client.send(b"x" * 65_536)
            assert client.dispatcher.buffered_octets <= 2 * desk.config.limits.line_octets
        assert heard.startswith(b"a BAD [LIMIT]")
        assert (await client.send(b"\r\nb NOOP\r\n")).startswith(b"b OK")
        await desk.close()

    asyncio.run(scenario())
