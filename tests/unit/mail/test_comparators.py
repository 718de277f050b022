"""Which comparator a client gets (RFC 5255 §4.7, RFC 4790 §3)."""

from __future__ import annotations

import pytest

from lightmail.errors import NoComparator
from lightmail.mail.comparators import DEFAULT, choose

UNICODE, ASCII = "i;unicode-casemap", "i;ascii-casemap"


@pytest.mark.parametrize(
    ("wanted", "matching"),
    [
        ("i;unicode-casemap", [UNICODE]),
        ("I;Ascii-Casemap", [ASCII]),
        ("+i;ascii-casemap", [ASCII]),
        ("-i;ascii-casemap", ["-i;ascii-casemap"]),
        ("default", [UNICODE]),
        ("Default i;ascii-casemap", [UNICODE, ASCII]),
        ("*", [UNICODE, ASCII]),
        ("-*casemap", ["-i;unicode-casemap", "-i;ascii-casemap"]),
        ("i;*;casemap i;*n*c*", [UNICODE]),
        ("cz;* i;basic i;a*", [ASCII]),
        ("i;ascii-casemap *", [ASCII, UNICODE]),
        ("*p*p *-casemap-* *ii-casemap", [ASCII]),
        ("*i*;*a*s*c*i*i*-*c*a*s*e*m*a*p*", [ASCII]),
        ("i;*a*a*", [UNICODE, ASCII]),
        ("* -* * i;basic -*", [UNICODE, ASCII, "-i;unicode-casemap", "-i;ascii-casemap"]),
        ("i;a* default -i;a*", [ASCII, UNICODE, "-i;ascii-casemap"]),
    ],
)
def test_choice(wanted: str, matching: list[str]) -> None:
    """The first that matches anything decides; of a wildcard the widely useful comes first."""
    chosen, found = choose(tuple(wanted.split()))
    assert (chosen.name, [each.name for each in found]) == (matching[0], matching)


def test_no_choice() -> None:
    """i;octet is for protocols that explicitly allow it (RFC 4790 §9.3.1)."""
    for wanted in (("i;basic",), ("cz;*", "casemap"), ("-default",), ("i;octet", "-i;o*"), ("i;ascii-casemap*p",)):
        with pytest.raises(NoComparator):
            choose(wanted)


def test_default() -> None:
    """RFC 5255 §4.4"""
    assert (DEFAULT.name, DEFAULT.descending) == (UNICODE, False)
