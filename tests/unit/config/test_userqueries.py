"""Queries of operators: where values go, and what is refused."""

from __future__ import annotations

import pytest

from lightmail.config.userqueries import parse_query, parts_of


@pytest.mark.parametrize(
    ("text", "texts", "places"),
    [
        ("SELECT a FROM t WHERE u = %u", ("SELECT a FROM t WHERE u = ", ""), ("address",)),
        ("SELECT a FROM t WHERE u = '%u'", ("SELECT a FROM t WHERE u = ", ""), ("address",)),
        ('SELECT a FROM t WHERE n = "%n" AND d=:domain', ("SELECT a FROM t WHERE n = ", " AND d=", ""), ("local", "domain")),
        ("SELECT '%%', 5 %% 3, `%u` FROM t", ("SELECT '%%', 5 % 3, `%u` FROM t",), ()),
        ("SELECT 'b%' -- %u\n, u=:address", ("SELECT 'b%' -- %u\n, u=", ""), ("address",)),
        ("SELECT 'it''s', :local /* :local */", ("SELECT 'it''s', ", " /* :local */"), ("local",)),
        ("select a::address from t;", ("select a::address from t;",), ()),
    ],
)  # fmt: skip
def test_places(text: str, texts: tuple[str, ...], places: tuple[str, ...]) -> None:
    query = parse_query(text)
    assert (query.texts, query.places) == (texts, places)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT a FROM t WHERE m = '/var/%d/%n'", "%d stands inside the text '/var/%d/%n'"),
        ("SELECT a FROM t WHERE u = 'x:local'", ":local stands inside"),
        ("SELECT 1; DROP TABLE t", "several statements"),
        ("DELETE FROM t WHERE u = %u", "it is no SELECT"),
        ("", "it is no SELECT"),
    ],
)
def test_what_is_no_query(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("/", "/")):
        parse_query(text)


def test_parts_of_an_address() -> None:
    assert parts_of("ann@example.org") == {"address": "ann@example.org", "local": "ann", "domain": "example.org"}
    assert parts_of("demo") == {"address": "demo", "local": "demo", "domain": ""}
