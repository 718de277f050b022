"""What must hold for any octets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address

from lightmail.auth import cram_md5
from lightmail.auth.line import Line
from lightmail.auth.mechanisms import MECHANISMS
from lightmail.auth.sasl import (
    Cancelled,
    Challenge,
    ContextsWanted,
    MalformedResponse,
    ScramWanted,
    Step,
    decode_response,
    encode_challenge,
)
from lightmail.auth.scram_keys import ScramKeys
from lightmail.lmtp import replies
from lightmail.lmtp.events import Limits
from lightmail.lmtp.grammar import Path
from lightmail.lmtp.protocol import MAX_LINE_OCTETS
from lightmail.lmtp.replies import Reply
from lightmail.net.deflate import PIECE_OCTETS, BrokenStream, Deflate
from lightmail.net.proxy_header import MAX_V1_OCTETS, MAX_V2_OCTETS, ProxyHeader, ProxyHeaderBroken
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


def proxy(data: bytes) -> None:
    """A header is the same however it comes, takes nothing of what is behind it, and names an address or nobody."""
    if not data:
        return
    stream = data[1:]
    whole = _proxied([stream])
    assert _proxied(list(_chunks(stream, data[0]))) == whole
    if isinstance(whole, tuple):
        taken, host = whole
        assert taken <= (MAX_V1_OCTETS if stream.startswith(b"PROXY ") else MAX_V2_OCTETS)
        assert host is None or str(ip_address(host)) == host


def sasl(data: bytes) -> None:
    """A mechanism takes any responses, as lines of base64 or decoded: it asks, ends, or says that they are malformed."""
    if len(data) < 2:
        return
    names = list(MECHANISMS)
    mechanism = MECHANISMS[names[data[0] % len(names)]].create(
        Line(host="192.0.2.1", tls=True, plaintext=True, bindings=_Bindings()), names
    )
    try:
        for line in data[2:].split(b"\n"):
            response = line if data[1] & 1 else decode_response(line)
            step: Step = mechanism.step(response or None)
            if isinstance(step, ScramWanted):
                step = step.supply(SCRAM_KEYS[step.scheme])
            if isinstance(step, ContextsWanted):
                step = step.supply(CRAM_MD5_CONTEXTS)
            if not isinstance(step, Challenge):
                return
            assert b"\r" not in encode_challenge(step) and b"\n" not in encode_challenge(step)
    except (MalformedResponse, Cancelled):
        pass


class _Bindings:
    def get(self, name: str) -> bytes | None:
        return b"binding"


def _proxied(chunks: list[bytes]) -> tuple[int, str | None] | str | None:
    """Octets of the header and whom it names; what is wrong with it; None: it has not ended."""
    header, taken = ProxyHeader(), 0
    try:
        for chunk in chunks:
            taken += header.feed(chunk)
            if header.done:
                return taken, header.origin.host if header.origin else None
    except ProxyHeaderBroken as problem:
        return str(problem)
    return None


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


SCRAM_KEYS = {scheme: ScramKeys.derive(scheme, b"pencil", b"salt", 4096) for scheme in ("SCRAM-SHA-1", "SCRAM-SHA-256")}
CRAM_MD5_CONTEXTS = cram_md5.contexts(b"pencil")
TARGETS: dict[str, Callable[[bytes], None]] = {"lmtp": lmtp, "deflate": deflate, "proxy": proxy, "sasl": sasl}
