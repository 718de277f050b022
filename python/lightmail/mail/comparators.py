"""How SEARCH, SORT and THREAD compare texts (RFC 5255 §4, RFC 4790)."""

from __future__ import annotations

from dataclasses import dataclass

from lightmail._core.index import COLLATIONS
from lightmail.errors import NoComparator


@dataclass(frozen=True, slots=True)
class Comparator:
    collation: str
    """One of COLLATIONS."""
    descending: bool = False
    """SORT has its texts the other way round (RFC 4790 §3.3)."""

    @property
    def name(self) -> str:
        """As `collation-selected` (RFC 4790 §3.3)."""
        return f"-{self.collation}" if self.descending else self.collation


_ASCENDING = [Comparator(name) for name in COLLATIONS]
_DESCENDING = [Comparator(name, descending=True) for name in COLLATIONS]
DEFAULT = _ASCENDING[0]


def choose(wanted: tuple[str, ...]) -> tuple[Comparator, list[Comparator]]:
    """The comparator for the first of `wanted` that any collation matches, and all that match any of them, each once,
    in this order; of one wildcard's the widely useful come first (RFC 4790 §3.2, RFC 5255 §4.7).

    wanted: `collation-order`s, or "default". Raises NoComparator.
    """
    matching: dict[Comparator, None] = {}
    for order in dict.fromkeys(wanted):
        matching.update(dict.fromkeys(_matching(order)))
        if len(matching) == len(_ASCENDING) + len(_DESCENDING):
            break
    if not matching:
        raise NoComparator
    found = list(matching)
    return found[0], found


def _matching(order: str) -> list[Comparator]:
    if order.lower() == "default":
        return [DEFAULT]
    wild = order.removeprefix("-") if (descending := order.startswith("-")) else order.removeprefix("+")
    known = _DESCENDING if descending else _ASCENDING
    return [each for each in known if _is_like(each.collation, wild.lower())]


def _is_like(name: str, wild: str) -> bool:
    """A star is any characters, or none (RFC 4790 §3.2). No regular expression is made of it: clients may send many."""
    first, *others = wild.split("*")
    if not others:
        return name == first
    *between, last = others
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in between:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
