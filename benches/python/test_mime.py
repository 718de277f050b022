"""A message to what is kept of it, beside a parse by Python's own email package."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import messages

from lightmail._core import frames, mime

LIMITS = mime.MimeLimits()

TEXT = messages.plain("text", b"The quick brown fox jumps over the lazy dog, again and again.\r\n" * 60)
ATTACHMENT = messages.whole(
    messages.multipart(
        b"mixed",
        [
            messages.part(b"text/plain", b"See the file.\r\n"),
            messages.part(
                b"application/pdf",
                messages.encoded(bytes(range(256)) * 4096, "base64"),
                b"Content-Transfer-Encoding: base64",
            ),
        ],
    )
)
MESSAGES = {"text of 4 KiB": TEXT, "attachment of 1 MiB": ATTACHMENT}


def _email(octets: bytes) -> object:
    return email.message_from_bytes(octets, policy=email.policy.default)


def _analyze(octets: bytes) -> object:
    return mime.analyze(octets, LIMITS)


def _ingest(octets: bytes) -> object:
    return frames.ingest(octets, LIMITS)


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("parse", [_analyze, _ingest, _email], ids=["analyze", "ingest", "email"])
def test_parse(benchmark: Any, name: str, parse: Callable[[bytes], object]) -> None:
    octets = MESSAGES[name]
    assert benchmark(parse, octets) is not None
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["MB/s"] = round(len(octets) / benchmark.stats["mean"] / 1e6)
