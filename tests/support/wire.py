"""A blocking IMAP connection for tests: whole logical responses, literals included; nothing is interpreted."""

from __future__ import annotations

import re
import socket
import ssl
import zlib
from dataclasses import dataclass
from typing import Self

TIMEOUT_S = 60.0

_LITERAL = re.compile(rb"\{(\d+)\}$")


class Wire:
    """One connection that reads logical response lines."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket: socket.socket = socket.create_connection(address, timeout=TIMEOUT_S)
        self._buffer = bytearray()
        self._deflate: zlib._Compress | None = None
        self._inflate: zlib._Decompress | None = None

    def send(self, octets: bytes) -> None:
        if self._deflate is not None:
            octets = self._deflate.compress(octets) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._socket.sendall(octets)

    def start_tls(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._socket = context.wrap_socket(self._socket)

    def compress(self, on: bool) -> None:
        """From here on, or no longer (RFC 4978)."""
        self._deflate = zlib.compressobj(wbits=-15) if on else None
        self._inflate = zlib.decompressobj(wbits=-15) if on else None

    def _more(self) -> bool:
        octets = self._socket.recv(65536)
        self._buffer += octets if self._inflate is None else self._inflate.decompress(octets)
        return bool(octets)

    def response(self) -> bytes | None:
        """The next response without its final CRLF; None at the end of the connection."""
        at = 0
        while True:
            end = self._buffer.find(b"\r\n", at)
            if end < 0:
                if not self._more():
                    return None
                continue
            literal = _LITERAL.search(bytes(self._buffer[max(at, end - 12) : end]))
            if not literal:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 2]
                return line
            at = end + 2 + int(literal[1])
            while len(self._buffer) < at:
                if not self._more():
                    return None

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came for one command: the tagged line without its tag, and the untagged responses before it."""

    tagged: bytes
    untagged: list[bytes]

    @property
    def ok(self) -> bool:
        return self.tagged.startswith(b"OK")

    def fetched(self) -> list[bytes]:
        return [line for line in self.untagged if b" FETCH (" in line[:32]]


class ImapClient(Wire):
    """Commands with tags of its own. `literals` are sent non-synchronizing, each in place of one `{}` of the text."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address)
        self.greeting = self.response()
        self._number = 0

    def login(self, user: str, password: str) -> None:
        answer = self.command(b'LOGIN "%s" "%s"' % (user.encode(), password.encode()))
        assert answer.ok, answer.tagged

    def command(self, text: bytes, *literals: bytes) -> Answer:
        """Raises ConnectionError when the server closes before it has answered."""
        self.send_command(text, *literals)
        return self.answer(self._number)

    def send_command(self, text: bytes, *literals: bytes) -> int:
        """Send without waiting (pipelining); returns the number to be given to `answer`."""
        self._number += 1
        pieces = text.split(b"{}")
        assert len(pieces) == len(literals) + 1, "one {} for each literal"
        octets = pieces[0]
        for literal, piece in zip(literals, pieces[1:], strict=True):
            octets += b"{%d+}\r\n%s%s" % (len(literal), literal, piece)
        self.send(b"c%d %s\r\n" % (self._number, octets))
        return self._number

    def answer(self, number: int) -> Answer:
        tag = b"c%d " % number
        untagged: list[bytes] = []
        while True:
            line = self.response()
            if line is None:
                raise ConnectionError(f"closed by the server while c{number} was running")
            if line.startswith(tag):
                return Answer(line[len(tag) :], untagged)
            untagged.append(line)


def literal_of(response: bytes) -> bytes:
    """The only literal of a response."""
    match = re.search(rb"\{(\d+)\}\r\n", response)
    assert match, response[:200]
    return response[match.end() : match.end() + int(match[1])]
