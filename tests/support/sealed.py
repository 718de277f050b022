"""Messages that carry the digest of their own text, so that any truncation or mixture shows."""

from __future__ import annotations

import hashlib
import re

_SEALED = re.compile(rb"(?:^|\r\n)Subject: (\S+)\r\nX-Digest: ([0-9a-f]{64})\r\n\r\n")


def sealed(identity: str) -> bytes:
    """identity: one word, unique; the longer, the larger the message."""
    text = (f"{identity} " * (20 + len(identity) * 7)).encode() + b"\r\n"
    digest = hashlib.sha256(text).hexdigest()
    return f"Subject: {identity}\r\nX-Digest: {digest}\r\n\r\n".encode() + text


def opened(octets: bytes) -> str:
    """The identity of a sealed message, trace headers before it allowed. Raises AssertionError when it is damaged."""
    head = _SEALED.search(octets)
    assert head, octets[:200]
    assert hashlib.sha256(octets[head.end() :]).hexdigest().encode() == head[2], f"{head[1]!r} is there half"
    return head[1].decode()
