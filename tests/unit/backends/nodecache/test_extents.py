"""Extents as files, and which of them answer for a range."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightmail.backends.nodecache.cover import WORTH_A_REQUEST_OCTETS, Cover, gaps_between, pieces, with_few_gaps
from lightmail.backends.nodecache.extents import BLOCK_OCTETS, Damaged, Extent, extent_of, head_of, read_extent
from tests.unit.backends.nodecache.house import (
    noise,
)


@given(octets=st.integers(0, 3 * BLOCK_OCTETS), start=st.integers(0, 2**40), last=st.booleans(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_range_of_an_extent(octets: int, start: int, last: bool, data: st.DataObject) -> None:
    content = noise(octets)
    begin = data.draw(st.integers(max(0, start - 10), start + octets + 10))
    end = data.draw(st.integers(begin, start + octets + 10))
    fd = os.memfd_create("extent")
    try:
        os.write(fd, head_of(start, content, last=last) + content)
        extent = Extent(start, start + octets, last)
        assert extent_of(fd) == extent
        assert read_extent(fd, begin, end) == (extent, content[max(0, begin - start) : max(0, end - start)])
    finally:
        os.close(fd)


@given(octets=st.integers(1, 2 * BLOCK_OCTETS), data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_flipped_bit_is_noticed(octets: int, data: st.DataObject) -> None:
    content = noise(octets)
    whole = bytearray(head_of(7, content, last=False) + content)
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    fd = os.memfd_create("extent")
    try:
        os.write(fd, whole)
        with pytest.raises(Damaged):
            read_extent(fd, 0, 2**40)
    finally:
        os.close(fd)


ranges = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)


@given(have=st.lists(ranges, max_size=6), size=st.integers(0, 60), end_known=st.booleans(), asked=ranges)
def test_pieces_and_gaps_make_the_range(
    have: Sequence[Sequence[int]], size: int, end_known: bool, asked: Sequence[int]
) -> None:
    extents = [Extent(min(a, size), min(b, size), end_known and b >= size) for a, b in have if a < size and a < b]
    start, end = asked
    found, stop = pieces(extents, start, end)
    covered = [octet for _, begin, until in found for octet in range(begin, until)]
    assert all(extent.start <= begin < until <= extent.end for extent, begin, until in found)
    assert covered == sorted(set(covered)), "ascending, and nothing twice"
    here = {octet for extent in extents for octet in range(extent.start, extent.end)}
    assert set(covered) == here & set(range(start, end)), "all that can be had"
    known_end = any(extent.last for extent in extents)
    assert stop == (max(start, min(end, size)) if known_end else end)
    gaps = gaps_between([(begin, bytes(until - begin)) for _, begin, until in found], start, stop)
    assert {octet for begin, until in gaps for octet in range(begin, until)} == set(range(start, stop)) - set(covered)


def test_gaps_with_much_between_them_stay_two() -> None:
    for between, gaps in (
        (WORTH_A_REQUEST_OCTETS, [(0, 10), (10 + WORTH_A_REQUEST_OCTETS, 500_000)]),
        (WORTH_A_REQUEST_OCTETS - 1, [(0, 500_000)]),
    ):
        parts = [(10, bytes(between))]
        cover = with_few_gaps(Cover(0, 500_000, parts, gaps_between(parts, 0, 500_000)))
        assert cover.gaps == gaps
        assert cover.parts == (parts if len(gaps) == 2 else [])
