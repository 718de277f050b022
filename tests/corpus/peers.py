"""The shared corpus and what two other servers answered about it (its EXPECTED.md says how)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside the repository")

_BARE_LF = re.compile(rb"(?<!\r)\n")


def crlf(octets: bytes) -> bytes:
    """Each LF without a CR before it made CRLF, nothing else changed."""
    return _BARE_LF.sub(b"\r\n", octets)


def message(path: str) -> bytes:
    return crlf((CORPUS / path).read_bytes())


@lru_cache(maxsize=None)
def answers(name: str) -> dict[str, dict[str, Any]]:
    """By path; of a list archive by number (as text)."""
    rows = (json.loads(line) for line in (CORPUS / name).open(encoding="utf-8"))
    return {str(row.get("n", row["path"])): row for row in rows}


def list_messages(name: str) -> Iterator[tuple[str, bytes]]:
    """(number, message) of a list archive, unquoted (mboxrd) and made CRLF."""
    octets = (CORPUS / "lists" / f"{name}.mbox").read_bytes()
    rows = (CORPUS / "lists" / f"{name}.index.tsv").read_text(encoding="utf-8").splitlines()
    for row in rows[1:]:
        number, offset, file_octets, *_ = row.split("\t")
        stored = octets[int(offset) : int(offset) + int(file_octets)]
        yield number, crlf(re.sub(rb"(?m)^>(>*From )", rb"\1", stored))


def latin1(text: str) -> bytes:
    """Answers are recorded with one character per octet."""
    return text.encode("latin-1")
