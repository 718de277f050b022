"""Packed rows, programs and summaries for tests."""

from __future__ import annotations

from collections.abc import Iterable

from lightmail._core import imap, mime
from lightmail._core.index import Snapshot, SummaryCache

SEEN = 1 << 3


def row(
    uid: int,
    *,
    size: int = 100,
    flags: int = 0,
    modseq: int = 1,
    body_id: int | None = None,
    date: int = 1_700_000_000,
    zone: int = 0,
) -> str:
    return f"{uid} {size} {flags} {modseq} {body_id or uid} {date} {zone} {date} {date} {zone}\n"


def snapshot(*rows: str, keywords: Iterable[str] = (), uid_next: int = 100, highest_modseq: int = 9) -> Snapshot:
    return Snapshot.load(["".join(rows)], keywords=list(keywords), uid_next=uid_next, highest_modseq=highest_modseq)


def command(line: str) -> imap.Event:
    decoder = imap.Decoder(imap.Limits())
    decoder.feed(b"a " + line.encode() + b"\r\n")
    event = decoder.next()
    assert event is not None
    return event


def sequence_set(text: str) -> imap.SequenceSet:
    event = command(f"FETCH {text} FLAGS")
    assert isinstance(event, imap.Fetch), event
    return event.set


def fetch_plan(items: str) -> imap.FetchPlan:
    event = command(f"FETCH 1 ({items})")
    assert isinstance(event, imap.Fetch), event
    return event.plan


def search_program(keys: str) -> imap.SearchProgram:
    event = command(f"SEARCH {keys}")
    assert isinstance(event, imap.Search), event
    return event.program


def summaries(messages: dict[int, bytes], max_octets: int = 1 << 20) -> SummaryCache:
    """By body id."""
    cache = SummaryCache(max_octets)
    cache.insert(
        (body_id, made.header, made.envelope, made.bodystructure, made.parts, made.preview)
        for body_id, made in ((body_id, mime.analyze(raw, mime.MimeLimits())) for body_id, raw in messages.items())
    )
    return cache
