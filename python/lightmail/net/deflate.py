"""COMPRESS=DEFLATE (RFC 4978) of one connection: raw deflate in both directions, by zlib.

What comes is inflated in small pieces, each of which is answered before the next (law 7): a peer whose few octets stand
for gigabytes holds one piece of them. What goes out ends with a flush, so that the client can read it at once.

A connection that says nothing for a while sleeps. Its compressor goes: behind a flush a new one continues the stream,
which only forgets what it could have referred to. Of the decompressor the 32 KiB remain that the client may still refer
to, themselves compressed: what clients send repeats itself.
"""

from __future__ import annotations

import zlib

PIECE_OCTETS = 32_768
"""Inflated at a time."""
_HISTORY_OCTETS = 32_768
"""How far back a stream may refer (RFC 1951 §2)."""
_WINDOW_BITS = -13
_MEMORY_LEVEL = 6
"""Of the compressor: 64 KiB, a quarter of zlib's default, for 2 % more octets."""
_SLEEPING_WINDOW_BITS = -10
_SLEEPING_MEMORY_LEVEL = 3
"""Of one that is made for what a sleeping client is told (IDLE) and goes right after: 8 KiB."""
_LEVEL = 3
_FLUSHED = b"\x00\x00\xff\xff"
"""How octets end that Z_SYNC_FLUSH or Z_FULL_FLUSH has brought to the end of an octet (RFC 1951 §3.2.4)."""
_LAST_BLOCK = b"\x03\x00"
"""An empty last block: takes it, and nothing else, who stands between two blocks and two octets."""


class BrokenStream(Exception):
    """What the peer sends is no deflate stream, or one that has ended."""


class Deflate:
    """`receive` octets, then `take` pieces until there is none; `compress` what goes out."""

    __slots__ = ("_compressor", "_decompressor", "_full", "_history", "_received", "_unused", "awake")

    def __init__(self) -> None:
        self.awake = True
        self._received = bytearray()
        self._unused = b""
        """Of these, what has been given to the decompressor and waits there for room in a piece."""
        self._full = False
        """The last piece was as large as one may be: there may be more without further octets."""
        self._history = bytearray()
        """The last octets inflated, at least as many as may be referred to; compressed while asleep."""
        self._decompressor: zlib._Decompress | None = zlib.decompressobj(-15)
        self._compressor: zlib._Compress | None = None

    # ---- in

    @property
    def waiting_octets(self) -> int:
        """Received, and not inflated yet."""
        return len(self._received) + len(self._unused)

    def receive(self, octets: bytes) -> None:
        self._received += octets

    def take(self) -> bytes:
        """The next piece; empty: needs more octets. Ends where the peer has flushed, so that whatever it sent behind a
        command that ends compression is still as it came. Raises BrokenStream.
        """
        decompressor = self._awakened()
        while True:
            if not self._unused and not self._full:
                if not self._received:
                    return b""
                end = self._received.find(_FLUSHED) + len(_FLUSHED)
                if end < len(_FLUSHED):
                    end = len(self._received)
                self._unused = bytes(self._received[:end])
                del self._received[:end]
            try:
                piece = decompressor.decompress(self._unused, PIECE_OCTETS)
            except zlib.error as error:
                raise BrokenStream from error
            if decompressor.eof:
                self._unused = decompressor.unused_data
                if not piece:
                    raise BrokenStream
            else:
                self._unused = decompressor.unconsumed_tail
            self._full = len(piece) == PIECE_OCTETS
            if piece:
                self._history += piece
                if len(self._history) > 2 * _HISTORY_OCTETS:
                    del self._history[:-_HISTORY_OCTETS]
                return piece

    def rest(self) -> bytes:
        """What has been received and not inflated: the peer does not compress any more."""
        rest = self._unused + bytes(self._received)
        self._unused = b""
        self._received.clear()
        return rest

    # ---- out

    def compress(self, octets: bytes) -> bytes:
        """With a flush behind it."""
        compressor = self._compressor
        if compressor is None:
            if not self.awake:
                small = zlib.compressobj(_LEVEL, zlib.DEFLATED, _SLEEPING_WINDOW_BITS, _SLEEPING_MEMORY_LEVEL)
                return small.compress(octets) + small.flush(zlib.Z_SYNC_FLUSH)
            compressor = self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
        return compressor.compress(octets) + compressor.flush(zlib.Z_SYNC_FLUSH)

    def end(self, octets: bytes) -> bytes:
        """The last that goes out compressed."""
        compressor = self._compressor or zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
        self._compressor = None
        return compressor.compress(octets) + compressor.flush(zlib.Z_FINISH)

    # ---- while nothing comes

    def sleep(self) -> None:
        """Hold little. Not if the peer has stopped within something; it is asked again the next time."""
        self._compressor = None
        decompressor = self._decompressor
        if decompressor is None or self.waiting_octets or self._full or not _between_blocks(decompressor):
            return
        small = zlib.compressobj(9, zlib.DEFLATED, -15)
        self._history = bytearray(small.compress(bytes(self._history[-_HISTORY_OCTETS:])) + small.flush())
        self._decompressor = None
        self.awake = False

    def _awakened(self) -> zlib._Decompress:
        if self._decompressor is None:
            self._history = bytearray(zlib.decompress(self._history, -15))
            self._decompressor = zlib.decompressobj(-15, bytes(self._history))
            self.awake = True
        return self._decompressor


def _between_blocks(decompressor: zlib._Decompress) -> bool:
    """Whether a stream that begins anew, with the same history, would go on where this one is."""
    probe = decompressor.copy()
    try:
        return probe.decompress(_LAST_BLOCK) == b"" and probe.eof and not probe.unused_data
    except zlib.error:
        return False
