"""Statements with their values as octets; that the server reads them back the same is in test_connection.py."""

from __future__ import annotations

import pytest

from lightmail.backends.mysql.literals import literal, statement_octets


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (0, b"0"),
        (-(2**63), b"-9223372036854775808"),
        (2**64 - 1, b"18446744073709551615"),
        (True, b"1"),
        (False, b"0"),
        (None, b"NULL"),
        (0.25, b"0.25"),
        ("", b"''"),
        ("grüß 😀", "'grüß 😀'".encode()),
        ("' OR 1=1 -- \\", b"'\\' OR 1=1 -- \\\\'"),
        ("a\0b", b"'a\\0b'"),
        (b"", b"_binary''"),
        (b"\xff'\\\0\n", b"_binary'\xff\\'\\\\\\0\n'"),
        ([], b"(NULL)"),
        ([3, 1, 2], b"(3,1,2)"),
        ((b"a", "b'"), b"(_binary'a','b\\'')"),
        ([[1, 2], [3, 4]], b"((1,2),(3,4))"),
    ],
)
def test_literals(value: object, octets: bytes) -> None:
    assert literal(value) == octets


def test_what_has_no_form_in_sql_is_refused() -> None:
    with pytest.raises(TypeError, match="dict"):
        literal({})


def test_values_by_name_and_in_order() -> None:
    named = "SELECT %(b)s, %(a)s, %(b)s, '100%%'"
    assert statement_octets(named, {"a": 1, "b": "x%(a)s", "unused": 0}) == b"SELECT 'x%(a)s', 1, 'x%(a)s', '100%'"
    assert statement_octets("SELECT %s, %s", (1, None)) == b"SELECT 1, NULL"
    assert statement_octets("SELECT '%%'") == b"SELECT '%'"


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(KeyError):
        statement_octets("SELECT %(a)s", {"b": 1})
    for values in ((), (1, 2)):
        with pytest.raises(ValueError, match="values for"):
            statement_octets("SELECT %s", values)
    with pytest.raises(ValueError, match="values for"):
        statement_octets("SELECT %(a)s", (1,))
