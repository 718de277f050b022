"""The least blocking IMAP client: it looks for the tagged line, and at no octet else."""

from __future__ import annotations

import socket
from typing import Self

_PIECE_OCTETS = 1 << 20


class RawClient:
    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = memoryview(bytearray(_PIECE_OCTETS))
        self._number = 0
        self._read_to(b"* OK ")

    def command(self, text: bytes) -> int:
        """The octets of the answer. Raises AssertionError when it is not OK."""
        self._number += 1
        tag = b"t%d " % self._number
        self._socket.sendall(tag + text + b"\r\n")
        return self._read_to(tag + b"OK")

    def _read_to(self, wanted: bytes) -> int:
        octets = 0
        tail = b""
        while True:
            received = self._socket.recv_into(self._buffer)
            assert received, "the server has closed"
            octets += received
            tail = tail[-1024:] + bytes(self._buffer[max(0, received - 1024) : received])
            if not tail.endswith(b"\r\n"):
                continue
            line = tail[tail.rfind(b"\n", 0, -2) + 1 :]
            if line.startswith(wanted.split(b" ")[0] + b" "):
                assert line.startswith(wanted), line
                return octets

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()
