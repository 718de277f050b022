"""Which extents answer for a range, and what has to be fetched beside them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lightmail.backends.nodecache.extents import Extent

WORTH_A_REQUEST_OCTETS = 131_072
"""What is at hand between two gaps is fetched again with them when it is shorter than this."""


@dataclass(slots=True)
class Cover:
    """Of [start, end): `parts` at hand with where they start, ascending, and `gaps` as (start, end) between them."""

    start: int
    end: int
    """Not beyond the end of the object, where that is known."""
    parts: list[tuple[int, bytes]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.gaps


def pieces(extents: Iterable[Extent], start: int, end: int) -> tuple[list[tuple[Extent, int, int]], int]:
    """(extent, start, end) in ascending order, without overlap, each taken from the extent that reaches farthest;
    and the end of the range, which the end of the object may cut short.
    """
    known = sorted(extents)
    for extent in known:
        if extent.last:
            end = min(end, extent.end)
    found: list[tuple[Extent, int, int]] = []
    at, index = start, 0
    while at < end:
        best: Extent | None = None
        while index < len(known) and known[index].start <= at:
            if known[index].end > at and (best is None or known[index].end > best.end):
                best = known[index]
            index += 1
        if best is not None:
            found.append((best, at, min(best.end, end)))
            at = best.end
            # Those that begin inside it may reach farther.
            continue
        if index == len(known):
            break
        at = known[index].start
    return found, max(start, end)


def gaps_between(parts: Sequence[tuple[int, bytes]], start: int, end: int) -> list[tuple[int, int]]:
    """What of [start, end) the parts leave open."""
    gaps = []
    at = start
    for begin, octets in parts:
        if begin > at:
            gaps.append((at, begin))
        at = max(at, begin + len(octets))
    if at < end:
        gaps.append((at, end))
    return gaps


def with_few_gaps(cover: Cover) -> Cover:
    """Gaps with little between them become one: a request costs more than the octets that it brings again."""
    merged: list[tuple[int, int]] = []
    for gap in cover.gaps:
        if merged and gap[0] - merged[-1][1] < WORTH_A_REQUEST_OCTETS:
            merged[-1] = (merged[-1][0], gap[1])
        else:
            merged.append(gap)
    outside = [
        (begin, octets)
        for begin, octets in cover.parts
        if not any(first <= begin and begin + len(octets) <= stop for first, stop in merged)
    ]
    return Cover(cover.start, cover.end, outside, merged)
