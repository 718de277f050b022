"""FetchRun, SummaryCache and SlotDecoder as Python sees them; rendering has properties in rust/index."""

from __future__ import annotations

import pytest

from lightmail._core.index import BodySlot, FetchRun, SearchRun, SlotDecoder, Snapshot, SummaryCache, UidSet
from lightmail._core.mime import UnknownEncoding
from tests.unit.core_index.rows import fetch_plan, row, search_program, snapshot, summaries

_PLAIN = b"Subject: one\r\nFrom: a@example.org\r\n\r\nbody\r\n"
_BASE64 = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQF\r\nBgcICQ==\r\n"
_ODD = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-odd\r\n\r\nabc"
_OUTER = b"Subject: outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nTo: b@example.org\r\n\r\ninner body"
_MESSAGES = {1: _PLAIN, 2: _BASE64, 3: _ODD, 4: _OUTER}


def _view() -> Snapshot:
    return snapshot(*(row(uid, size=len(raw)) for uid, raw in _MESSAGES.items()))


def _run(items: str, *uids: int, flags_for: UidSet | None = None) -> FetchRun:
    return FetchRun(
        fetch_plan(items),
        _view(),
        UidSet(uids),
        uid=True,
        modseq=False,
        recent_from=9,
        rev2=True,
        flags_for=flags_for,
    )


def test_columns_need_no_summaries() -> None:
    cache = SummaryCache(0)
    run = _run("FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]<4.4>", 1)
    assert run.missing(cache, 10) == []
    before, slot, after = run.render(cache, messages=10, max_octets=1000)
    assert before == (
        b'* 1 FETCH (UID 1 FLAGS () INTERNALDATE "14-Nov-2023 22:13:20 +0000" RFC822.SIZE %d BODY[]<4> {4}\r\n'
        % len(_PLAIN)
    )
    assert isinstance(slot, BodySlot)
    assert (slot.uid, slot.body_id, slot.start, slot.raw_octets, slot.octets) == (1, 1, 4, 4, 4)
    assert (slot.decode, slot.skip) == (None, 0)
    assert after == b")\r\n"
    assert run.done
    assert run.render(cache, messages=10, max_octets=1000) == []


def test_summaries_that_may_be_long_are_asked_for_a_few_at_a_time() -> None:
    """Hostile mail has headers of a mebibyte: 64 of these in one answer, and not 500 (law 7)."""
    cache = SummaryCache(1 << 20)
    many = range(1, 501)
    for size, together in ((1 << 30, 64), (1 << 20, 64), (100_000, 500)):
        view = snapshot(*(row(uid, size=size) for uid in many))
        run = FetchRun(fetch_plan("ENVELOPE"), view, UidSet(many), uid=True, modseq=False, recent_from=1, rev2=True)
        assert run.missing(cache, 500) == list(range(1, together + 1))
    view = snapshot(*(row(uid, size=1 << 20) for uid in many))
    search = SearchRun(search_program("SUBJECT x"), view, saved=None, recent_from=1)
    assert search.missing_summaries(cache, 1_000) == list(range(1, 65))


def test_summaries_in_windows() -> None:
    cache = SummaryCache(1 << 20)
    run = _run("BODY.PEEK[HEADER.FIELDS (Subject)]", 1, 2, 4, 77)
    assert run.missing(cache, 2) == [1, 2]
    assert run.render(cache, messages=10, max_octets=1000) == []
    cache = summaries({1: _PLAIN, 2: _BASE64})
    assert run.missing(cache, 2) == []
    assert run.missing(cache, 3) == [4]
    (octets,) = run.render(cache, messages=10, max_octets=1000)
    assert octets == (
        b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (Subject)] {16}\r\nSubject: one\r\n\r\n)\r\n"
        b"* 2 FETCH (UID 2 BODY[HEADER.FIELDS (Subject)] {2}\r\n\r\n)\r\n"
    )
    assert not run.done


def test_flags_that_were_just_set() -> None:
    run = _run("BODY[HEADER]", 1, 2, flags_for=UidSet([1]))
    (octets,) = run.render(summaries(_MESSAGES), messages=1, max_octets=1000)
    assert isinstance(octets, bytes)
    assert octets.startswith(b"* 1 FETCH (UID 1 FLAGS () BODY[HEADER] {")
    (octets,) = run.render(summaries(_MESSAGES), messages=1, max_octets=1000)
    assert isinstance(octets, bytes)
    assert octets.startswith(b"* 2 FETCH (UID 2 BODY[HEADER] {")


def test_fields_of_an_inner_header() -> None:
    cache = summaries(_MESSAGES)
    run = _run("BODY.PEEK[1.HEADER.FIELDS (To)]", 4)
    assert run.render(cache, messages=1, max_octets=1000) == []
    (need,) = run.needs(cache, 1)
    assert need.body_id == 4
    octets = _OUTER[need.start : need.start + need.octets]
    assert octets.startswith(b"Subject: inner")
    run.offer(need, octets)
    assert run.needs(cache, 1) == []
    assert run.render(cache, messages=1, max_octets=1000) == [
        b"* 4 FETCH (UID 4 BODY[1.HEADER.FIELDS (To)] {21}\r\nTo: b@example.org\r\n\r\n)\r\n"
    ]


def test_binary_is_decoded_while_it_streams() -> None:
    run = _run("BINARY.PEEK[1]<3.5> BINARY.SIZE[1]", 2)
    before, slot, after = run.render(summaries(_MESSAGES), messages=1, max_octets=1000)
    assert before == b"* 2 FETCH (UID 2 BINARY[1]<3> ~{5}\r\n"
    assert after == b" BINARY.SIZE[1] 10)\r\n"
    assert isinstance(slot, BodySlot)
    assert (slot.decode, slot.skip, slot.octets) == ("base64", 3, 5)
    decoder = SlotDecoder(slot)
    raw = _BASE64[slot.start : slot.start + slot.raw_octets]
    octets = b"".join(decoder.feed(raw[at : at + 3]) for at in range(0, len(raw), 3)) + decoder.finish()
    assert octets == bytes([3, 4, 5, 6, 7])


def test_an_unknown_encoding_is_raised_after_what_came_before() -> None:
    run = _run("BINARY.SIZE[1]", 1, 3)
    cache = summaries(_MESSAGES)
    assert run.render(cache, messages=10, max_octets=1000) == [b"* 1 FETCH (UID 1 BINARY.SIZE[1] 6)\r\n"]
    with pytest.raises(UnknownEncoding):
        run.render(cache, messages=10, max_octets=1000)


def test_the_cache_counts() -> None:
    cache = summaries(_MESSAGES)
    assert len(cache) == 4
    assert 1 in cache
    assert 9 not in cache
    assert cache.octets > sum(map(len, _MESSAGES.values()))
    run = _run("ENVELOPE", 1, 2)
    run.missing(cache, 10)
    assert (cache.hits, cache.misses) == (2, 0)
    small = summaries(_MESSAGES, max_octets=1)
    assert len(small) == 1
    run.missing(small, 10)
    assert (small.hits, small.misses) == (0, 2)


def test_a_summary_that_is_none_is_refused() -> None:
    cache = SummaryCache(1000)
    with pytest.raises(ValueError, match="summary of body 7"):
        cache.insert([(7, b"", b"()", b"()", b"\xff", "")])
    assert 7 not in cache
