"""The decoder at the boundary: buffers, streams, decisions, what is malformed."""

from __future__ import annotations

import sys

import pytest

from lightmail._core import imap
from tests.unit.core_imap.events import drain, events, only


def kinds(found: list[imap.Event]) -> list[str]:
    return [type(event).__name__ for event in found]


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_any_buffer_is_fed(wrap: type) -> None:
    decoder = imap.Decoder(imap.Limits())
    decoder.feed(wrap(b"a1 NO"))
    assert (decoder.next(), decoder.buffered_octets) == (None, 5)
    decoder.feed(wrap(b"OP\r\n"))
    assert isinstance(decoder.next(), imap.Noop)
    assert decoder.buffered_octets == 0


def test_text_is_not_octets() -> None:
    with pytest.raises(TypeError):
        imap.Decoder(imap.Limits()).feed("a1 NOOP\r\n")  # type: ignore[arg-type]


def test_a_small_synchronizing_literal_is_asked_for() -> None:
    decoder = imap.Decoder(imap.Limits())
    assert kinds(drain(decoder, b"a LOGIN {3}\r\n")) == ["Continue"]
    assert kinds(drain(decoder, b"joe {1+}\r\nx\r\n")) == ["Login"]


def test_an_append_is_streamed() -> None:
    # RFC 9051 §6.3.12, RFC 3502
    decoder = imap.Decoder(imap.Limits())
    found = drain(decoder, b'a APPEND x (\\Seen $W) "17-Jul-1996 02:44:25 -0700" {5}\r\n')
    (message,) = found
    assert isinstance(message, imap.AppendMessage)
    assert (message.tag, message.mailbox, message.flags) == ("a", "x", ("\\Seen", "$W"))
    assert message.internaldate == (837596665, -420)
    assert (message.octets, message.synchronizing, message.binary, message.utf8) == (5, True, False, False)
    assert message.first
    found = drain(decoder, b"hel")
    found += drain(decoder, b"lo UTF8 (~{2+}\r\nxy)\r\nb NOOP\r\n")
    assert kinds(found) == ["LiteralData", "LiteralData", "AppendMessage", "LiteralData", "AppendEnd", "Noop"]
    assert [(event.data, event.last) for event in found if isinstance(event, imap.LiteralData)] == [
        (b"hel", False),
        (b"lo", True),
        (b"xy", True),
    ]
    second, end = found[2], found[4]
    assert isinstance(second, imap.AppendMessage)
    assert isinstance(end, imap.AppendEnd)
    assert (second.first, second.binary, second.utf8, second.internaldate, second.flags) == (
        False,
        True,
        True,
        None,
        (),
    )
    assert end.tag == "a"


def test_whole_chunks_of_a_message_are_not_copied() -> None:
    decoder = imap.Decoder(imap.Limits())
    drain(decoder, b"a APPEND x {300000+}\r\n")
    chunk = bytes(100_000)
    decoder.feed(chunk)
    decoder.feed(chunk)  # queued behind the first, copied
    assert decoder.buffered_octets == 200_000
    first, second = decoder.next(), decoder.next()
    assert isinstance(first, imap.LiteralData)
    assert isinstance(second, imap.LiteralData)
    assert first.data is chunk
    assert (second.data, second.last) == (chunk, False)
    decoder.feed(chunk)
    last = decoder.next()
    assert isinstance(last, imap.LiteralData)
    assert last.data is chunk
    assert last.last
    assert kinds(drain(decoder, b"\r\n")) == ["AppendEnd"]


def test_chunks_are_let_go() -> None:
    decoder = imap.Decoder(imap.Limits())
    drain(decoder, b"a APPEND x {1000+}\r\n")
    octets = bytes(500)
    before = sys.getrefcount(octets)
    drain(decoder, octets)
    assert sys.getrefcount(octets) == before


