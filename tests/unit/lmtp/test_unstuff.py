"""Dot-stuffing undone in chunks equals dot-stuffing undone at once (RFC 5321 §4.5.2)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lightmail.lmtp.unstuff import DotUnstuffer

# Octets that matter here are frequent, so that every end mark is met at every place of a chunk.
CONTENT = st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"\x00", b"\xff", b"\r\n.", b"..\r\n"])).map(
    b"".join
)


def stuff(message: bytes) -> bytes:
    """What a correct client sends: RFC 5321 §4.5.2, line by line."""
    lines = message.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


def chunked(octets: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    return [octets[start:end] for start, end in pairwise(edges)]


def unstuff(chunks: list[bytes]) -> tuple[bytes, bytes]:
    """(message, what follows the end mark)."""
    machine = DotUnstuffer()
    message = rest = b""
    for chunk in chunks:
        if machine.ended:
            rest += chunk
            continue
        content, used = machine.feed(chunk)
        message += content
        rest += chunk[used:]
    assert machine.ended
    return message, rest


@given(CONTENT, st.binary(max_size=8), st.lists(st.integers(0, 10_000), max_size=12))
@example(b"", b"", [])
@example(b".", b"QUIT\r\n", [1, 2, 3])
def test_chunks_of_any_size(content: bytes, follows: bytes, cuts: list[int]) -> None:
    message = content + b"\r\n" if content and not content.endswith(b"\r\n") else content
    wire = stuff(message) + b".\r\n" + follows
    assert unstuff(chunked(wire, cuts)) == (message, follows)


@given(CONTENT)
def test_octet_by_octet(content: bytes) -> None:
    message = content + b"\r\n"
    wire = stuff(message) + b".\r\n"
    assert unstuff([wire[at : at + 1] for at in range(len(wire))]) == (message, b"")


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=12))
def test_never_holds_more_than_four_octets(octets: bytes, cuts: list[int]) -> None:
    machine = DotUnstuffer()
    seen = passed = dots = 0
    for chunk in chunked(octets, cuts):
        content, used = machine.feed(chunk)
        seen += used
        passed += len(content)
        dots = octets[:seen].count(b"\r\n.") + octets.startswith(b".")
        if machine.ended:
            break
        assert seen - passed - dots <= 4


@pytest.mark.parametrize("fake", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\n.\r", b"\r.\r\n", b"\r\n.\r"])
def test_only_the_true_end_mark_ends(fake: bytes) -> None:
    """SMTP smuggling: what looks like an end to a sloppy reader is content (RFC 5321 §4.1.1.4)."""
    machine = DotUnstuffer()
    content, used = machine.feed(b"one" + fake + b"MAIL FROM:<evil@example>\r\n.\r\n")
    assert machine.ended
    assert content == b"one" + fake.replace(b"\r\n.", b"\r\n") + b"MAIL FROM:<evil@example>\r\n"
    assert used == len(b"one" + fake + b"MAIL FROM:<evil@example>\r\n.\r\n")
