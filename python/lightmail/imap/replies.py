"""What a command handler answers: `Done`, or `Ask` when it needs a line from the client first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache

from lightmail._core.index import MAX_KEYWORDS, SYSTEM_FLAGS, UidSet
from lightmail.model import Rights
from lightmail.model.rights import covered


@dataclass(frozen=True, slots=True)
class Done:
    """The tagged response without its tag. Untagged responses have been sent before."""

    text: str
    """US-ASCII without CR and LF."""
    code: bytes = b""
    """A response code without its brackets (RFC 9051 §7.1)."""
    status: bytes = b"OK"
    """OK, NO or BAD."""
    silent: UidSet | None = None
    """Messages whose flags the client has changed itself and need not be told of (STORE .SILENT)."""
    keeps_numbers: bool = False
    """The client reads the answer by the sequence numbers it knows: no EXPUNGE or VANISHED before this response."""
    starts_tls: bool = False
    """TLS begins behind this response (RFC 9051 §6.2.1)."""
    starts_compression: bool = False
    """Compression begins behind this response (RFC 4978 §3)."""
    starts_over: bool = False
    """Nobody is logged in behind this response, and nothing is compressed (RFC 8437 §3)."""
    wire: bytes = field(init=False, repr=False, compare=False)
    """From the status to CRLF."""

    def __post_init__(self) -> None:
        code = b"[%s] " % self.code if self.code else b""
        object.__setattr__(self, "wire", b"%s %s%s\r\n" % (self.status, code, self.text.encode("ascii", "replace")))


@dataclass(frozen=True, slots=True)
class Ask:
    """A continuation request (RFC 9051 §7.6); the client's next line, without CRLF, goes to `then`."""

    prompt: bytes
    then: Callable[[bytes], Awaitable[Outcome]]
    give_up: Callable[[], None] | None = None
    """Called instead of `then` when no line comes any more."""


Outcome = Done | Ask

UID_REQUIRED = Done("There are no message numbers since ENABLE UIDONLY", code=b"UIDREQUIRED", status=b"BAD")
"""RFC 9586 §3."""


@lru_cache(maxsize=1024)
def flag_lines(keywords: tuple[str, ...], *, read_only: bool, rights: Rights = Rights.ALL) -> bytes:
    """Untagged FLAGS and PERMANENTFLAGS (RFC 9051 §7.3.5, §7.1; RFC 4314 §5.1.1). `\\*` is there as long as keywords
    can be added.
    """
    flags = " ".join((*SYSTEM_FLAGS, *keywords)).encode()
    if read_only:
        return b"* FLAGS (%s)\r\n* OK [PERMANENTFLAGS ()] Read-only\r\n" % flags
    more = ("\\*",) if len(keywords) < MAX_KEYWORDS and Rights.WRITE in rights else ()
    kept = " ".join((*covered(rights, (*SYSTEM_FLAGS, *keywords)), *more)).encode()
    return b"* FLAGS (%s)\r\n* OK [PERMANENTFLAGS (%s)] Kept\r\n" % (flags, kept)
