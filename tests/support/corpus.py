"""The message corpus beside the repository, where there is one; tests that need it are skipped with a reason elsewhere."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the message corpus ../shared/corpus is not here")

_BARE_LF = re.compile(rb"(?<!\r)\n")


def as_uploaded(octets: bytes) -> bytes:
    """Each LF without a CR before it becomes CRLF; nothing else changes."""
    return _BARE_LF.sub(b"\r\n", octets)


def messages() -> Iterator[tuple[str, bytes]]:
    """(path, octets as uploaded) of every single message."""
    with (CORPUS / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["kind"] == "message":
                yield row["path"], as_uploaded((CORPUS / row["path"]).read_bytes())


def archive(name: str) -> Iterator[bytes]:
    """The messages of lists/NAME.mbox (mboxrd), unquoted and as uploaded, in order."""
    mbox = (CORPUS / "lists" / f"{name}.mbox").read_bytes()
    with (CORPUS / "lists" / f"{name}.index.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            start = int(row["offset"])
            quoted = mbox[start : start + int(row["file_bytes"])]
            yield as_uploaded(re.sub(rb"(?m)^>(>*From )", rb"\1", quoted))


def expected(name: str) -> list[dict[str, Any]]:
    """The lines of a .jsonl file."""
    with (CORPUS / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
