"""The SEARCH commands recorded for two list archives give the same messages as Dovecot (see the corpus's EXPECTED.md)."""

from __future__ import annotations

import re
from functools import cache

import pytest

from lightmail._core import imap, mime
from lightmail._core.index import SearchRun, Snapshot, SummaryCache
from tests.support.corpus import CORPUS, archive, expected, needs_corpus

_ARCHIVES = ("linux-man", "spamassassin-easy-ham")
_FIRST_S = 1_704_067_200  # 1 January 2024 00:00 UTC; message n was received n minutes later

pytestmark = needs_corpus


def _searches() -> list[tuple[str, str, tuple[int, ...]]]:
    if not CORPUS.is_dir():
        return []
    return [
        (name, recorded["command"], tuple(recorded["result"]))
        for name in _ARCHIVES
        for recorded in expected(f"lists/{name}.expected-dovecot-search.jsonl")
        if recorded["command"].startswith("SEARCH")
    ]


@cache
def _mailbox(name: str) -> tuple[Snapshot, SummaryCache, dict[int, bytes]]:
    summaries = SummaryCache(1 << 30)
    bodies = {}
    rows = []
    for n, message in enumerate(archive(name), 1):
        summary = mime.analyze(message, mime.MimeLimits())
        summaries.insert([(n, summary.header, summary.envelope, summary.bodystructure, summary.parts, summary.preview)])
        bodies[n] = message
        flags = (n % 7 == 0) | (n % 5 == 0) << 1 | (n % 2 == 0) << 3 | (n % 11 == 0) << 4 | (n % 3 == 0) << 5
        received = _FIRST_S + n * 60
        rows.append(
            f"{n} {len(message)} {flags} 1 {n} {received} 0 {received} {summary.sent_date} {summary.sent_zone}\n"
        )
    view = Snapshot.load(["".join(rows)], keywords=["$Seen3"], uid_next=len(rows) + 1, highest_modseq=1)
    return view, summaries, bodies


def _program(command: str) -> imap.SearchProgram:
    """8-bit strings went as literals."""
    octets = re.sub(
        '"([^"]*[\x80-\U0010ffff][^"]*)"',
        lambda found: f"{{{len(found[1].encode())}+}}\r\n{found[1]}",
        command,
    ).encode()
    decoder = imap.Decoder(imap.Limits())
    decoder.feed(b"a " + octets + b"\r\n")
    parsed = decoder.next()
    assert isinstance(parsed, imap.Search), parsed
    return parsed.program


def _found(name: str, command: str, *, with_summaries: bool) -> set[int]:
    view, summaries, bodies = _mailbox(name)
    run = SearchRun(_program(command), view, saved=None, recent_from=1)
    cache = summaries if with_summaries else SummaryCache(0)
    run.use_summaries(cache)
    while missing := run.missing_summaries(cache, 1):
        # One of them at a time, from the archive.
        message = mime.analyze(bodies[missing[0]], mime.MimeLimits())
        cache.insert(
            [(missing[0], message.header, message.envelope, message.bodystructure, message.parts, message.preview)]
        )
        run.use_summaries(cache)
    while wanted := run.wanted_bodies(500):
        run.use_bodies(cache, [(body_id, bodies[body_id]) for body_id, _ in wanted])
    return set(run.result())


@pytest.mark.parametrize(("name", "command", "result"), _searches(), ids=lambda value: str(value)[:40])
def test_the_same_messages_as_dovecot(name: str, command: str, result: tuple[int, ...]) -> None:
    found = _found(name, command, with_summaries=True)
    assert (sorted(found - set(result)), sorted(set(result) - found)) == ([], [])


def test_a_cache_too_small_changes_nothing() -> None:
    command = 'SEARCH 1:300 OR SUBJECT "patch" HEADER X-Mailer ""'
    name = "linux-man"
    assert _found(name, command, with_summaries=False) == _found(name, command, with_summaries=True)
