"""What backends know of annotations besides their values (RFC 5464)."""

from __future__ import annotations

from hashlib import blake2b


def mark(value: bytes) -> int:
    """Another one for another value, all but certainly; 63 bits."""
    return int.from_bytes(blake2b(value, digest_size=8).digest()) >> 1
