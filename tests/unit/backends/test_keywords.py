"""Flags by name and by bit."""

from __future__ import annotations

import pytest

from lightmail.backends.keywords import Keywords, moved, signed
from lightmail.errors import LimitExceeded


def test_system_flags_have_fixed_bits_in_any_spelling() -> None:
    keywords = Keywords()
    flags = ("\\answered", "\\FLAGGED", "\\Deleted", "\\Seen", "\\Draft")
    assert [keywords.bits_of((flag,), create=False) for flag in flags] == [1, 2, 4, 8, 16]
    assert keywords.added == []


def test_keywords_get_bits_in_order_and_keep_their_first_spelling() -> None:
    keywords = Keywords(("$Known",))
    assert keywords.bits_of(("$new", "$KNOWN", "$NEW"), create=True) == 32 + 64
    assert keywords.names == ("$Known", "$new")
    assert keywords.added == [(6, "$new")]


def test_unknown_keywords_are_left_out_unless_created() -> None:
    keywords = Keywords(("$known",))
    assert keywords.bits_of(("$unknown", "$known", "\\Seen"), create=False) == 32 + 8
    assert keywords.names == ("$known",)


def test_the_highest_bit_makes_the_set_negative() -> None:
    keywords = Keywords(tuple(f"$k{number}" for number in range(59)))
    assert keywords.bits_of(("$k58",), create=False) == -(2**63)
    assert keywords.bits_of(("$k58", "\\Answered"), create=False) == -(2**63) + 1
    assert signed(2**64 - 1) == -1
    with pytest.raises(LimitExceeded):
        keywords.bits_of(("$k59",), create=True)


def test_keywords_move_to_the_bits_they_have_elsewhere() -> None:
    source = Keywords(("$a", "$b", "$c"))
    target = Keywords(("$x", "$B"))
    used = source.bits_of(("$b", "$c", "\\Seen"), create=False)
    pairs = target.remap(used, source)
    assert pairs == [(6, 6), (7, 7)]
    assert target.names == ("$x", "$B", "$c")
    assert moved(used, pairs) == target.bits_of(("$b", "$c", "\\Seen"), create=False)
    last = Keywords(tuple(f"$k{number}" for number in range(59)))
    pairs = Keywords(("$x",)).remap(last.bits_of(("$k58",), create=False), last)
    assert moved(last.bits_of(("$k58", "\\Draft"), create=False), pairs) == 64 + 16
