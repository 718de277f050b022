"""Flags by name to the 64-bit set a message row holds, and back; shared by the metadata backends.

A mailbox has at most MAX_KEYWORDS keywords; the position in its list is the bit above the system flags
(`_core.index`). Flag names are not case-sensitive (RFC 9051 §2.3.2); the first spelling is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lightmail._core.index import FIRST_KEYWORD_BIT, MAX_KEYWORDS, SYSTEM_FLAGS
from lightmail.errors import LimitExceeded
from lightmail.model import Rights

_SYSTEM_BIT = {name.lower(): 1 << bit for bit, name in enumerate(SYSTEM_FLAGS)}
_SYSTEM_BITS = (1 << FIRST_KEYWORD_BIT) - 1
_ALL_BITS = (1 << 64) - 1

DELETED = _SYSTEM_BIT["\\deleted"]
SEEN = _SYSTEM_BIT["\\seen"]


def covered(rights: Rights) -> int:
    """The flags that these rights allow to set and clear, as a signed set (RFC 4314 §4, STORE)."""
    bits = 0 if Rights.WRITE not in rights else _ALL_BITS & ~(SEEN | DELETED)
    if Rights.SEEN in rights:
        bits |= SEEN
    if Rights.DELETE in rights:
        bits |= DELETED
    return signed(bits)


def signed(bits: int) -> int:
    """A 64-bit set as the signed integer that rows and databases hold."""
    bits &= _ALL_BITS
    return bits - (1 << 64) if bits >> 63 else bits


class Keywords:
    """The keywords of one mailbox in bit order. A copy is changed within a transaction; `added` tells what is new."""

    __slots__ = ("_bits", "added", "names")

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        self.added: list[tuple[int, str]] = []
        """(bit, keyword) that came by `bits_of(create=True)` or `remap`."""
        self._bits = {name.lower(): 1 << FIRST_KEYWORD_BIT + at for at, name in enumerate(self.names)}

    def bits_of(self, flags: Iterable[str], *, create: bool) -> int:
        """The signed set of these flags; unknown keywords are added, or left out. Raises LimitExceeded."""
        bits = 0
        for flag in flags:
            name = flag.lower()
            bit = _SYSTEM_BIT.get(name) or self._bits.get(name)
            if bit is None:
                if not create:
                    continue
                bit = self._add(flag)
            bits |= bit
        return signed(bits)

    def remap(self, flags: int, source: Keywords) -> list[tuple[int, int]]:
        """(bit in source, bit here) of each keyword in the set `flags`; missing ones are added.

        Raises LimitExceeded.
        """
        pairs = []
        for at, name in enumerate(source.names):
            bit = FIRST_KEYWORD_BIT + at
            if flags >> bit & 1:
                own = self._bits.get(name.lower()) or self._add(name)
                pairs.append((bit, own.bit_length() - 1))
        return pairs

    def _add(self, name: str) -> int:
        if len(self.names) >= MAX_KEYWORDS:
            raise LimitExceeded("keywords of a mailbox", MAX_KEYWORDS)
        at = FIRST_KEYWORD_BIT + len(self.names)
        self.names = (*self.names, name)
        self.added.append((at, name))
        self._bits[name.lower()] = 1 << at
        return 1 << at


def moved(flags: int, pairs: Iterable[tuple[int, int]]) -> int:
    """A set with its keywords at other bits: (bit before, bit after)."""
    bits = flags & _SYSTEM_BITS
    for before, after in pairs:
        bits |= (flags >> before & 1) << after
    return signed(bits)
