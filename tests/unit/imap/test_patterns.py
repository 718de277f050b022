"""LIST patterns against a naive matcher, and against patterns made to hurt one (RFC 9051 §6.3.9)."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightmail.imap.patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("a/%", "a/b", True),
        ("a/%", "a", False),
        ("a/%", "a/b/c", False),
        ("a*", "a", True),
        ("a*", "a/b", True),
        ("*c", "a/b/c", True),
        ("a/%/c", "a/b/c", True),
        ("%/%", "a/b", True),
        ("%/%", "a/b/c", False),
        ("*%", "a/b", True),
        ("%%", "a/b", False),
        ("a", "A", False),
        ("inbox", "INBOX", True),
        ("InBox", "INBOX", True),
        ("inbox", "inboxes", False),
        ("", "a", False),
        ("ä%", "ärger", True),
        ("a.b", "axb", False),
    ],
)
def test_matches(pattern: str, name: str, matches: bool) -> None:
    assert Pattern(pattern).matches(name) is matches


def naive(pattern: str, name: str) -> bool:
    parts = [{"*": ".*", "%": "[^/]*"}.get(character, re.escape(character)) for character in pattern]
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
def test_agrees_with_a_naive_matcher(pattern: str, name: str) -> None:
    assert Pattern(pattern).matches(name) is naive(pattern, name)


def test_a_pattern_made_to_hurt_is_harmless() -> None:
    """Exponential with backtracking: 60 wildcards around a letter that is missing at the very end."""
    pattern = Pattern("*a" * 60 + "*b%c")
    began = time.process_time()
    assert not pattern.matches("a" * 1000 + "/c")
    assert time.process_time() - began < 20.0
