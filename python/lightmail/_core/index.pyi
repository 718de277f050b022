"""Mailbox snapshots, sequence sets, FETCH rendering, SEARCH evaluation. No I/O.

Rows cross as text, one message a line, so that neither a driver nor Python touches a row at a time
(SQLite and MySQL both build it with GROUP_CONCAT; see MESSAGE_ROW in lightmail/ports/metadata.py):

    uid size flags modseq body_id internaldate internaldate_zone savedate sent_date sent_zone\\n

all decimal, times in seconds UTC, zones in minutes east; flags is the 64-bit set as a signed integer
(bit 0 \\Answered, 1 \\Flagged, 2 \\Deleted, 3 \\Seen, 4 \\Draft, 5.. the mailbox's keywords in order).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import final

from typing_extensions import Buffer

from .imap import FetchPlan, SearchProgram, SequenceSet, SortOrder

SYSTEM_FLAGS: tuple[str, ...]  # by bit
FIRST_KEYWORD_BIT: int
MAX_KEYWORDS: int  # 59

class BadSet(ValueError):
    """A sequence number outside the mailbox (BAD, RFC 9051 §6.4), or "$" with nothing saved."""

class BadCharset(ValueError):
    """NO [BADCHARSET (...)] (RFC 9051 §6.4.4)."""

class BadRow(ValueError):
    """A packed row that is not one; names block and line."""

@final
class UidSet:
    """An immutable ascending set of UIDs, kept as ranges."""
    def __new__(cls, uids: Iterable[int] = ()) -> UidSet: ...
    @staticmethod
    def from_ranges(ranges: Iterable[tuple[int, int]]) -> UidSet: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __contains__(self, uid: int, /) -> bool: ...
    def __iter__(self) -> Iterator[int]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __bytes__(self) -> bytes:
        """The wire form: b"1:3,5"; b"" when empty."""
    def spaced(self) -> bytes:
        """Every number by itself: b"1 2 3 5" (the SEARCH response)."""
    def __or__(self, other: UidSet, /) -> UidSet: ...
    def __and__(self, other: UidSet, /) -> UidSet: ...
    def __sub__(self, other: UidSet, /) -> UidSet: ...
    def __ror__(self, other: UidSet, /) -> UidSet: ...
    def __rand__(self, other: UidSet, /) -> UidSet: ...
    def __rsub__(self, other: UidSet, /) -> UidSet: ...
    def window(self, first: int, last: int) -> UidSet:
        """Those at these positions, ends included, in either order: from 1, or from -1, the last, backwards (RFC 9394).
        Positions beyond the set name nothing. Raises ValueError for 0 and for signs that differ."""
    def ranges(self) -> list[tuple[int, int]]: ...
    @property
    def first(self) -> int:
        """0 when empty."""
    @property
    def last(self) -> int:
        """0 when empty."""

@final
class Snapshot:
    """An immutable state of one mailbox: columns in shared chunks of about 1,000 messages."""
    @staticmethod
    def empty() -> Snapshot: ...
    @staticmethod
    def load(blocks: Sequence[str | bytes], *, keywords: Sequence[str], uid_next: int, highest_modseq: int) -> Snapshot:
        """Raises BadRow. Rows may come in any order. Releases the GIL."""
    def apply(
        self,
        blocks: Sequence[str | bytes],
        expunged: UidSet,
        *,
        keywords: Sequence[str],
        uid_next: int,
        highest_modseq: int,
    ) -> Snapshot:
        """A new snapshot with these rows added or replaced and these UIDs gone; untouched chunks are shared."""
    def __len__(self) -> int: ...
    @property
    def keywords(self) -> tuple[str, ...]: ...
    @property
    def uid_next(self) -> int: ...
    @property
    def highest_modseq(self) -> int: ...
    @property
    def unseen(self) -> int: ...
    @property
    def deleted(self) -> int: ...
    @property
    def size_octets(self) -> int:
        """Sum of RFC822.SIZE."""
    @property
    def memory_octets(self) -> int: ...
    @property
    def first_unseen(self) -> int:
        """Sequence number of the first message without \\Seen; 0 when there is none."""
    def uids(self) -> UidSet: ...
    def recent_count(self, recent_from: int) -> int:
        """Messages with uid >= recent_from."""
    def flagged(self, bits: int, *, within: UidSet | None = None, without: int = 0) -> UidSet:
        """UIDs that have all flags of `bits` and none of `without`."""
    def changed_since(self, modseq: int, within: UidSet | None = None) -> UidSet:
        """UIDs with a greater MODSEQ."""
    def max_modseq(self, uids: UidSet) -> int: ...
    def resolve(self, set: SequenceSet, *, uid: bool, saved: UidSet | None = None) -> UidSet:
        """UIDs of existing messages. "*" is the last message; "n:*" beyond the end includes it (RFC 9051 §9 seq-range).
        Raises BadSet for a sequence number that does not exist (never for UIDs), and for "$" when saved is None."""
    def lasting(self, program: SearchProgram, *, saved: UidSet | None = None) -> SearchProgram:
        """The same search, to be asked again later: sequence numbers, "$" and "*" are settled as UIDs (RFC 5267 §4.3).
        Raises BadSet as SearchRun does."""
    def scope(self, program: SearchProgram, *, saved: UidSet | None = None) -> UidSet:
        """The messages that a search has to look at, by its sets of numbers and UIDs alone (RFC 9738 §3.1).
        Raises BadSet for "$" when saved is None."""
    def batches(self, size: int, first: int, last: int) -> list[tuple[int, int]]:
        """Batches of `size` messages from the last message down, those numbered first to last from 1, as (greatest, least)
        UID: without a gap, the last one down to 1 (RFC 10022)."""
    def seqs(self, uids: UidSet) -> UidSet:
        """Sequence numbers of these UIDs, as a set of numbers (wire form by bytes())."""
    def seq(self, uid: int) -> int:
        """0 when there is no such message."""
    def flags_of(self, uid: int) -> tuple[str, ...]:
        """For tests and for looking at a mailbox by hand."""
    def row(self, uid: int) -> Row | None: ...
    def rows(self, uids: UidSet) -> list[Row]: ...
    def body_ids(self, uids: UidSet) -> list[int]:
        """In UID order."""
    def fetch_flags(
        self, uids: UidSet, *, uid: bool, modseq: bool, recent_from: int, rev2: bool, uid_only: bool = False
    ) -> bytes:
        """Untagged FETCH responses with FLAGS (UID, MODSEQ) of these messages: what a STORE answers where nothing
        has changed (RFC 9051 §6.4.6). UIDs that are not here are skipped."""
    def qresync_match(self, seqs: SequenceSet, uids: SequenceSet) -> int:
        """RFC 7162 §3.2.5.2: the highest UID up to which the client's (sequence, UID) pairs still hold; 0 when none."""
    def advance(
        self,
        new: Snapshot,
        *,
        expunge: bool,
        uid: bool,
        modseq: bool,
        vanished: bool,
        recent_from: int,
        rev2: bool,
        silent: UidSet | None = None,
        uid_only: bool = False,
    ) -> tuple[Snapshot, bytes]:
        """What the client that knows `self` must be told to know `new`, and what it then knows.

        expunge: EXPUNGE may be announced now; otherwise messages that are gone stay in the returned view.
        uid: FETCH responses carry UID. modseq: and MODSEQ (CONDSTORE on). vanished: VANISHED instead of EXPUNGE
        (QRESYNC on). recent_from: RECENT counts uid >= it. rev2: neither RECENT nor \\Recent is sent.
        silent: messages whose change was the client's own STORE .SILENT, not told, but for MODSEQ when `modseq`.
        uid_only: UIDFETCH instead of FETCH (RFC 9586); goes with `vanished`.
        Order: EXPUNGE/VANISHED, EXISTS, RECENT, FETCH. Untouched chunks are skipped by identity.
        Source: RFC 9051 §7.5.1, §7.4.1; RFC 7162 §3.2.
        """

