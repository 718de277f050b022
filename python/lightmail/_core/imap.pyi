"""IMAP framing, typed commands and response encoding (RFC 9051, RFC 3501). No I/O.

    decoder.feed(data)
    while (event := decoder.next()) is not None:
        ...

`next()` returns one of: a `Command` subclass, `Continue`, `AppendMessage`,
`LiteralData`, `AppendUrl`, `AppendText`, `AppendMessageEnd`, `AppendEnd`, `Line`, `Malformed`; None means "needs more octets".
All are frozen; `repr()` of a command never shows a secret.
"""

from typing import TypeAlias, final

from typing_extensions import Buffer, disjoint_base

@final
class Limits:
    """Bounds on one connection's input (law 7). All are counts or octets."""
    def __new__(
        cls,
        *,
        line_octets: int = 65536,  # one line without its literals
        command_octets: int = 262144,  # one command with all its inline literals
        literals: int = 256,  # inline literals in one command
        message_octets: int = 52428800,  # one APPEND literal
        messages: int = 4096,  # messages in one APPEND (RFC 3502)
        nesting: int = 32,  # parentheses, SEARCH keys
        set_ranges: int = 10000,  # ranges in one sequence set
    ) -> Limits: ...

@final
class Decoder:
    """Octets in, events out. Linear even when fed one octet at a time."""
    def __new__(cls, limits: Limits) -> Decoder: ...
    def feed(self, data: Buffer) -> None: ...
    def next(self) -> Event | None: ...
    def accept_literal(self) -> None:
        """After `AppendMessage` and `AppendText`: its octets come as `LiteralData`. The caller sends "+" if it is
        synchronizing."""
    def refuse_literal(self) -> None:
        """After `AppendMessage`, `AppendUrl` and `AppendText`: gives the command up. Octets that arrive all the same (a
        non-synchronizing literal, the rest of the line) are swallowed; no further event for this command
        (RFC 7888 §4)."""
    def expect_line(self) -> None:
        """The next line comes as `Line`, not as a command (IDLE's DONE, a SASL response)."""
    def set_utf8(self, enabled: bool) -> None:
        """After ENABLE UTF8=ACCEPT or IMAP4rev2: mailbox names are UTF-8, not modified UTF-7."""
    def set_limits(self, limits: Limits) -> None:
        """From the next line on; so that a peer who has not logged in may send little."""
    def discard(self) -> int:
        """Drop everything buffered (STARTTLS, RFC 9051 §6.2.1); the count of octets dropped."""
    @property
    def buffered_octets(self) -> int: ...

# ---- events that are not commands

@final
class Continue:
    """Send a continuation request now: a small synchronizing literal is awaited and will be held inline."""

@disjoint_base
class AppendMessage:
    """An APPEND has come to a message literal; answer with accept_literal() or refuse_literal()."""

    tag: str
    mailbox: str
    flags: tuple[str, ...]  # as written, e.g. ("\\Seen", "$Work")
    internaldate: tuple[int, int] | None  # seconds UTC, zone in minutes east
    octets: int
    synchronizing: bool
    binary: bool  # literal8: ~{n}
    utf8: bool  # inside UTF8 (~{n}) (RFC 6855 §4)
    catenate: bool  # no literal: parts follow, then AppendMessageEnd (RFC 4469); octets is 0
    first: bool  # False for the 2nd and later messages of a MULTIAPPEND (RFC 3502)

@final
class ReplaceMessage(AppendMessage):
    """The same of REPLACE, which has one message only (RFC 8508)."""

    uid: bool  # UID REPLACE
    set: SequenceSet  # one number, or "*"

@final
class LiteralData:
    """Some octets of the accepted literal; `last` marks its end."""

    data: bytes
    last: bool

@final
class MessageUrl:
    """A message of this server, or a part of one (RFC 5092)."""

    mailbox: str | None  # None: the selected one
    absolute: bool  # False: the name stands beside that of the selected mailbox
    uid_validity: int | None
    uid: int
    plan: FetchPlan  # one section, for FetchRun.section

