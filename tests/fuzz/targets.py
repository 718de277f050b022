"""What must hold for any octets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lightmail.lmtp import replies
from lightmail.lmtp.events import Limits
from lightmail.lmtp.grammar import Path
from lightmail.lmtp.protocol import MAX_LINE_OCTETS
from lightmail.lmtp.replies import Reply
from lightmail.net.deflate import PIECE_OCTETS, BrokenStream, Deflate
from tests.unit.lmtp.driver import Driver

INFLATED_OCTETS = 4 * PIECE_OCTETS
"""Looked at of one stream: a bomb is as good as its first pieces."""


def lmtp(data: bytes) -> None:
    """A peer says the same in any chunks, is answered in lines, and never makes the machine hold much."""
    if not data:
        return
    stream = data[1:]
    whole, parts = _lmtp_driver(), _lmtp_driver()
    expected = whole.send(stream)
    answers = b""
    for chunk in _chunks(stream, data[0]):
        answers += parts.send(chunk)
        assert parts.machine.buffered_octets < MAX_LINE_OCTETS
    assert answers == expected
    assert parts.messages == whole.messages
    assert parts.closed == whole.closed
    for line in answers.splitlines(keepends=True):
        assert line.endswith(b"\r\n") and line[:3].isdigit() and line[3:4] in (b" ", b"-")


def deflate(data: bytes) -> None:
    """A stream inflates to the same however it is cut and however often the connection sleeps, in bounded pieces;
    what we compress inflates to what it was.
    """
    if not data:
        return
    stream = data[1:]
    whole = _inflate([stream], sleeps=False)
    chunks = list(_chunks(stream, data[0]))
    assert _inflate(chunks, sleeps=False) == whole
    assert _inflate(chunks, sleeps=True) == whole
    sender, receiver = Deflate(), Deflate()
    for chunk in chunks:
        receiver.receive(sender.compress(chunk))
        assert b"".join(_pieces(receiver)) == chunk
        if len(chunk) % 2:
            sender.sleep()
            receiver.sleep()


def _lmtp_driver() -> Driver:
    return Driver(limits=Limits(message_octets=60, recipients=3), recipient=_no_is_unknown)


def _no_is_unknown(path: Path) -> Reply | None:
    return replies.NO_SUCH_USER if path.local == "no" else None


def _chunks(octets: bytes, choice: int) -> Iterator[bytes]:
    """In lengths that the choice (0 to 255) decides."""
    at = 0
    while at < len(octets):
        end = at + 1 + (at * 7 + choice) % 23
        yield octets[at:end]
        at = end


def _inflate(chunks: list[bytes], *, sleeps: bool) -> bytes | None:
    """None: not a stream to its end, or more than is looked at."""
    receiver = Deflate()
    inflated = bytearray()
    try:
        for chunk in chunks:
            receiver.receive(chunk)
            for piece in _pieces(receiver):
                inflated += piece
                if len(inflated) > INFLATED_OCTETS:
                    return None
            if sleeps:
                receiver.sleep()
    except BrokenStream:
        return None
    return bytes(inflated)


def _pieces(receiver: Deflate) -> Iterator[bytes]:
    while piece := receiver.take():
        assert len(piece) <= PIECE_OCTETS
        yield piece


TARGETS: dict[str, Callable[[bytes], None]] = {"lmtp": lmtp, "deflate": deflate}