@final
class Row:
    uid: int
    size: int
    flags: int
    modseq: int
    body_id: int
    internaldate: int
    internaldate_zone: int
    savedate: int
    sent_date: int
    sent_zone: int

@final
class SummaryCache:
    """Summaries by body id, bounded by octets, least recently used out first. Shared by all sessions of a process."""
    def __new__(cls, max_octets: int) -> SummaryCache: ...
    def insert(self, rows: Iterable[tuple[int, bytes, bytes, bytes, bytes, str]]) -> None:
        """Rows of (body_id, header, envelope, bodystructure, parts, preview). Raises ValueError for a part table that is
        none."""
    def __contains__(self, body_id: int, /) -> bool: ...
    def __len__(self) -> int: ...
    @property
    def octets(self) -> int: ...
    @property
    def hits(self) -> int: ...
    @property
    def misses(self) -> int: ...

@final
class BodySlot:
    """A place in a response that the writer fills from the body store, `octets` long on the wire."""

    uid: int
    body_id: int
    start: int  # raw octet range to read
    raw_octets: int
    octets: int  # octets on the wire (after `decode` and `skip`)
    decode: str | None  # None | "base64" | "quoted-printable": undone while streaming (BINARY)
    skip: int  # decoded octets to drop first (BINARY partial)