@final
class AppendUrl:
    """CATENATE names octets of another message; refuse_literal() when they cannot be had."""

    url: bytes  # as written; any octets
    target: MessageUrl | None  # None: it is no URL of a message of this server

@final
class AppendText:
    """CATENATE has come to octets of its own; answer with accept_literal() or refuse_literal()."""

    octets: int
    synchronizing: bool

@final
class AppendMessageEnd:
    """All parts of the message of a CATENATE are there."""

@final
class AppendEnd:
    """The APPEND is complete: commit all its messages."""

    tag: str

@final
class Line:
    data: bytes  # without its line end

@final
class Malformed:
    """A command that cannot be one. Already skipped; the connection goes on unless `fatal`.

    It may also end an APPEND that has begun: none of its messages may be kept (RFC 3502)."""

    tag: str | None
    message: str  # what was expected and where, for the client
    offset: int  # octet offset within the command
    too_big: bool  # a limit was exceeded: [TOOBIG] / [LIMIT]
    fatal: bool  # no way to find the next command

# ---- commands (RFC 9051 §6); mailbox names are decoded, INBOX is in upper case

@disjoint_base
class Command:
    tag: str
    name: str  # for logs and metrics: "UID FETCH"

@final
class Capability(Command): ...

@final
class Noop(Command): ...

@final
class Logout(Command): ...

@final
class StartTls(Command): ...

@final
class Compress(Command):
    """COMPRESS DEFLATE; there is no other algorithm (RFC 4978)."""

@final
class Unauthenticate(Command): ...

@final
class Language(Command):
    ranges: tuple[str, ...]  # language ranges (RFC 4647 §2), as sent; (): a list is asked for

@final
class Comparator(Command):
    wanted: tuple[str, ...]  # collations with direction and wildcards (RFC 4790 §3), as sent; (): which one is active

@final
class Check(Command): ...

@final
class Close(Command): ...

@final
class Unselect(Command): ...

@final
class Idle(Command): ...

@final
class Namespace(Command): ...

@final
class Id(Command):
    params: dict[str, str | None] | None

@final
class Authenticate(Command):
    mechanism: str  # upper case
    initial: bytes | None  # SASL-IR, base64 decoded ("=" gives b""); None: send a challenge

@final
class Login(Command):
    username: bytes
    password: bytes

@final
class Enable(Command):
    capabilities: tuple[str, ...]  # upper case

@final
class Select(Command):
    mailbox: str
    examine: bool
    condstore: bool
    qresync: Qresync | None

@final
class Qresync:
    """RFC 7162 §3.2.5."""

    uid_validity: int
    modseq: int
    known_uids: SequenceSet | None
    match_seqs: SequenceSet | None
    match_uids: SequenceSet | None

@final
class Create(Command):
    mailbox: str  # a trailing delimiter is already removed
    special_use: tuple[str, ...]  # "\\Sent"; RFC 6154 §3

@final
class Delete(Command):
    mailbox: str

@final
class Rename(Command):
    source: str
    target: str

@final
class Subscribe(Command):
    mailbox: str

@final
class Unsubscribe(Command):
    mailbox: str

@final
class List(Command):
    """LIST in its basic and its extended form (RFC 9051 §6.3.9, RFC 5258, 5819, 6154)."""

    reference: str
    patterns: tuple[str, ...]
    extended: bool
    select: frozenset[str]  # SUBSCRIBED REMOTE RECURSIVEMATCH SPECIAL-USE
    returns: frozenset[str]  # SUBSCRIBED CHILDREN SPECIAL-USE STATUS MYRIGHTS METADATA
    status: tuple[str, ...]  # items of RETURN (STATUS (...)), upper case, as in Status.items
    metadata: tuple[str, ...]  # entries of RETURN (METADATA (...)), as in GetMetadata.entries (RFC 9590)

@final
class Lsub(Command):
    reference: str
    pattern: str

