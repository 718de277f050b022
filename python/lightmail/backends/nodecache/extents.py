"""An extent: one range of one object as a file that can tell whether it is whole.

    head     magic, checksum of what follows in the head, start in the object, octets, whether the object ends here
    table    a checksum for each block of 64 KiB
    octets

No file is fsynced: what a crash of the machine leaves of one is noticed when it is read, and fetched anew.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import NamedTuple

BLOCK_OCTETS = 65_536
"""Read and verified as one."""
_MAGIC = b"LMx1"
_HEAD = struct.Struct("<4sIQQ?")
_CHECKSUM_OCTETS = 4
_UNCHECKED_OCTETS = 8
"""The magic and the head's own checksum."""


class Extent(NamedTuple):
    """[start, end) of an object; last: the object ends where this does."""

    start: int
    end: int
    last: bool


class Damaged(Exception):
    """The file is not what was once written."""


def head_of(start: int, octets: bytes, *, last: bool) -> bytes:
    """What stands before the octets in the file."""
    view = memoryview(octets)
    sums = [zlib.crc32(view[at : at + BLOCK_OCTETS]) for at in range(0, len(view), BLOCK_OCTETS)]
    table = struct.pack(f"<{len(sums)}I", *sums)
    head = _HEAD.pack(_MAGIC, 0, start, len(view), last)[_UNCHECKED_OCTETS:] + table
    return _MAGIC + zlib.crc32(head).to_bytes(_CHECKSUM_OCTETS, "little") + head


def extent_of(fd: int, *, flags: int = 0) -> Extent:
    """What an open file holds, by its head alone. Raises Damaged, OSError."""
    head, _ = _read_head(fd, os.fstat(fd).st_size, flags, small_octets=0)
    return _extent(head)


def read_extent(fd: int, start: int, end: int, *, flags: int = 0) -> tuple[Extent, bytes]:
    """The extent, and its octets of [start, end) of the object, fewer where it ends before.

    flags: of preadv; with RWF_NOWAIT BlockingIOError says that the octets are not in memory.
    Raises Damaged, OSError.
    """
    size = os.fstat(fd).st_size
    head, whole = _read_head(fd, size, flags, small_octets=2 * BLOCK_OCTETS)
    extent = _extent(head)
    first, stop = max(start, extent.start) - extent.start, min(end, extent.end) - extent.start
    if first >= stop:
        return extent, b""
    begin = first - first % BLOCK_OCTETS
    blocks_end = min(stop + -stop % BLOCK_OCTETS, extent.end - extent.start)
    if whole:
        blocks = memoryview(whole)[len(head) + begin : len(head) + blocks_end]
    else:
        blocks = memoryview(_read(fd, len(head) + begin, blocks_end - begin, flags))
    _verify(head, begin // BLOCK_OCTETS, blocks)
    return extent, bytes(blocks[first - begin : stop - begin])


def _read_head(fd: int, size: int, flags: int, *, small_octets: int) -> tuple[memoryview, bytes | bytearray]:
    """The verified head with its table; and the whole file where that is small, so that one call reads it."""
    body = size - _HEAD.size
    if body < 0:
        raise Damaged("shorter than a head")
    head_octets = _HEAD.size + -(-body // (BLOCK_OCTETS + _CHECKSUM_OCTETS)) * _CHECKSUM_OCTETS
    small = size <= small_octets
    octets = _read(fd, 0, size if small else head_octets, flags)
    head = memoryview(octets)[:head_octets]
    magic, checksum, _, length, _ = _HEAD.unpack_from(head)
    if magic != _MAGIC or zlib.crc32(head[_UNCHECKED_OCTETS:]) != checksum or head_octets + length != size:
        raise Damaged("its head")
    return head, octets if small else b""


def _extent(head: memoryview) -> Extent:
    _, _, start, length, last = _HEAD.unpack_from(head)
    return Extent(start, start + length, last)


def _verify(head: memoryview, first_block: int, blocks: memoryview) -> None:
    at = _HEAD.size + first_block * _CHECKSUM_OCTETS
    for begin in range(0, len(blocks), BLOCK_OCTETS):
        (checksum,) = struct.unpack_from("<I", head, at)
        if zlib.crc32(blocks[begin : begin + BLOCK_OCTETS]) != checksum:
            raise Damaged("a block")
        at += _CHECKSUM_OCTETS


def _read(fd: int, at: int, octets: int, flags: int) -> bytearray:
    buffer = bytearray(octets)
    done = 0
    while done < octets:
        count = os.preadv(fd, [memoryview(buffer)[done:]], at + done, flags)
        if count == 0:
            raise Damaged("shorter than it was")
        done += count
    return buffer