def test_a_refused_message_is_swallowed() -> None:
    # RFC 7888 §4
    decoder = imap.Decoder(imap.Limits())
    decoder.feed(b"a APPEND x {9+}\r\n")
    assert isinstance(decoder.next(), imap.AppendMessage)
    assert decoder.next() is None
    decoder.refuse_literal()
    assert kinds(drain(decoder, b"b NOOP\r\n\r\r\nc NOOP\r\n")) == ["Noop"]


def test_lines_are_asked_for() -> None:
    decoder = imap.Decoder(imap.Limits())
    assert kinds(drain(decoder, b"a IDLE\r\n")) == ["Idle"]
    decoder.expect_line()
    line, noop = drain(decoder, b"DONE\r\nb NOOP\r\n")
    assert isinstance(line, imap.Line)
    assert line.data == b"DONE"
    assert isinstance(noop, imap.Noop)


def test_discard() -> None:
    # RFC 9051 §6.2.1
    decoder = imap.Decoder(imap.Limits())
    decoder.feed(b"a STARTTLS\r\nb LOGIN x y\r\n")
    assert isinstance(decoder.next(), imap.StartTls)
    assert decoder.discard() == 13
    assert decoder.next() is None
    drain(decoder, b"a APPEND x {9+}\r\n")
    decoder.feed(b"12345")
    assert decoder.discard() == 5
    assert kinds(drain(decoder, b"b NOOP\r\n")) == ["Noop"]


def test_utf8_names() -> None:
    # RFC 6855 §3
    decoder = imap.Decoder(imap.Limits())
    decoder.set_utf8(True)
    (found,) = drain(decoder, 'a DELETE "日本&"\r\n'.encode())
    assert isinstance(found, imap.Delete)
    assert found.mailbox == "日本&"


def test_limits() -> None:
    decoder = imap.Decoder(imap.Limits(line_octets=20))
    (found,) = drain(decoder, b"a LOGIN x " + b"y" * 50)
    assert isinstance(found, imap.Malformed)
    assert (found.tag, found.too_big, found.fatal) == ("a", True, False)
    decoder.set_limits(imap.Limits())
    assert kinds(drain(decoder, b"\r\nb LOGIN x " + b"y" * 50 + b"\r\n")) == ["Login"]


@pytest.mark.parametrize(
    ("line", "tag", "message", "offset"),
    [
        ("a1 FROB", "a1", "expected a command at octet 3", 3),
        ("a1 FETCH 0 FLAGS", "a1", "expected a message number at octet 9", 9),
        ("", None, "expected a tag at octet 0", 0),
        ("* OK", None, "expected a tag at octet 0", 0),
        ("a1", "a1", "expected a space and a command at octet 2", 2),
    ],
)
def test_malformed_says_what_was_expected(line: str, tag: str | None, message: str, offset: int) -> None:
    found = only(line)
    assert isinstance(found, imap.Malformed)
    assert (found.tag, found.message, found.offset) == (tag, message, offset)
    assert (found.too_big, found.fatal) == (False, False)
    assert repr(found) == f"Malformed({message!r})"


def test_lost() -> None:
    decoder = imap.Decoder(imap.Limits())
    (found,) = drain(decoder, b"a LOGIN {99999999999999999999+}\r\nb NOOP\r\n")
    assert isinstance(found, imap.Malformed)
    assert (found.tag, found.too_big, found.fatal) == ("a", True, True)
    assert drain(decoder, b"c NOOP\r\n") == []
    assert decoder.buffered_octets == 0


def test_event_is_the_union_of_all_events() -> None:
    found = events(b"a IDLE\r\nb FROB\r\nc LOGIN {1}\r\nx {1+}\r\ny\r\nd APPEND x {1+}\r\nz\r\n")
    assert kinds(found) == ["Idle", "Malformed", "Continue", "Login", "AppendMessage", "LiteralData", "AppendEnd"]
    assert all(isinstance(event, imap.Event) for event in found)