@final
class Xlist(Command):
    """LIST in its basic form, answered with special uses as they were named before RFC 6154."""

    reference: str
    pattern: str

@final
class Status(Command):
    mailbox: str
    items: tuple[
        str, ...
    ]  # upper case: MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED DELETED-STORAGE SIZE HIGHESTMODSEQ
    # APPENDLIMIT MAILBOXID

@final
class GetQuota(Command):
    root: str

@final
class GetQuotaRoot(Command):
    mailbox: str

@final
class SetQuota(Command):
    root: str
    limits: tuple[tuple[str, int], ...]  # resources in upper case, as often as they were written

@final
class SetAcl(Command):
    """RFC 4314 §3.1."""

    mailbox: str
    identifier: str  # as sent
    op: str  # "set" | "add" | "remove"
    rights: str  # letters of RFC 4314 §2.1, and "c" and "d"; may be empty

@final
class DeleteAcl(Command):
    mailbox: str
    identifier: str

@final
class GetAcl(Command):
    mailbox: str

@final
class ListRights(Command):
    mailbox: str
    identifier: str

@final
class MyRights(Command):
    mailbox: str

@final
class GetMetadata(Command):
    """RFC 5464 §4.2."""

    mailbox: str  # "": the server
    entries: tuple[str, ...]  # lower case: "/shared/comment"
    max_octets: int | None
    depth: str  # "0" | "1" | "infinity"

@final
class SetMetadata(Command):
    mailbox: str  # "": the server
    values: tuple[tuple[str, bytes | None], ...]  # entry in lower case, its value; None removes it

@final
class Expunge(Command):
    uids: SequenceSet | None  # UID EXPUNGE

@final
class UidBatches(Command):
    """RFC 10022."""

    size: int
    batches: tuple[int, int] | None  # the first and the last wanted, as written; None: all

@final
class Search(Command):
    uid: bool
    returns: (
        frozenset[str] | None
    )  # None: plain SEARCH; else some of MIN MAX COUNT ALL PARTIAL SAVE CONTEXT UPDATE, ALL for RETURN () (RFC 9051 §6.4.4)
    partial: (
        tuple[int, int] | None
    )  # positions as written, negative from the end; PARTIAL is among `returns` then (RFC 9394)
    update: FetchPlan | None  # what to fetch of messages that UPDATE adds (RFC 5465 §7)
    program: SearchProgram
    def with_program(self, program: SearchProgram) -> Search: ...

@final
class Esearch(Command):
    """ESEARCH (RFC 7377); the other fields are those of Search, `uid` is always True."""

    sources: tuple[Filter, ...] | None  # None: the selected mailbox
    uid: bool
    returns: frozenset[str] | None
    partial: tuple[int, int] | None
    update: FetchPlan | None
    program: SearchProgram
    def with_program(self, program: SearchProgram) -> Esearch: ...

@final
class CancelUpdate(Command):
    tags: tuple[str, ...]  # of searches with UPDATE (RFC 5267 §4.3.5)

@final
class Notify(Command):
    """RFC 5465 §3.1."""

    status: bool  # STATUS of each mailbox first
    groups: tuple[EventGroup, ...] | None  # None: NOTIFY NONE

@final
class EventGroup:
    filter: Filter
    events: frozenset[str]  # upper case, also those nobody knows; empty: NONE
    attributes: FetchPlan | None  # of new messages of the selected mailbox

@final
class Filter:
    """Which mailboxes (RFC 5465 §6, RFC 7377 §2.2)."""

    kind: str  # SELECTED SELECTED-DELAYED INBOXES PERSONAL SUBSCRIBED SUBTREE SUBTREE-ONE MAILBOXES
    names: tuple[str, ...]  # of the last three; else empty

@final
class Sort(Command):
    """SORT (RFC 5256, RFC 5267 §3); the other fields are those of Search, `partial` of places in this order."""

    order: SortOrder
    uid: bool
    returns: frozenset[str] | None
    partial: tuple[int, int] | None
    update: FetchPlan | None
    program: SearchProgram  # with a charset
    def with_program(self, program: SearchProgram) -> Sort: ...

