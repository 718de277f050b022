"""Whatever a peer sends: the machine never raises, never holds much, and says the same in any chunks."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lightmail.lmtp import replies
from lightmail.lmtp.events import Limits
from lightmail.lmtp.grammar import Path
from lightmail.lmtp.protocol import MAX_LINE_OCTETS
from lightmail.lmtp.replies import Reply
from tests.unit.lmtp.driver import Driver

LINES = st.sampled_from(
    [
        b"LHLO a\r\n",
        b"MAIL FROM:<a@b>\r\n",
        b"MAIL FROM:<> SIZE=5 BODY=7BIT\r\n",
        b"MAIL FROM:<\xc3\xa4@b> SMTPUTF8\r\n",
        b"RCPT TO:<x@y>\r\n",
        b"RCPT TO:<no@y>\r\n",
        b"DATA\r\n",
        b"Subject: x\r\n\r\n..dots\r\n",
        b".\r\n",
        b"BDAT 0\r\n",
        b"BDAT 3\r\n",
        b"BDAT 3 LAST\r\n",
        b"BDAT 70 LAST\r\n",
        b"BDAT x\r\n",
        b"abc",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"HELP\r\n",
        b"VRFY x\r\n",
        b"QUIT\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00\xff",
        b"y" * 5000,
    ]
)
STREAM = st.lists(st.one_of(LINES, LINES, LINES, st.binary(max_size=20)), max_size=40).map(b"".join)


def no_is_unknown(path: Path) -> Reply | None:
    return replies.NO_SUCH_USER if path.local == "no" else None


def new_driver() -> Driver:
    return Driver(limits=Limits(message_octets=60, recipients=3), recipient=no_is_unknown)


@given(STREAM, st.lists(st.integers(0, 100_000), max_size=20))
def test_any_octets_in_any_chunks(stream: bytes, cuts: list[int]) -> None:
    whole, parts = new_driver(), new_driver()
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    expected = whole.send(stream)
    answers = b""
    for start, end in pairwise(edges):
        answers += parts.send(stream[start:end])
        assert parts.machine.buffered_octets < MAX_LINE_OCTETS
    assert answers == expected
    assert parts.messages == whole.messages
    assert parts.closed == whole.closed
    for line in answers.splitlines(keepends=True):
        assert line.endswith(b"\r\n") and line[:3].isdigit() and line[3:4] in (b" ", b"-")


@given(st.binary(max_size=2000))
def test_any_message_arrives_by_chunks_as_it_was(message: bytes) -> None:
    driver = Driver()
    driver.send(b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\n")
    half = len(message) // 2
    driver.send(b"BDAT %d\r\n%b" % (half, message[:half]))
    codes = driver.send_codes(b"BDAT %d LAST\r\n%b" % (len(message) - half, message[half:]))
    assert codes == [250 if message else 554]
    assert driver.messages == ([message] if message else [])
