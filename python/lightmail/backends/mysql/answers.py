"""The server's answers to a query, from octets to rows; no I/O.

The text protocol without CLIENT_DEPRECATE_EOF: OK, ERR, or a result set: number of columns, a packet for each, EOF, a
packet for each row, EOF or ERR. Answers of several statements in one query follow one another; the last one counts.
Source: MySQL Internals, "Text Protocol"; MariaDB Knowledge Base, "Result Set Packets".

What is not used of a packet is not looked at, and a row is read in one go: this is the path of every statement. The
description of the columns is mostly longer than the rows, and the same each time a statement runs: it is recognised as
a whole (`Shape`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

Row: TypeAlias = tuple[Any, ...]

DAMAGED = (ValueError, IndexError, KeyError, ArithmeticError)
"""What `Answer.feed` raises for octets that are no answer."""

MAX_PACKET_OCTETS = 0xFFFFFF
"""A packet of this length goes on in the next one."""

_IN_TRANSACTION = 1
_MORE_RESULTS = 8
_BINARY = 63

_INTEGERS = frozenset((0x01, 0x02, 0x03, 0x08, 0x09, 0x0D))
_FLOATS = frozenset((0x04, 0x05))
_DECIMALS = frozenset((0x00, 0xF6))
_OCTETS = frozenset((0x0F, *range(0xF9, 0xFF)))
"""Types that may hold octets rather than text: VARCHAR, the BLOBs, VAR_STRING, STRING."""

_MAX_SHAPE_OCTETS = 8192

_FIRST, _COLUMNS, _COLUMNS_END, _ROWS = range(4)


@dataclass(frozen=True, slots=True)
class Shape:
    """The beginning of a result set up to its rows, and what it says."""

    octets: bytes
    converters: tuple[Callable[[bytes], Any], ...]


class Answer:
    """`feed` what comes until it says True; then the fields are set."""

    __slots__ = (
        "_at_least",
        "_began",
        "_columns_left",
        "_converters",
        "_head",
        "_long",
        "_partial",
        "_state",
        "affected",
        "error",
        "in_transaction",
        "insert_id",
        "rows",
        "shape",
    )

    def __init__(self, shape: Shape | None = None) -> None:
        """shape: what the result set probably looks like."""
        self.rows: list[Row] = []
        """Of the last statement."""
        self.affected = 0
        """By the last statement."""
        self.insert_id = 0
        self.in_transaction = False
        self.error: tuple[int, str] | None = None
        """Number and text; statements after the one that failed have not run."""
        self.shape = shape
        """Of the last result set; of some it is not kept."""
        self._state = _FIRST
        self._columns_left = 0
        self._converters: Sequence[Callable[[bytes], Any]] = ()
        self._head: list[Callable[[bytes], Any]] = []
        self._began = -1
        """Where in the octets at hand the description of the columns began."""
        self._partial: list[bytes] = []
        self._at_least = 0
        """Octets without which nothing can be done."""
        self._long = b""

    def feed(self, data: bytes) -> bool:
        """Whether the answer is complete. Raises one of DAMAGED."""
        if self._at_least > len(data):
            self._partial.append(data)
            self._at_least -= len(data)
            return False
        if self._partial:
            self._partial.append(data)
            data = b"".join(self._partial)
            self._partial.clear()
        at, end = 0, len(data)
        while True:
            if self._state == _FIRST:
                shape = self.shape
                if shape is not None and data.startswith(shape.octets, at):
                    at += len(shape.octets)
                    self._began = -1
                    self._converters, self.rows, self._state = shape.converters, [], _ROWS
                else:
                    self._began = at
            if end - at < 4:
                self._at_least = 4 - (end - at)
                break
            length = int.from_bytes(data[at : at + 3], "little")
            start, after = at + 4, at + 4 + length
            if after > end:
                self._at_least = after - end
                break
            at = after
            if length == MAX_PACKET_OCTETS or self._long:
                self._long += data[start:after]
                if length == MAX_PACKET_OCTETS:
                    continue
                packet, self._long = self._long, b""
                done = self._packet(packet, 0, len(packet))
            else:
                done = self._packet(data, start, after)
            if self._state == _ROWS and self._began >= 0:
                octets = data[self._began : at]
                self.shape = Shape(octets, tuple(self._head)) if len(octets) <= _MAX_SHAPE_OCTETS else None
                self._began = -1
            if done:
                if at != end:
                    raise ValueError("more octets than an answer has")
                return True
        self._partial.append(data[at:])
        self._began = -1
        return False

    def _packet(self, data: bytes, at: int, end: int) -> bool:
        """Whether it was the last one."""
        state = self._state
        if state == _ROWS:
            if data[at] == 0xFE and end - at < 9:
                return self._ends(int.from_bytes(data[at + 3 : at + 5], "little"))
            if data[at] == 0xFF:
                return self._fails(data, at, end)
            self.rows.append(_row(data, at, self._converters))
        elif state == _COLUMNS:
            self._head.append(_converter(data, end))
            self._columns_left -= 1
            if not self._columns_left:
                self._state = _COLUMNS_END
        elif state == _COLUMNS_END:
            self._converters, self._state = self._head, _ROWS
        elif data[at] == 0xFF:
            return self._fails(data, at, end)
        elif data[at] == 0:
            self.affected, at = _length(data, at + 1)
            self.insert_id, at = _length(data, at)
            self.rows = []
            return self._ends(int.from_bytes(data[at : at + 2], "little"))
        elif data[at] == 0xFB:
            raise ValueError("the server asks for a file")
        else:
            self._columns_left, _ = _length(data, at)
            self._head, self.rows = [], []
            self._state = _COLUMNS
        return False

    def _ends(self, status: int) -> bool:
        self.in_transaction = bool(status & _IN_TRANSACTION)
        self._state = _FIRST
        return not status & _MORE_RESULTS

    def _fails(self, data: bytes, at: int, end: int) -> bool:
        number = int.from_bytes(data[at + 1 : at + 3], "little")
        text = at + 9 if data[at + 3 : at + 4] == b"#" else at + 3
        self.error = (number, data[text:end].decode(errors="replace"))
        return True


def _converter(data: bytes, end: int) -> Callable[[bytes], Any]:
    """Of a column; its packet ends with character set, length, type, flags, decimals and a filler of two octets."""
    kind = data[end - 6]
    if kind in _INTEGERS:
        return int
    if kind in _OCTETS:
        binary = int.from_bytes(data[end - 12 : end - 10], "little") == _BINARY
        return bytes if binary else bytes.decode
    if kind in _DECIMALS:
        # The sum of integers is a decimal without decimals.
        return int if data[end - 3] == 0 else lambda octets: Decimal(octets.decode())
    if kind in _FLOATS:
        return float
    return bytes.decode


def _row(data: bytes, at: int, converters: Sequence[Callable[[bytes], Any]]) -> Row:
    row: list[Any] = []
    for convert in converters:
        size = data[at]
        at += 1
        if size == 0xFB:
            row.append(None)
            continue
        if size > 0xFB:
            size, at = _length(data, at - 1)
        end = at + size
        row.append(convert(data[at:end]))
        at = end
    return tuple(row)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer, and where it ends."""
    first = data[at]
    if first < 0xFB:
        return first, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size