@final
class Thread(Command):
    uid: bool
    algorithm: str  # ORDEREDSUBJECT REFERENCES REFS
    program: SearchProgram  # with a charset
    def with_program(self, program: SearchProgram) -> Thread: ...

@final
class Fetch(Command):
    uid: bool
    set: SequenceSet
    plan: FetchPlan
    changed_since: int | None
    vanished: bool
    partial: tuple[int, int] | None  # as in Search; only with uid (RFC 9394 §3.3)

@final
class Store(Command):
    uid: bool
    set: SequenceSet
    op: str  # "set" | "add" | "remove"
    silent: bool
    flags: tuple[str, ...]
    unchanged_since: int | None

@final
class Copy(Command):
    uid: bool
    set: SequenceSet
    mailbox: str

@final
class Move(Command):
    uid: bool
    set: SequenceSet
    mailbox: str

Event: TypeAlias = (
    Command
    | Continue
    | AppendMessage
    | LiteralData
    | AppendUrl
    | AppendText
    | AppendMessageEnd
    | AppendEnd
    | Line
    | Malformed
)

# ---- opaque arguments, evaluated by _core.index

@final
class SequenceSet:
    """As the client wrote it: ranges with "*" unresolved, "$" (RFC 5182), or ranges and "$" behind them."""

    saved: bool  # "$" alone
    def __str__(self) -> str: ...

@final
class FetchPlan:
    """The items of a FETCH, and what answering them takes."""

    needs_summary: bool  # ENVELOPE, BODY, BODYSTRUCTURE, header fields, any section but the whole message
    needs_octets: bool  # octets of bodies beyond the message header
    sets_seen: bool  # some BODY[…], BINARY[…], RFC822, RFC822.TEXT without PEEK
    wants_modseq: bool
    def __or__(self, other: FetchPlan, /) -> FetchPlan:
        """The items of both, each once."""
    def __ror__(self, other: FetchPlan, /) -> FetchPlan: ...

@final
class SearchProgram:
    filters: tuple[str, ...]  # of FILTER keys the names as written, in their order, one for each (RFC 5466)
    charset: str | None
    needs_summary: bool  # header fields
    needs_octets: bool  # BODY, TEXT
    is_fuzzy: bool  # a FUZZY key: messages have scores (RFC 6203)
    uses_modseq: bool  # a MODSEQ key: the answer carries MODSEQ (RFC 7162 §3.1.5)
    uses_sequence_numbers: bool  # some key is a set of sequence numbers: no EXPUNGE or VANISHED may follow
    def filled(self, criteria: dict[str, bytes], limits: Limits) -> SearchProgram:
        """With criteria, which are by name in lower case, verbatim in the place of FILTER keys; other FILTER keys stay.
        A charset becomes UTF-8. Raises ValueError for criteria that are none, and for keys too deep inside each other."""

@final
class SortOrder:
    """The criteria of a SORT (RFC 5256, RFC 5957)."""

    needs_summary: bool  # some criterion compares a header field
    by_relevancy: bool  # some criterion is RELEVANCY (RFC 6203)

def check_criteria(text: Buffer, limits: Limits) -> None:
    """Raises ValueError, which says what was expected and where, for what is not `search-criteria` in UTF-8 (RFC 5466)."""

# ---- encoding

def mailbox_name(name: str, *, utf8: bool) -> bytes:
    """A mailbox as an astring on the wire: modified UTF-7 (RFC 3501 §5.1.3), or UTF-8 quoted when `utf8`."""

def string(octets: Buffer, *, utf8: bool) -> bytes:
    """Octets as a string on the wire: quoted, or a literal; literal8 where NUL is among them."""

def decode_utf7(data: Buffer) -> str:
    """Modified UTF-7 to text. Raises ValueError naming the offset."""
