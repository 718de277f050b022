"""The SORT and THREAD commands recorded for two list archives: the answers of Dovecot, or of Cyrus where an RFC sides with it.

docs/peers.md tells where the two differ and which of them is followed. SEARCH is compared in
unit/core_index/test_search_corpus.py.
"""

from __future__ import annotations

import re

import pytest

from lightmail._core import imap
from lightmail._core.index import KeyCache, OrderRun, SearchRun
from tests.support.corpus import CORPUS, expected, needs_corpus
from tests.unit.core_index.rows import command
from tests.unit.core_index.test_search_corpus import _mailbox

pytestmark = needs_corpus

ARCHIVES = ("linux-man", "spamassassin-easy-ham")
AS_CYRUS = {("spamassassin-easy-ham", "SORT (DISPLAYFROM) UTF-8 ALL")}
"""RFC 5957 §3: an address whose display name is "" is sorted by the address; Dovecot sorts it by nothing."""


def _recorded() -> list[tuple[str, str, list[int] | str]]:
    if not CORPUS.is_dir():
        return []
    return [
        (name, line["command"], line["result"])
        for name in ARCHIVES
        for peer in ("dovecot", "cyrus")
        for line in expected(f"lists/{name}.expected-{peer}-search.jsonl")
        if line["command"].startswith(("SORT", "THREAD")) and ((name, line["command"]) in AS_CYRUS) == (peer == "cyrus")
    ]


def _answer(name: str, line: str) -> list[int] | str:
    view, summaries, _ = _mailbox(name)
    event = command(line)
    assert isinstance(event, (imap.Sort, imap.Thread))
    search = SearchRun(event.program, view, saved=None, recent_from=1)
    search.use_summaries(summaries)
    run = OrderRun(view, search.result(), with_keys=True)
    run.use_summaries(summaries, KeyCache(1 << 25))
    if isinstance(event, imap.Sort):
        return list(run.sort(event.order).seqs(view))
    return run.thread(event.algorithm, view).decode()


def test_all_are_compared() -> None:
    assert len(_recorded()) == 2 * 18


@pytest.mark.parametrize(("name", "line", "result"), _recorded(), ids=lambda value: str(value)[:60])
def test_the_same_answer(name: str, line: str, result: list[int] | str) -> None:
    answer = _answer(name, line)
    if isinstance(answer, str):
        assert isinstance(result, str)
        answer, result = (re.sub(r"^\* THREAD ?", "", text) for text in (answer, result))
    assert answer == result
