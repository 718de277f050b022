"""SearchRun as Python sees it; its judgement has properties in rust/index."""

from __future__ import annotations

import pytest

from lightmail._core.index import COLLATIONS, BadCharset, BadSet, SearchRun, SummaryCache, UidSet
from tests.unit.core_index.rows import SEEN, row, search_program, snapshot, summaries

_NOW = 1_700_000_100
_MESSAGES = {
    1: b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: Anna <a@example.org>\r\n\r\nplain words\r\n",
    2: b"Subject: other\r\n\r\nGr\xc3\xbc\xc3\x9fe in here\r\n",
}
_VIEW = snapshot(*(row(uid, size=len(raw), flags=SEEN * (uid == 2)) for uid, raw in _MESSAGES.items()))


def _search(
    keys: str, *, saved: UidSet | None = None, now_s: int | None = None, collation: str = COLLATIONS[0]
) -> list[int]:
    run = SearchRun(search_program(keys), _VIEW, saved=saved, recent_from=2, now_s=now_s, collation=collation)
    cache = summaries(_MESSAGES)
    run.use_summaries(cache)
    assert run.missing_summaries(cache, 10) == []
    run.use_bodies(cache, [(body_id, _MESSAGES[body_id]) for body_id, _ in run.wanted_bodies(10)])
    assert run.done
    return list(run.result())


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("ALL", [1, 2]),
        ("UNSEEN", [1]),
        ("RECENT", [2]),
        ("2:*", [2]),
        ("7", []),
        ("UID 9:*", [2]),
        ("SUBJECT gr", [1]),
        ("SUBJECT {6+}\r\nGRÜß", [1]),
        ("SUBJECT {5+}\r\nGRu\u0308", [1]),
        ('HEADER From ""', [1]),
        ("NOT HEADER From anna", [2]),
        ("BODY words", [1]),
        ("TEXT anna", [1]),
        ("BODY anna", []),
        ("OR SUBJECT other BODY plain", [1, 2]),
        ("SENTSINCE 14-Nov-2023 SENTBEFORE 15-Nov-2023", [1, 2]),
        ("LARGER 60", [1]),
    ],
)
def test_keys(keys: str, found: list[int]) -> None:
    assert _search(keys) == found


@pytest.mark.parametrize(
    ("keys", "unicode", "ascii_"),
    [
        ("SUBJECT gr", [1], [1]),
        ("SUBJECT {6+}\r\nGRÜß", [1], []),
        ("SUBJECT {6+}\r\ngRüß", [1], [1]),
        ("HEADER FROM ANNA", [1], [1]),
        ('HEADER FROM ""', [1], [1]),
        ("BODY HERE", [2], [2]),
        ("BODY {7+}\r\ngrÜße", [2], []),
        ("BODY {7+}\r\ngrüße", [2], [2]),
        ("TEXT subject:", [1, 2], [1, 2]),
        ("FUZZY BODY {7+}\r\ngrÜße", [2], [2]),
        ("FUZZY SUBJECT {6+}\r\nGRÜß", [1], [1]),
        ("FUZZY BODY {7+}\r\ngrÜße BODY {7+}\r\ngrÜße", [2], []),
    ],
)
def test_collations(keys: str, unicode: list[int], ascii_: list[int]) -> None:
    """RFC 5255 §4.2: of header keys, BODY and TEXT; names of fields are compared as ever, and so is what is FUZZY."""
    assert [_search(keys, collation=collation) for collation in COLLATIONS] == [unicode, ascii_]


def test_no_such_collation() -> None:
    with pytest.raises(ValueError, match="collation"):
        _search("ALL", collation="i;octet")


def test_time() -> None:
    assert _search("YOUNGER 100", now_s=_NOW) == [1, 2]
    assert _search("YOUNGER 99", now_s=_NOW) == []
    assert _search("OLDER 100", now_s=_NOW) == [1, 2]
    with pytest.raises(ValueError, match="need the time"):
        _search("YOUNGER 100")


def test_saved() -> None:
    assert _search("$ SEEN", saved=UidSet([2, 5])) == [2]
    with pytest.raises(BadSet):
        _search("$")


def test_charsets() -> None:
    assert _search("CHARSET utf-8 SUBJECT gr") == [1]
    with pytest.raises(BadCharset):
        _search("CHARSET x-unheard-of SUBJECT gr")


def test_what_is_read_is_asked_for() -> None:
    run = SearchRun(search_program("SUBJECT other BODY in"), _VIEW, saved=None, recent_from=1)
    cache = SummaryCache(1 << 20)
    assert run.missing_summaries(cache, 1) == [1]
    assert run.missing_summaries(cache, 10) == [1, 2]
    with pytest.raises(RuntimeError):
        run.result()
    run.use_summaries(summaries(_MESSAGES))
    assert run.wanted_bodies(10) == [(2, len(_MESSAGES[2]))]
    run.use_bodies(cache, [(2, _MESSAGES[2])])
    assert (run.done, list(run.result())) == (True, [2])