@final
class SlotDecoder:
    """Undoes the transfer encoding of a BodySlot while it streams; yields exactly `slot.octets` octets in all."""
    def __new__(cls, slot: BodySlot) -> SlotDecoder: ...
    def feed(self, data: Buffer) -> bytes: ...
    def finish(self) -> bytes: ...

@final
class OctetNeed:
    """Octets that must be read before a message can be rendered (header fields of an inner message)."""

    body_id: int
    start: int
    octets: int

@final
class FetchRun:
    """One FETCH command under way: untagged FETCH responses, in windows, in sequence order or backwards."""
    def __new__(
        cls,
        plan: FetchPlan,
        view: Snapshot,
        uids: UidSet,
        *,
        uid: bool,  # UID FETCH: UID is always included
        modseq: bool,  # include MODSEQ in each response (CHANGEDSINCE, or plan.wants_modseq)
        recent_from: int,
        rev2: bool,
        flags_for: UidSet | None = None,  # messages whose FLAGS are added because \\Seen was just set
        utf8: bool = False,
        uid_only: bool = False,
        backwards: bool = False,  # from the last message to the first (RFC 9738 §3.1)
    ) -> FetchRun: ...
    @property
    def done(self) -> bool: ...
    def missing(self, cache: SummaryCache, messages: int) -> list[int]:
        """Body ids among the next `messages` whose summaries are not in the cache, fewer of large messages at a time;
        [] when none are needed.
        """
    def needs(self, cache: SummaryCache, messages: int) -> list[OctetNeed]:
        """Octets to read and to offer() before these messages can be rendered; nearly always []."""
    def offer(self, need: OctetNeed, octets: Buffer) -> None: ...
    def render(self, cache: SummaryCache, *, messages: int, max_octets: int) -> list[bytes | BodySlot]:
        """The next responses, at most about max_octets of them (slots not counted) and at most `messages` messages.
        Stops before a message whose summary or needed octets are missing. [] when nothing could be rendered.
        Raises mime.UnknownEncoding (BINARY of an unknown Content-Transfer-Encoding) after what came before it."""
    def section(self, cache: SummaryCache) -> list[bytes | BodySlot] | None:
        """The octets of the sections of the next message, without the response around them (RFC 4469 §3); None when
        there is no message, or no such section. Raises LookupError while missing() or needs() name something."""

COLLATIONS: tuple[str, ...]
"""Their identifiers (RFC 4790), the default first, the widely useful before the others."""

@final
class SearchRun:
    """One SEARCH under way, cheapest criteria first: columns, then summaries, then octets of bodies."""
    def __new__(
        cls,
        program: SearchProgram,
        view: Snapshot,
        *,
        saved: UidSet | None,
        recent_from: int,
        now_s: int | None = None,
        within: UidSet | None = None,
        collation: str = "i;unicode-casemap",
    ) -> SearchRun:
        """within: only these are looked at. collation: how texts are compared, one of COLLATIONS.
        Decides all that the columns can decide. now_s: what YOUNGER and OLDER count from; ValueError without it.
        Raises BadCharset (also for a string that is no text in the charset), BadSet ("$" with nothing saved; a sequence
        number that does not exist matches nothing here)."""
    def missing_summaries(self, cache: SummaryCache, messages: int) -> list[int]:
        """Body ids (at most `messages`, fewer of large ones) still undecided that need a summary not in the cache."""
    @property
    def pending(self) -> int:
        """How many messages are not decided yet, at most."""
    def use_summaries(self, cache: SummaryCache, messages: int | None = None) -> None:
        """Decides what the summaries now in the cache can decide. Call until missing_summaries is [].

        messages: look at so many at most, the next ones, and release the GIL; call it off the loop thread."""
    def wanted_bodies(self, messages: int) -> list[tuple[int, int]]:
        """(body_id, octets) (at most `messages`) of messages still undecided that need their octets."""
    def use_bodies(self, cache: SummaryCache, bodies: Sequence[tuple[int, Buffer]]) -> None:
        """Decides these with their raw octets, and part tables where the cache has them. Releases the GIL; call it
        off the loop thread."""
    @property
    def done(self) -> bool: ...
    def result(self) -> UidSet:
        """UIDs that match. Raises RuntimeError when not done."""
    def scores(self) -> Scores:
        """Raises RuntimeError when not done, or when no key is FUZZY."""

