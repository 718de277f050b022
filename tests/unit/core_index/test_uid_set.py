"""UidSet as Python sees it; its algebra has properties in rust/index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightmail._core.index import UidSet

_uids = st.sets(st.integers(1, 60))


@given(_uids, _uids)
def test_behaves_as_a_set(a: set[int], b: set[int]) -> None:
    x, y = UidSet(a), UidSet(b)
    assert list(x) == sorted(a)
    assert len(x) == len(a)
    assert bool(x) == bool(a)
    assert list(x | y) == sorted(a | b)
    assert list(x & y) == sorted(a & b)
    assert list(x - y) == sorted(a - b)
    assert (x == y) == (a == b)
    assert UidSet.from_ranges(x.ranges()) == x
    assert hash(UidSet.from_ranges(x.ranges())) == hash(x)
    assert (x.first, x.last) == ((min(a), max(a)) if a else (0, 0))
    assert all((uid in x) == (uid in a) for uid in range(61))


@given(_uids, st.integers(1, 70), st.integers(1, 70))
def test_windows(uids: set[int], first: int, last: int) -> None:
    """RFC 9394 §3.1: positions from the first or from the last, in either order; those beyond the end name nothing."""
    low, high = sorted((first, last))
    ascending = sorted(uids)
    assert list(UidSet(uids).window(first, last)) == ascending[low - 1 : high]
    assert list(UidSet(uids).window(-first, -last)) == sorted(ascending[::-1][low - 1 : high])


@pytest.mark.parametrize("window", [(0, 1), (1, 0), (-1, 1), (1, -1)])
def test_no_windows(window: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="window"):
        UidSet([1]).window(*window)


def test_wire_forms() -> None:
    uids = UidSet([5, 1, 2, 3])
    assert bytes(uids) == b"1:3,5"
    assert uids.spaced() == b"1 2 3 5"
    assert repr(uids) == "UidSet(1:3,5)"
    assert bytes(UidSet()) == b""


def test_large_ranges_are_not_spelled_out() -> None:
    everything = UidSet.from_ranges([(1, 2**32 - 1)])
    assert len(everything) == 2**32 - 1
    assert next(iter(everything)) == 1
    assert bytes(everything - UidSet([7])) == b"1:6,8:4294967295"


@pytest.mark.parametrize("uid", [0, -1, 2**32, "1"])
def test_what_is_no_uid(uid: object) -> None:
    with pytest.raises((ValueError, OverflowError, TypeError)):
        UidSet([uid])  # type: ignore[list-item]
    assert uid not in UidSet([1])  # type: ignore[operator]
    assert UidSet([1]) != uid
