"""Where an object lives: its key as a file name, in one of 256 folders.

    key 7f/03c9…  →  ROOT/objects/a/4/7f+03c9…

The folder comes from a checksum of the key, so that any kind of key spreads evenly; the name is the key itself, so
that the sweep can tell it from the folder alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_MAX_KEY_OCTETS = 200
_SLASH = "+"
_DIGITS = "0123456789abcdef"
FOLDERS = len(_DIGITS) ** 2


def file_name(key: str) -> str:
    """Raises ValueError for what is no key: nothing that could name a file elsewhere gets through."""
    if len(key) > _MAX_KEY_OCTETS or not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} cannot be the key of an object")
    return key.replace("/", _SLASH)


def key_of(name: str) -> str | None:
    """None for a file that is no object."""
    key = name.replace(_SLASH, "/")
    return key if _KEY.fullmatch(key) else None


def folder_of(key: str) -> int:
    return zlib.crc32(key.encode()) % FOLDERS


def folder_paths() -> Iterator[str]:
    """By number, relative to the folder of all objects."""
    for first in _DIGITS:
        for second in _DIGITS:
            yield f"{first}/{second}"
