"""Packed rows and lists of UIDs as the databases hand them over; shared by the metadata backends."""

from __future__ import annotations

import json
from collections.abc import Iterable

from lightmail._core.index import UidSet

MAX_MODSEQ = 2**63 - 1
"""What a client may name beyond it (RFC 7162 §7 has 64 bits on the wire) is no state of ours."""


def packed(row: Iterable[int]) -> str:
    """One row, in the order of MESSAGE_ROW, where it is at hand."""
    return " ".join(map(str, row)) + "\n"


def uid_set(listed: str | None) -> UidSet:
    """UIDs as group_concat(uid) lists them."""
    return UidSet(json.loads(f"[{listed}]")) if listed else UidSet()


def split_words(words: str | None) -> tuple[str, ...]:
    """Keywords, special uses: what is kept separated by blanks."""
    return tuple(words.split(" ")) if words else ()
