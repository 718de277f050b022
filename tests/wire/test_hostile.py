"""Hostile input over a real socket: what it may cost is bounded, it is answered, and the connection goes on (law 7, law 8)."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation
from tests.support.wire import ImapClient, Wire

pytestmark = [
    pytest.mark.integration,
    # What is refused never reaches a store: one of one process, one of several.
    pytest.mark.parametrize("any_server", ["sqlite+files", "mysql+s3+redis-3-workers"], indirect=True),
]

MEMORY_OCTETS = 32 * 1024 * 1024
"""What one connection may make the process grow by; what is sent, or asked for, is several times as much."""
FLOOD_OCTETS = 100 * 1024 * 1024
PIECE_OCTETS = 1024 * 1024
MESSAGE_LIMIT_OCTETS = 52_428_800
"""limits.message_octets by default."""


class Memory:
    """The resident memory of the server processes: how far the one that has grown most has grown since the first look."""

    def __init__(self, server: Installation) -> None:
        self._statuses = [Path(f"/proc/{pid}/status") for pid in server.process_ids()]
        if not all(status.exists() for status in self._statuses):
            pytest.skip("/proc is needed")
        self._before = self._octets()
        self._most_grown = 0

    def look(self) -> None:
        grown = [now - before for now, before in zip(self._octets(), self._before, strict=True)]
        self._most_grown = max(self._most_grown, *grown)

    @property
    def grown_octets(self) -> int:
        self.look()
        return self._most_grown

    def _octets(self) -> list[int]:
        lines = [line for status in self._statuses for line in status.read_text().splitlines()]
        return [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")]


class Leaver(ImapClient):
    """A client that can go without a goodbye."""

    def close_with_reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


@pytest.fixture
def account(any_server: Installation) -> tuple[str, str]:
    return any_server.add_user()


@pytest.fixture
def stranger(any_server: Installation) -> Iterator[ImapClient]:
    """A connection without a login."""
    with ImapClient(any_server.address("imap")) as client:
        yield client


@pytest.fixture
def client(any_server: Installation, account: tuple[str, str]) -> Iterator[ImapClient]:
    """A connection with a login and INBOX selected."""
    with ImapClient(any_server.address("imap")) as client:
        client.login(*account)
        assert client.command(b"SELECT INBOX").ok
        yield client


def alive(client: ImapClient) -> None:
    """The connection goes on."""
    answer = client.command(b"NOOP")
    assert answer.ok and answer.untagged == []


def gone(wire: Wire) -> bool:
    """The server has closed."""
    try:
        while wire.response() is not None:
            continue
    except ConnectionError:
        return True
    return True


def flood(wire: Wire, octets: bytes, total: int, memory: Memory) -> bool:
    """Send these again and again; False when the server closes before all have been taken."""
    piece = octets * (PIECE_OCTETS // len(octets))
    try:
        for _ in range(total // len(piece)):
            wire.send(piece)
            memory.look()
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


# ---- octets that no line may have


@pytest.mark.parametrize(
    "line",
    [
        b"NO\0OP",
        b'SELECT "a\0b"',
        b"SELECT a\rb",
        b'SELECT "a\rb"',
        b"SELECT \xff\xfe",
        b'SELECT "\xff\xfe"',
        b"SEARCH SUBJECT \xe9",
        b"\x01\x02\x03",
        b"\xff" * 200,
        b'LOGIN "never closed',
        b"FETCH 1 (BODY[]<0.18446744073709551616>)",
        b"FETCH 99999999999999999999 FLAGS",
        b"STORE 1 +FLAGS (\\)",
    ],
)
def test_octets_that_no_command_has(client: ImapClient, line: bytes) -> None:
    """RFC 9051 §9: TEXT-CHAR and QUOTED-CHAR know no NUL and no bare CR; atoms are ASCII."""
    answer = client.command(line)
    assert answer.tagged.startswith(b"BAD ") and len(answer.tagged) > len(b"BAD ")
    alive(client)


def test_a_nul_within_a_literal(client: ImapClient) -> None:
    """RFC 9051 §9: CHAR8 excludes NUL, so that a literal has none; only literal8 may."""
    assert client.command(b"SELECT {}", b"a\0b").tagged.startswith(b"BAD ")
    alive(client)


def test_a_bare_lf(client: ImapClient) -> None:
    """It ends a line, as in all servers of the field, so that what follows is seen as a command and answered."""
    client.send(b"x1 NOOP\nx2 NOOP\r\n")
    answers = [client.response() for _ in range(2)]
    assert [(answer or b"").split(b" ")[:2] for answer in answers] == [[b"x1", b"OK"], [b"x2", b"OK"]]
    alive(client)


def test_no_tag_is_answered_untagged(client: ImapClient) -> None:
    for line in (b"", b" NOOP", b"* NOOP", b"+ NOOP", b"\xe4 NOOP", b"(a) NOOP", b"{5}", b"{5+}x"):
        client.send(line + b"\r\n")
        answer = client.response()
        assert answer is not None and answer.startswith(b"* BAD "), (line, answer)
    alive(client)


# ---- more than there should be


def test_an_endless_line_before_login(any_server: Installation, stranger: ImapClient) -> None:
    memory = Memory(any_server)
    stranger.send(b"x1 ")
    if flood(stranger, b"A", FLOOD_OCTETS, memory):
        stranger.send(b"\r\n")
        answer = stranger.response()
        assert answer is not None and answer.startswith(b"x1 BAD ")
        alive(stranger)
    else:
        assert gone(stranger)
    assert memory.grown_octets < MEMORY_OCTETS


@pytest.mark.parametrize("start", [b"x1 SEARCH SUBJECT ", b'x1 SELECT "', b"x1 FETCH 1 (", b"x1 AAAA"])
def test_an_endless_line(any_server: Installation, client: ImapClient, start: bytes) -> None:
    """A line that is too long is answered when that is known, its rest is dropped."""
    memory = Memory(any_server)
    client.send(start)
    assert flood(client, b"A", FLOOD_OCTETS // 4, memory)
    client.send(b"\r\n")
    answer = client.response()
    assert answer is not None and answer.startswith(b"x1 BAD ")
    alive(client)
    assert memory.grown_octets < MEMORY_OCTETS


def test_an_endless_line_in_idle(any_server: Installation, client: ImapClient) -> None:
    memory = Memory(any_server)
    number = client.send_command(b"IDLE")
    answer = client.response()
    assert answer is not None and answer.startswith(b"+ ")
    assert flood(client, b"A", FLOOD_OCTETS // 4, memory)
    client.send(b"\r\n")
    assert client.answer(number).tagged.startswith(b"BAD ")
    alive(client)
    assert memory.grown_octets < MEMORY_OCTETS


def test_an_endless_sasl_response(any_server: Installation, stranger: ImapClient) -> None:
    """A stranger may be cut off; whoever is not goes on."""
    memory = Memory(any_server)
    number = stranger.send_command(b"AUTHENTICATE PLAIN")
    answer = stranger.response()
    assert answer is not None and answer.startswith(b"+ ")
    if flood(stranger, b"A", FLOOD_OCTETS, memory):
        stranger.send(b"\r\n")
        assert stranger.answer(number).tagged.startswith(b"BAD ")
        alive(stranger)
    else:
        assert gone(stranger)
    assert memory.grown_octets < MEMORY_OCTETS


@pytest.mark.parametrize(
    "text",
    [
        b"SEARCH " + b"(" * 20_000,
        b"SEARCH " + b"(" * 20_000 + b"ALL" + b")" * 20_000,
        b"SEARCH " + b"NOT " * 10_000 + b"ALL",
        b"SEARCH " + b"OR " * 10_000 + b"ALL " * 10_001,
        b"FETCH 1 " + b"(" * 20_000,
        b"FETCH 1 (BODY[" + b"1." * 20_000 + b"MIME])",
        b"LIST (" + b"(" * 20_000,
        b"ID (" + b'"a" "b" ' * 5_000,
    ],
)
def test_endless_nesting(client: ImapClient, text: bytes) -> None:
    answer = client.command(text)
    assert not answer.ok
    alive(client)


def test_many_literals_in_one_command(any_server: Installation, client: ImapClient) -> None:
    """What counts is all literals of a command together, and their number (law 7)."""
    memory = Memory(any_server)
    client.send(b"x1 SEARCH" + b" SUBJECT {1+}\r\na" * 20_000 + b"\r\n")
    answer = client.response()
    assert answer is not None and answer.startswith(b"x1 BAD ")
    alive(client)
    client.send(b"x2 SEARCH" + (b" SUBJECT {4000+}\r\n" + b"a" * 4000) * 5_000 + b"\r\n")
    answer = client.response()
    assert answer is not None and answer.startswith(b"x2 BAD ")
    alive(client)
    assert memory.grown_octets < MEMORY_OCTETS


def test_many_small_arguments(client: ImapClient) -> None:
    """Tens of thousands of set elements, flags and header names are refused or answered, and quickly."""
    for text in (
        b"FETCH " + b",".join(b"%d" % (2 * number + 1) for number in range(12_000)) + b" FLAGS",
        b"UID FETCH " + b",".join([b"1:*"] * 15_000) + b" FLAGS",
        b"STORE 1 +FLAGS (" + b" ".join(b"k%d" % number for number in range(9_000)) + b")",
        b"FETCH 1 (BODY[HEADER.FIELDS (" + b" ".join([b"a"] * 30_000) + b")])",
        b"FETCH 1 (" + b" ".join([b"FLAGS"] * 10_000) + b")",
        b"STATUS INBOX (" + b" ".join([b"MESSAGES"] * 7_000) + b")",
    ):
        answer = client.command(text)
        assert answer.tagged[:3] in (b"BAD", b"NO ", b"OK "), answer.tagged
        assert sum(map(len, answer.untagged)) < 10 * len(text)
    alive(client)


# ---- literals


@pytest.mark.parametrize(
    "size", [b"-1", b"99999999999999999999", b"18446744073709551615", b"", b"x", b"+", b"1 ", b"0x10"]
)
@pytest.mark.parametrize("command", [b"SELECT ", b"APPEND INBOX "])
def test_impossible_literal_sizes(client: ImapClient, command: bytes, size: bytes) -> None:
    """Nothing was announced, so nothing follows."""
    client.send(b"x1 " + command + b"{" + size + b"}\r\n")
    answer = client.response()
    assert answer is not None and answer.startswith(b"x1 BAD ")
    alive(client)


def test_an_oversize_synchronizing_literal_is_refused_before_it_is_sent(client: ImapClient) -> None:
    answer = client.command(b"APPEND INBOX {%d}" % (MESSAGE_LIMIT_OCTETS + 1))
    assert answer.tagged.startswith(b"NO [TOOBIG]") and answer.untagged == []
    answer = client.command(b"SELECT {1000000}")
    assert answer.tagged.startswith(b"BAD ") and answer.untagged == []
    alive(client)


def test_an_oversize_message_that_comes_all_the_same_is_swallowed(any_server: Installation, client: ImapClient) -> None:
    """RFC 7888 §4. Octets of it that look like commands are none."""
    memory = Memory(any_server)
    octets = MESSAGE_LIMIT_OCTETS + PIECE_OCTETS
    octets -= octets % PIECE_OCTETS
    number = client.send_command(b"APPEND INBOX {%d+}" % octets)
    assert flood(client, b"e DELETE INBOX\r\n", octets, memory)
    client.send(b"\r\n")
    answer = client.answer(number)
    assert answer.tagged.startswith(b"NO [TOOBIG]") and answer.untagged == []
    assert memory.grown_octets < MEMORY_OCTETS
    assert b"* STATUS INBOX (MESSAGES 0)" in client.command(b"STATUS INBOX (MESSAGES)").untagged


def test_an_oversize_argument_that_comes_all_the_same_is_swallowed(
    any_server: Installation, client: ImapClient
) -> None:
    memory = Memory(any_server)
    client.send(b"x1 SELECT {%d+}\r\n" % (64 * PIECE_OCTETS))
    assert flood(client, b"x2 LOGOUT\r\n12345", 64 * PIECE_OCTETS, memory)
    client.send(b"\r\n")
    answer = client.response()
    assert answer is not None and answer.startswith(b"x1 BAD [LIMIT]")
    alive(client)
    assert memory.grown_octets < MEMORY_OCTETS


def test_a_login_with_a_huge_literal(any_server: Installation, stranger: ImapClient) -> None:
    """A stranger gets less room than an account: refused before it is sent, or swallowed, or cut off."""
    memory = Memory(any_server)
    answer = stranger.command(b"LOGIN {1000000}")
    assert answer.tagged.startswith(b"BAD ") and answer.untagged == []
    stranger.send(b"x1 LOGIN a {%d+}\r\n" % FLOOD_OCTETS)
    if flood(stranger, b"A", FLOOD_OCTETS, memory):
        stranger.send(b"\r\n")
        line = stranger.response()
        assert line is not None and line.startswith(b"x1 BAD ")
    else:
        assert gone(stranger)
    assert memory.grown_octets < MEMORY_OCTETS


def test_a_message_from_a_stranger_is_swallowed(any_server: Installation, stranger: ImapClient) -> None:
    memory = Memory(any_server)
    number = stranger.send_command(b"APPEND INBOX {%d+}" % (32 * PIECE_OCTETS))
    if flood(stranger, b"x LOGIN a b\r\n123", 32 * PIECE_OCTETS, memory):
        stranger.send(b"\r\n")
        assert stranger.answer(number).tagged.startswith(b"BAD ")
        alive(stranger)
    else:
        assert gone(stranger)
    assert memory.grown_octets < MEMORY_OCTETS


# ---- peers who leave


@pytest.mark.parametrize(
    "octets",
    [
        b"x1 SELECT IN",
        b"x1 SELECT {5}\r\n",
        b"x1 SELECT {5+}\r\nIN",
        b"x1 APPEND INBOX {1000}\r\n",
        b"x1 APPEND INBOX {1000+}\r\nSubject: half\r\n",
        b"x1 APPEND INBOX {5+}\r\nabcde {5+}\r\nab",
        b"x1 APPEND INBOX {5+}\r\nabcde",
        b"x1 IDLE\r\n",
        b"x1 IDLE\r\nDO",
        b"x1 FETCH 1:* (BODY[])\r\n" * 100,
    ],
)
@pytest.mark.parametrize("rudely", [False, True], ids=["FIN", "RST"])
def test_half_a_command_and_gone(
    any_server: Installation, account: tuple[str, str], octets: bytes, rudely: bool
) -> None:
    """Nothing of it happens, and the server is there for the next one."""
    with Leaver(any_server.address("imap")) as client:
        client.login(*account)
        assert client.command(b"SELECT INBOX").ok
        client.send(octets)
        if rudely:
            client.close_with_reset()
    with ImapClient(any_server.address("imap")) as client:
        client.login(*account)
        assert b"* STATUS INBOX (MESSAGES 0 UIDNEXT 1)" in client.command(b"STATUS INBOX (MESSAGES UIDNEXT)").untagged


def test_no_tls_at_the_tls_port(any_server: Installation, account: tuple[str, str]) -> None:
    """Whoever speaks in clear there is cut off, and has harmed nobody."""
    with contextlib.suppress(ConnectionError), Wire(any_server.address("imaps")) as wire:
        wire.send(b"x1 LOGIN a b\r\n" * 100)
        assert gone(wire)
    with ImapClient(any_server.address("imap")) as client:
        client.login(*account)
        alive(client)


# ---- pipelining


def test_garbage_before_login(any_server: Installation, stranger: ImapClient) -> None:
    """Every line is answered until it is too much; then BYE, and no more work is done for it."""
    memory = Memory(any_server)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stranger.send(b"GET / HTTP/1.1\r\nHost: \xff\xff\r\n" * 5_000)
    answers = []
    with contextlib.suppress(ConnectionError):
        while (line := stranger.response()) is not None:
            answers.append(line)
    assert 1 <= len(answers) <= 100
    assert all(b" BAD " in answer or answer.startswith(b"* BYE ") for answer in answers), answers
    assert memory.grown_octets < MEMORY_OCTETS


def test_commands_before_login_change_nothing(any_server: Installation, account: tuple[str, str]) -> None:
    with ImapClient(any_server.address("imap")) as client:
        client.send(b"x1 CREATE evil\r\nx2 SELECT INBOX\r\nx3 APPEND INBOX {5+}\r\nhello\r\nx4 NOOP\r\n")
        answers = [client.response() for _ in range(4)]
        kinds = [(answer or b"").split(b" ")[:2] for answer in answers]
        assert kinds == [[b"x1", b"BAD"], [b"x2", b"BAD"], [b"x3", b"BAD"], [b"x4", b"OK"]]
        client.login(*account)
        listed = client.command(b'LIST "" evil')
        assert listed.ok and listed.untagged == []


def test_commands_behind_starttls_are_not_carried_over(
    any_server: Installation, stranger: ImapClient, account: tuple[str, str]
) -> None:
    """RFC 9051 §6.2.1, §11.2: whoever injects commands before the handshake sees none of them run behind it."""
    user, password = (part.encode() for part in account)
    stranger.send(b"x1 STARTTLS\r\nx2 LOGIN %s %s\r\nx3 CREATE injected\r\nx4 SEL" % (user, password))
    answer = stranger.response()
    assert answer is not None and answer.startswith(b"x1 OK ")
    stranger.start_tls()
    refused = stranger.command(b"CREATE mine")
    assert refused.tagged.startswith(b"BAD ") and refused.untagged == []
    stranger.login(*account)
    listed = stranger.command(b'LIST "" injected')
    assert listed.ok and listed.untagged == []


def test_thousands_of_pipelined_commands_are_answered_in_order(client: ImapClient) -> None:
    """RFC 9051 §5.5."""
    number = 5_000
    client.send(b"".join(b"p%d NOOP\r\n" % at for at in range(number)))
    answers = [client.response() for _ in range(number)]
    assert [(answer or b"").split(b" ")[:2] for answer in answers] == [[b"p%d" % at, b"OK"] for at in range(number)]


def test_malformed_commands_in_a_row_end_the_connection(client: ImapClient) -> None:
    for _ in range(1_000):
        try:
            answer = client.command(b"FROBNICATE")
        except ConnectionError:
            break
        assert answer.tagged.startswith(b"BAD ")
    else:
        raise AssertionError("a thousand malformed commands, and it still listens")


# ---- a reader who does not read


def test_a_slow_reader_holds_little(any_server: Installation, client: ImapClient) -> None:
    """Hundreds of megabytes are asked for, none is read: what waits for it is bounded, and others are served (law 7)."""
    message = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * (8 * 65_536)
    assert client.command(b"APPEND INBOX {}", message).ok
    memory = Memory(any_server)
    client.send(b"".join(b"s%d FETCH 1 (BODY.PEEK[])\r\n" % at for at in range(50)))
    with ImapClient(any_server.address("imap")) as other:
        other.login(*any_server.add_user())
        for _ in range(200):
            alive(other)
            memory.look()
    assert memory.grown_octets < MEMORY_OCTETS
    tagged = 0
    while tagged < 50:
        line = client.response()
        assert line is not None
        if line.startswith(b"s%d OK" % tagged):
            tagged += 1
        else:
            assert len(line) > len(message)
        memory.look()
    assert memory.grown_octets < MEMORY_OCTETS
    alive(client)
