"""The stored form of a body: independent zstd frames of a fixed raw size with a seek table. No I/O.

A stored body can be read by ranges: `Layout.read_plan` names the stored range that covers a raw range. Octets that
do not compress lie in the frames as they are (zstd's raw blocks). Every frame has a checksum; `zstd -d` reads it all.

object_key, keyring: an object whose key ends in `.ID` is encrypted by the key ID of the ring (AES-256-GCM, frame by
frame), and read under that name alone; any other object is not encrypted.
Source: the zstd seekable format (contrib/seekable_format), blake3; NIST SP 800-38D.
"""

from collections.abc import Mapping
from typing import final

from typing_extensions import Buffer

from .mime import MimeLimits, Summary

@final
class Keyring:
    """Keys by their ids. Printed without them."""
    def __new__(cls, keys: Mapping[str, bytes], active: str | None = None) -> Keyring:
        """keys: a dict; 32 octets each. Raises ValueError: another length, or `active` is not among them."""
    active: str | None
    """The id of the key that new objects are to be encrypted by. None: they are not."""

def key_id(object_key: str) -> str | None:
    """Of the key that an object is encrypted by; None: it is not."""

@final
class Ingested:
    """A message that has passed through `Ingest`."""

    tail: bytes
    """The last stored octets, to be written after what feed() gave; all of them when it came from ingest()."""
    raw_octets: int
    stored_octets: int
    digest: bytes
    """blake3-256 of the raw octets."""
    summary: Summary

@final
class Ingest:
    """Encoder and analyzer side by side: one crossing per chunk of an incoming message, chunks of any size; memory is
    bounded by the limits, not by the message."""
    def __new__(
        cls,
        limits: MimeLimits,
        *,
        frame_octets: int = 131072,
        level: int = 1,
        min_gain_percent: int = 5,
        object_key: str = "",
        keyring: Keyring | None = None,
    ) -> Ingest:
        """min_gain_percent: a frame that would shrink by less is stored as it is. base64 shrinks by 24 %, and is read
        five times as fast when it is stored as it is. Raises KeyUnusable."""
    def feed(self, data: Buffer) -> bytes:
        """Stored octets that are ready (may be empty). Releases the GIL for chunks of 64 KiB and more."""
    def finish(self) -> Ingested:
        """Raises ValueError when called twice."""
    @property
    def raw_octets(self) -> int:
        """Fed so far."""

def ingest(
    data: Buffer,
    limits: MimeLimits,
    *,
    frame_octets: int = 131072,
    level: int = 1,
    min_gain_percent: int = 5,
    object_key: str = "",
    keyring: Keyring | None = None,
) -> Ingested:
    """A whole small message in one call. Releases the GIL from 64 KiB on. Raises KeyUnusable."""

@final
class Layout:
    """The seek table of a stored body."""
    @staticmethod
    def parse(tail: Buffer, stored_octets: int, object_key: str = "", keyring: Keyring | None = None) -> Layout:
        """tail: the last octets of the stored form, at least min(stored_octets, TAIL_OCTETS).
        Raises CorruptBody, or NeedTail(octets) when the table is longer than the tail given; KeyUnusable."""
    @property
    def raw_octets(self) -> int: ...
    def read_plan(self, start: int, octets: int) -> tuple[int, int]:
        """(stored start, stored octets) that cover the raw range."""
    def decode(self, stored: Buffer, stored_start: int, start: int, octets: int) -> bytes:
        """The raw range, from the stored octets that read_plan named. Raises CorruptBody."""

def decode_all(stored: Buffer, object_key: str = "", keyring: Keyring | None = None) -> bytes:
    """A whole stored body to raw octets. Raises CorruptBody, KeyUnusable."""

TAIL_OCTETS: int
"""A tail of this length holds the seek table of any body up to 60 MiB."""

class CorruptBody(ValueError): ...

class KeyUnusable(ValueError):
    """The key is not there, or is not the one that was used. Nothing is known to be wrong with the object."""

class NeedTail(ValueError):
    octets: int
