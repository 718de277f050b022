"""Queries of operators, with named places for what is asked: values are bound there, and never become part of the text.

    %u  :address    the whole address, in lower case
    %n  :local      what stands before the @
    %d  :domain     what stands behind it; "" without one
    %%              a per cent sign

Quotes around a place are left out, as Dovecot's queries have them: '%u' is the value. Inside longer text nothing is put.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PLACES = {"%u": "address", "%n": "local", "%d": "domain"}
_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `[^`]*` | --[ \t][^\n]*\n? | /\*.*?\*/ | %[und%] |
        (?<![:\w]):(?:address|local|domain)\b""",
    re.DOTALL | re.VERBOSE,
)
_QUOTED = re.compile(r"""(['"])(%[und]|:(?:address|local|domain))\1""")
_INSIDE = re.compile(r"%[und](?![A-Za-z])|:(?:address|local|domain)\b")


@dataclass(frozen=True, slots=True)
class UserQuery:
    """Text, name of a value, text, …"""

    texts: Sequence[str]
    """One more than there are places."""
    places: Sequence[str]
    """"address", "local", "domain"."""


def parse_query(text: str) -> UserQuery:
    """Raises ValueError, with what was expected."""
    texts, places = [""], []
    at = 0
    for token in _TOKEN.finditer(text):
        texts[-1] += text[at : token.start()]
        at = token.end()
        found = token[0]
        quoted = _QUOTED.fullmatch(found)
        name = quoted[2] if quoted else found
        if name in _PLACES or name.startswith(":"):
            places.append(_PLACES.get(name) or name[1:])
            texts.append("")
        elif found == "%%":
            texts[-1] += "%"
        elif found[0] in "'\"" and (inside := _INSIDE.search(found)):
            raise ValueError(
                f"{inside[0]} stands inside the text {found}, where nothing is put; expected it by itself, joined by CONCAT"
            )
        else:
            texts[-1] += found
    texts[-1] += text[at:]
    if ";" in "".join(texts).rstrip().rstrip(";"):
        raise ValueError("it has several statements, or a semicolon in a text; expected one SELECT")
    if not re.match(r"\s*(?:SELECT|WITH)\b", texts[0], re.IGNORECASE):
        raise ValueError("it is no SELECT; expected a query that changes nothing")
    return UserQuery(tuple(texts), tuple(places))


def parts_of(address: str) -> dict[str, str]:
    """What the places are for."""
    local, at, domain = address.rpartition("@")
    return {"address": address, "local": local if at else domain, "domain": domain if at else ""}
