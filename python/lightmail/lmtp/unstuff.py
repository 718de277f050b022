"""The octets after DATA: undo dot-stuffing, find the end (RFC 5321 §4.5.2)."""

from __future__ import annotations

_END = b"\r\n.\r\n"
_PREFIXES = tuple(_END[:octets] for octets in range(len(_END) - 1, 0, -1))
"""What a chunk may end with while the rest of the end mark is still on its way; longest first."""


class DotUnstuffer:
    """Works on whole chunks, never on lines; holds at most four octets back.

    Only CR LF "." CR LF ends a message, and only a dot after CR LF is stuffing: LF "." LF and its relatives are
    content. A server that takes them for an end lets messages be smuggled in others (RFC 5321 §4.1.1.4).
    """

    __slots__ = ("_fresh", "_held", "ended")

    def __init__(self) -> None:
        self._held = b"\r\n"  # the message begins where a line begins
        self._fresh = True
        self.ended = False

    def feed(self, octets: bytes) -> tuple[bytes, int]:
        """Message octets (perhaps none), and how many of `octets` were used: fewer than all only when `ended`."""
        held = len(self._held)
        text = self._held + octets if held else octets
        end = text.find(_END)
        if end >= 0:
            self.ended = True
            used = end + len(_END) - held
            content = text[: end + 2]
        else:
            used = len(octets)
            keep = next((len(prefix) for prefix in _PREFIXES if text.endswith(prefix)), 0)
            self._held = text[len(text) - keep :] if keep else b""
            content = text[: len(text) - keep] if keep else text
        content = content.replace(b"\r\n.", b"\r\n")
        if self._fresh and content:
            self._fresh = False
            content = content[2:]  # the CR LF that stood for the beginning
        return content, used