@final
class Scores:
    """How well messages match a search with a FUZZY key, 1 to 100 (RFC 6203 §4). Immutable."""
    def of(self, uids: UidSet | UidList) -> bytes:
        """b"(4 99 42)": of these messages in this order, without those that were not found."""

@final
class UidList:
    """Numbers, UIDs or sequence numbers, in an order of their own; each once. Immutable."""
    def __len__(self) -> int: ...
    def __getitem__(self, place: int, /) -> int:
        """Also from the end, as with lists. Raises IndexError."""
    def __iter__(self) -> Iterator[int]: ...
    def __bytes__(self) -> bytes:
        """A sequence-set in this order; ranges ascend (RFC 5267 §3.2): b"7,6,1:3"; b"" when empty."""
    def spaced(self) -> bytes:
        """b"7 6 1 2 3" (the SORT response)."""
    def as_set(self) -> UidSet: ...
    def seqs(self, view: Snapshot) -> UidList:
        """The sequence numbers of these UIDs; without those that are not in the view."""
    def without(self, gone: UidSet) -> UidList: ...
    def places(self, uids: UidSet, *, last_first: bool, view: Snapshot | None = None) -> bytes:
        """Those of `uids` with their places from 1, neighbours together, as ADDTO names them: b"1 2733 4 2731:2732".
        last_first: as REMOVEFROM names them, so that no removal moves the next one (RFC 5267 §4.3.3, §4.3.4).
        view: sequence numbers of it instead of UIDs."""
    def window(self, first: int, last: int) -> UidList:
        """As `UidSet.window`, of places in this order."""

@final
class KeyCache:
    """What SORT and THREAD compare of bodies, by body id; bounded by octets, what was not used for long goes first."""
    def __new__(cls, max_octets: int) -> KeyCache: ...
    def __len__(self) -> int: ...
    @property
    def octets(self) -> int: ...

@final
class OrderRun:
    """Messages to be ordered, until their keys are known.

    run.use_keys(keys)
    while not run.done: fill the summaries of run.missing_summaries(...); run.use_summaries(...)
    """
    def __new__(
        cls, view: Snapshot, found: UidSet, *, with_keys: bool, collation: str = "i;unicode-casemap"
    ) -> OrderRun:
        """with_keys: header fields are compared, not dates and sizes alone. collation: how, one of COLLATIONS."""
    def __len__(self) -> int: ...
    @property
    def done(self) -> bool: ...
    def use_keys(self, keys: KeyCache) -> None:
        """Takes the keys that are known; of other collations than the default none are."""
    def missing_summaries(self, summaries: SummaryCache, messages: int) -> list[int]:
        """Body ids (at most `messages`, fewer of large ones) whose keys and summary are not known."""
    def use_summaries(self, summaries: SummaryCache, keys: KeyCache) -> None:
        """Makes keys of the summaries that are in the cache, and keeps those of the default collation.
        Releases the GIL; call it off the loop thread when there are many."""
    def sort(self, order: SortOrder, scores: Scores | None = None, descending: bool = False) -> UidList:
        """Equal messages in the order of the mailbox. scores: of the messages, where the order is by RELEVANCY.
        descending: texts the other way round. Raises RuntimeError when not done, or without scores where they are
        needed."""
    def thread(self, algorithm: str, numbers: Snapshot | None = None) -> bytes:
        """What stands behind "THREAD " (RFC 5256 §4): ORDEREDSUBJECT, REFERENCES or REFS. numbers: the view whose
        sequence numbers are told; None: UIDs. Raises RuntimeError when not done or made without keys."""
