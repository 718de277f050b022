"""Snapshot as Python sees it; its behaviour has properties in rust/index."""

from __future__ import annotations

import pytest

from lightmail._core.index import (
    FIRST_KEYWORD_BIT,
    MAX_KEYWORDS,
    SYSTEM_FLAGS,
    BadRow,
    BadSet,
    Snapshot,
    UidSet,
)
from tests.unit.core_index.rows import SEEN, row, sequence_set, snapshot


def test_names() -> None:
    assert SYSTEM_FLAGS == ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
    assert len(SYSTEM_FLAGS) == FIRST_KEYWORD_BIT
    assert MAX_KEYWORDS == 64 - FIRST_KEYWORD_BIT


def test_an_empty_mailbox() -> None:
    empty = Snapshot.empty()
    assert (len(empty), empty.uid_next, empty.highest_modseq, empty.first_unseen) == (0, 1, 1, 0)
    assert empty.resolve(sequence_set("1:*"), uid=True) == UidSet()
    assert empty.resolve(sequence_set("1:*"), uid=False) == UidSet()
    for refused in ("*", "1", "2:*", "1:2"):
        with pytest.raises(BadSet):
            empty.resolve(sequence_set(refused), uid=False)


def test_what_was_loaded_is_there() -> None:
    view = snapshot(row(9, size=5, flags=SEEN | 1 << 5, modseq=3), row(4, size=7), keywords=["$Work"])
    assert (len(view), view.unseen, view.deleted, view.size_octets, view.first_unseen) == (2, 1, 0, 12, 1)
    assert (view.keywords, view.uid_next, view.highest_modseq) == (("$Work",), 100, 9)
    assert list(view.uids()) == [4, 9]
    assert view.flags_of(9) == ("\\Seen", "$Work")
    assert view.flags_of(5) == ()
    assert (view.seq(9), view.seq(5)) == (2, 0)
    found = view.row(9)
    assert found is not None
    assert (found.uid, found.size, found.flags, found.modseq, found.body_id) == (9, 5, 40, 3, 9)
    assert view.row(5) is None
    assert [found.uid for found in view.rows(UidSet([4, 5, 9]))] == [4, 9]
    assert view.body_ids(UidSet([9, 4])) == [4, 9]
    assert view.recent_count(5) == 1
    assert view.memory_octets > 100


def test_blocks_may_be_text_or_octets() -> None:
    view = Snapshot.load([row(1), row(2).encode(), ""], keywords=(), uid_next=3, highest_modseq=1)
    assert list(view.uids()) == [1, 2]


def test_a_bad_row_is_named() -> None:
    with pytest.raises(BadRow, match=r"^block 1, line 2: "):
        Snapshot.load([row(1), row(2) + "x\n"], keywords=[], uid_next=3, highest_modseq=1)


def test_the_highest_keyword_bit_is_the_sign() -> None:
    view = snapshot(row(1, flags=-(2**63)), keywords=[f"k{n}" for n in range(MAX_KEYWORDS)])
    assert view.flags_of(1) == ("k58",)
    assert view.flagged(1 << 63) == UidSet([1])


def test_questions() -> None:
    view = snapshot(row(1, flags=SEEN, modseq=2), row(2, modseq=5), row(3, flags=SEEN | 1, modseq=7))
    assert view.flagged(SEEN) == UidSet([1, 3])
    assert view.flagged(0, without=SEEN) == UidSet([2])
    assert view.flagged(SEEN, within=UidSet([2, 3])) == UidSet([3])
    assert view.changed_since(4) == UidSet([2, 3])
    assert view.changed_since(4, UidSet([3, 8])) == UidSet([3])
    assert view.max_modseq(UidSet([1, 2])) == 5
    assert view.max_modseq(UidSet()) == 0
    assert bytes(view.seqs(UidSet([2, 3, 4]))) == b"2:3"


def test_sets() -> None:
    view = snapshot(row(10), row(20), row(30))
    assert view.resolve(sequence_set("2:*"), uid=False) == UidSet([20, 30])
    assert view.resolve(sequence_set("25:*"), uid=True) == UidSet([30])
    assert view.resolve(sequence_set("99:*"), uid=True) == UidSet([30])
    assert view.resolve(sequence_set("$"), uid=False, saved=UidSet([20, 21])) == UidSet([20])
    with pytest.raises(BadSet):
        view.resolve(sequence_set("$"), uid=False)
    with pytest.raises(BadSet):
        view.resolve(sequence_set("4"), uid=False)
    assert view.qresync_match(sequence_set("1:2"), sequence_set("10,20")) == 20
    assert view.qresync_match(sequence_set("1:2"), sequence_set("10,21")) == 10


def test_fetch_flags() -> None:
    view = snapshot(row(1), row(5, flags=SEEN, modseq=4))
    uids = UidSet([5, 6])
    assert view.fetch_flags(uids, uid=False, modseq=False, recent_from=1, rev2=False) == (
        b"* 2 FETCH (FLAGS (\\Recent \\Seen))\r\n"
    )
    assert view.fetch_flags(uids, uid=True, modseq=True, recent_from=1, rev2=True) == (
        b"* 2 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (4))\r\n"
    )


def test_a_change_and_what_is_told_of_it() -> None:
    old = snapshot(row(1), row(2), row(3))
    new = old.apply(
        [row(3, flags=SEEN, modseq=10), row(4, modseq=10)],
        UidSet([1]),
        keywords=[],
        uid_next=5,
        highest_modseq=10,
    )
    assert list(old.uids()) == [1, 2, 3]
    view, told = old.advance(new, expunge=True, uid=False, modseq=False, vanished=False, recent_from=4, rev2=False)
    assert told == b"* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 1 RECENT\r\n* 2 FETCH (FLAGS (\\Seen))\r\n"
    assert view is new

    # EXPUNGE may not be told: the message stays, and is told later (RFC 9051 §7.5.1).
    view, told = old.advance(new, expunge=False, uid=True, modseq=True, vanished=True, recent_from=9, rev2=True)
    assert told == b"* 4 EXISTS\r\n* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (10))\r\n"
    assert (list(view.uids()), view.highest_modseq, view.uid_next) == ([1, 2, 3, 4], 10, 5)
    view, told = view.advance(new, expunge=True, uid=True, modseq=True, vanished=True, recent_from=9, rev2=True)
    assert told == b"* VANISHED 1\r\n"
    assert view is new
    assert new.advance(new, expunge=True, uid=True, modseq=True, vanished=True, recent_from=1, rev2=True) == (new, b"")


def test_silent_changes() -> None:
    """RFC 7162 §3.1.3: with CONDSTORE even .SILENT tells the MODSEQ."""
    old = snapshot(row(1), row(2))
    new = old.apply(
        [row(1, flags=SEEN, modseq=10), row(2, flags=SEEN, modseq=10)],
        UidSet(),
        keywords=[],
        uid_next=5,
        highest_modseq=10,
    )
    silent = UidSet([1])
    _, told = old.advance(
        new, expunge=True, uid=False, modseq=False, vanished=False, recent_from=9, rev2=True, silent=silent
    )
    assert told == b"* 2 FETCH (FLAGS (\\Seen))\r\n"
    _, told = old.advance(
        new, expunge=True, uid=True, modseq=True, vanished=False, recent_from=9, rev2=True, silent=silent
    )
    assert told == b"* 1 FETCH (UID 1 MODSEQ (10))\r\n* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (10))\r\n"
