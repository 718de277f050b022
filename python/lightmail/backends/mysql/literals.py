"""Statements with their values, as octets for the server.

`%(name)s` and `%s` stand for values, `%%` for a per cent sign. A sequence becomes a list in parentheses, for IN; an
empty one is `(NULL)`, which nothing is in. The session's sql_mode has backslash escapes, and its character set is
utf8mb4, whose octets above 127 are never mistaken for a quote or a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TypeAlias

Values: TypeAlias = Mapping[str, object] | Sequence[object]

_PLACES = re.compile(r"%(?:\((\w+)\)s|s|%)")


@lru_cache(maxsize=1024)
def _template(statement: str) -> tuple[tuple[bytes, ...], tuple[str | None, ...]]:
    """The text between the places, one more than there are places; the places' names, None for `%s`."""
    texts: list[str] = [""]
    names: list[str | None] = []
    after = 0
    for place in _PLACES.finditer(statement):
        texts[-1] += statement[after : place.start()]
        after = place.end()
        if place[0] == "%%":
            texts[-1] += "%"
        else:
            names.append(place[1])
            texts.append("")
    texts[-1] += statement[after:]
    return tuple(text.encode() for text in texts), tuple(names)


def statement_octets(statement: str, values: Values = ()) -> bytes:
    """The whole statement. Raises KeyError or ValueError when a value is missing or too many are given."""
    texts, names = _template(statement)
    if not names:
        return texts[0]
    literals: list[bytes]
    if isinstance(values, Mapping):
        literals = [literal(values[name or ""]) for name in names]
    else:
        literals = [literal(value) for value in values]
        if len(literals) != len(names) or any(names):
            raise ValueError(f"{len(literals)} values for: {statement}")
    return b"".join(chain(*zip(texts, literals, strict=False), (texts[-1],)))


def literal(value: object) -> bytes:
    """Raises TypeError for what has no form in SQL."""
    write = _LITERALS.get(type(value))
    if write is None:
        raise TypeError(f"{type(value).__name__} is no SQL value")
    return write(value)


def _integer(value: int) -> bytes:
    return b"%d" % value


def _octets(value: bytes) -> bytes:
    return b"_binary'" + value.replace(b"\\", b"\\\\").replace(b"'", b"\\'").replace(b"\0", b"\\0") + b"'"


def _text(value: str) -> bytes:
    octets = value.encode()
    if b"'" in octets or b"\\" in octets or b"\0" in octets:
        octets = octets.replace(b"\\", b"\\\\").replace(b"'", b"\\'").replace(b"\0", b"\\0")
    return b"'" + octets + b"'"


def _listed(values: Sequence[object]) -> bytes:
    if not values:
        return b"(NULL)"
    if set(map(type, values)) == {int}:
        return f"({','.join(map(str, values))})".encode()
    return b"(" + b",".join(map(literal, values)) + b")"


class Sql(bytes):
    """A piece of a statement, of our own words and numbers: it goes in as it is."""


def table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> Sql:
    """Rows as a derived table, one at least: `FROM (%(rows)s) AS c`."""
    first, *others = rows
    named = (literal(value) + b" AS " + name.encode() for value, name in zip(first, names, strict=True))
    selects = [b", ".join(named), *(b", ".join(map(literal, row)) for row in others)]
    return Sql(b" UNION ALL ".join(b"SELECT " + select for select in selects))


_LITERALS: dict[type, Callable[..., bytes]] = {
    int: _integer,
    str: _text,
    bytes: _octets,
    bool: lambda value: b"1" if value else b"0",
    type(None): lambda value: b"NULL",
    float: lambda value: repr(value).encode(),
    list: _listed,
    tuple: _listed,
    Sql: bytes,
}
