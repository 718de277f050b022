"""Line ends of stored mail files to those of the wire: CRLF (RFC 5322 §2.1)."""

from __future__ import annotations


def to_crlf(octets: bytes) -> bytes:
    """Each LF without a CR before it becomes CRLF; nothing else changes, not even a CR that stands alone."""
    if octets.count(b"\n") == octets.count(b"\r\n"):
        return octets
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class CrlfStream:
    """The same for chunks of any size."""

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, chunk: bytes) -> bytes:
        """What the chunk becomes; b"" for b""."""
        if not chunk:
            return b""
        joined = self._after_cr and chunk.startswith(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        return b"\n" + to_crlf(chunk[1:]) if joined else to_crlf(chunk)
