"""Messages as octet ranges: structure, ENVELOPE, BODYSTRUCTURE, headers, charsets. No I/O.

Never fails on a message: malformed mail gets the most useful structure within `MimeLimits`.
"""

from typing import final

from typing_extensions import Buffer

@final
class MimeLimits:
    """Bounds on one message (law 7). What lies deeper than `depth` is one application/octet-stream, what comes after
    `parts` parts belongs to the last one, what is beyond `header_octets` of a header belongs to its body."""
    def __new__(cls, *, depth: int = 100, parts: int = 10000, header_octets: int = 1048576) -> MimeLimits: ...

@final
class Summary:
    """What is kept of a message beside its octets; all wire forms are ready to be sent."""

    octets: int
    header: bytes  # the top-level header block with its empty line, as stored; cut at header_octets
    envelope: bytes  # "(...)" RFC 9051 §7.5.2
    bodystructure: bytes  # "(...)" with extension data
    parts: bytes  # compact part table: ranges, encodings, decoded sizes, charsets (see rust/mime)
    sent_date: int  # seconds UTC of the Date header; 0 when there is none
    sent_zone: int  # minutes east
    message_id: bytes
    subject: str  # decoded
    base_subject: str  # RFC 5256 §2.1
    preview: str  # RFC 8970, at most 200 characters

# The server analyzes while it stores (`frames.Ingest`) and cuts out parts while it answers (`index.FetchRun`). These look
# at one message by itself: with them tests compare with other programs, part by part.

def analyze(data: Buffer, limits: MimeLimits) -> Summary: ...
def section_range(parts: Buffer, section: str) -> tuple[int, int] | None:
    """(start, octets) of "", "HEADER", "TEXT", "1", "1.2.MIME", "2.HEADER"; None when there is no such part."""

def decode_part(parts: Buffer, section: str, octets: Buffer) -> bytes:
    """The part's octets with its Content-Transfer-Encoding undone (BINARY); of damaged ones what can be decoded.

    Raises UnknownEncoding, ValueError for a multipart or a part that does not exist."""

class UnknownEncoding(ValueError):
    """A Content-Transfer-Encoding nobody can undo: NO [UNKNOWN-CTE] (RFC 3516 §4.3)."""
