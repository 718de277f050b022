"""Flags as clients name them, and those of them that a mailbox keeps."""

from __future__ import annotations

from lightmail._core.index import SYSTEM_FLAGS

_SYSTEM = frozenset(flag.lower() for flag in SYSTEM_FLAGS)


def kept(flags: tuple[str, ...]) -> tuple[str, ...]:
    """Without \\Recent, which no client can set, and without system flags that nobody has defined.

    A flag that is not in PERMANENTFLAGS is ignored (RFC 9051 §7.1), so that what a client has fetched from one server
    it may store on another.
    """
    return tuple(flag for flag in flags if not flag.startswith("\\") or flag.lower() in _SYSTEM)
