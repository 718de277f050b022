"""ENVELOPE, BODYSTRUCTURE, sections and decoded parts beside the answers of two other servers."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from lightmail._core import mime
from tests.corpus.compare import LIMITS, Answer, octet_answers, wire_answers
from tests.support.corpus import CORPUS, ROOT, archive, as_uploaded, expected, needs_corpus

DIFFERENCES = ROOT / "docs" / "mime-differences.md"

_ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| (agree|differ) \| ([^|]+) \|$", re.MULTILINE)


def known_differences() -> set[tuple[str, str, bool]]:
    """(message, item, whether the two agree), from the table."""
    rows = _ROW.findall(DIFFERENCES.read_text(encoding="utf-8"))
    return {(path, item, agree == "agree") for path, items, agree, _ in rows for item in items.split(", ")}


@cache
def answers(name: str) -> dict[str, dict[str, Any]]:
    """By path; of a list archive by number."""
    return {str(row.get("n", row["path"])): row for row in expected(name)}


def message_answers(path: str) -> list[Answer]:
    octets = as_uploaded((CORPUS / path).read_bytes())
    summary = mime.analyze(octets, LIMITS)
    dovecot = answers("expected-dovecot.jsonl").get(path, {})
    cyrus = answers("expected-cyrus.jsonl").get(path, {})
    dovecot_sections, cyrus_sections = (
        answers(f"expected-{peer}-sections.jsonl").get(path) if stored.get("stored_as_uploaded") else None
        for peer, stored in (("dovecot", dovecot), ("cyrus", cyrus))
    )
    return [
        *wire_answers(summary, dovecot, cyrus),
        *octet_answers(octets, summary, dovecot_sections, cyrus_sections),
    ]


@needs_corpus
def test_single_messages() -> None:
    differences = set()
    compared = 0
    for path in answers("expected-dovecot.jsonl"):
        for answer in message_answers(path):
            compared += 1
            if not answer.agrees:
                differences.add((path, answer.what, answer.peers_agree))
    assert compared > 10_000
    assert differences == known_differences()


@needs_corpus
@pytest.mark.parametrize("name", ["linux-man", "spamassassin-easy-ham"])
def test_list_archive(name: str) -> None:
    dovecot = answers(f"lists/{name}.expected-dovecot.jsonl")
    cyrus = answers(f"lists/{name}.expected-cyrus.jsonl")
    differences = []
    for index, octets in enumerate(archive(name), start=1):
        number = str(index)
        summary = mime.analyze(octets, LIMITS)
        assert summary.octets == dovecot[number]["size"]
        found = wire_answers(summary, dovecot[number], cyrus[number])
        differences += [(number, answer.what) for answer in found if not answer.agrees]
    assert differences == []
