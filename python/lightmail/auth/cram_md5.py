"""What a server keeps for CRAM-MD5 (RFC 2195): the states of MD5 after the padded key, inside and outside.

They are enough to log in with, which a good password hash is not: whoever reads them has the account. Dovecot writes them
as 64 hexadecimal digits, the outer state first.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import struct

CONTEXT_OCTETS = 32
_BLOCK_OCTETS = 64
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_SINES = tuple(int(abs(math.sin(step + 1)) * 2**32) for step in range(64))
_SHIFTS = (7, 12, 17, 22) * 4 + (5, 9, 14, 20) * 4 + (4, 11, 16, 23) * 4 + (6, 10, 15, 21) * 4
_MASK = 0xFFFFFFFF

_State = tuple[int, int, int, int]


def contexts(password: bytes) -> bytes:
    """What is kept for a password: CONTEXT_OCTETS."""
    key = hashlib.md5(password, usedforsecurity=False).digest() if len(password) > _BLOCK_OCTETS else password
    key = key.ljust(_BLOCK_OCTETS, b"\0")
    outer, inner = (_compress(_START, bytes(octet ^ pad for octet in key)) for pad in (0x5C, 0x36))
    return struct.pack("<8I", *outer, *inner)


def digest(kept: bytes, challenge: bytes) -> bytes:
    """HMAC-MD5 of the challenge, as 32 hexadecimal digits. kept: `contexts`."""
    outer: _State = struct.unpack("<4I", kept[:16])
    inner: _State = struct.unpack("<4I", kept[16:])
    return _finish(outer, _finish(inner, challenge)).hex().encode("ascii")


def has_password(kept: bytes, password: bytes) -> bool:
    return hmac.compare_digest(contexts(password), kept)


def _finish(state: _State, message: bytes) -> bytes:
    """MD5 of a block that led to `state`, and of the message behind it (RFC 1321 §3.1, §3.2)."""
    bits = (_BLOCK_OCTETS + len(message)) * 8
    padded = message + b"\x80" + b"\0" * (-(len(message) + 9) % _BLOCK_OCTETS) + struct.pack("<Q", bits)
    for start in range(0, len(padded), _BLOCK_OCTETS):
        state = _compress(state, padded[start : start + _BLOCK_OCTETS])
    return struct.pack("<4I", *state)


def _compress(state: _State, block: bytes) -> _State:
    """RFC 1321 §3.4; hashlib does not take a state."""
    words = struct.unpack("<16I", block)
    a, b, c, d = state
    for step in range(64):
        if step < 16:
            mixed, index = (b & c) | (~b & d), step
        elif step < 32:
            mixed, index = (d & b) | (~d & c), (5 * step + 1) % 16
        elif step < 48:
            mixed, index = b ^ c ^ d, (3 * step + 5) % 16
        else:
            mixed, index = c ^ (b | (~d & _MASK)), (7 * step) % 16
        total = (a + mixed + _SINES[step] + words[index]) & _MASK
        shift = _SHIFTS[step]
        a, d, c, b = d, c, b, (b + ((total << shift) | (total >> (32 - shift)))) & _MASK
    return (
        (state[0] + a) & _MASK,
        (state[1] + b) & _MASK,
        (state[2] + c) & _MASK,
        (state[3] + d) & _MASK,
    )
