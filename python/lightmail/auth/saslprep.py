"""SASLprep: different spellings of one user name or password become one (RFC 4013, RFC 4616 §2)."""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable

_Table = Callable[[str], bool]

_PROHIBITED: tuple[_Table, ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
"""RFC 4013 §2.3. Unassigned code points are allowed: what we prepare is always a query (§2.5)."""


class Prohibited(ValueError):
    """The text holds a character that SASLprep does not admit, or mixes directions."""


def saslprep(text: str) -> str:
    """Raises Prohibited."""
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    for char in prepared:
        if any(table(char) for table in _PROHIBITED):
            raise Prohibited(f"U+{ord(char):04X} is not allowed")
    _check_directions(prepared)
    return prepared


def _check_directions(text: str) -> None:
    """RFC 3454 §6: with any right-to-left character, no left-to-right one, and right-to-left at both ends."""
    if not any(stringprep.in_table_d1(char) for char in text):
        return
    if any(stringprep.in_table_d2(char) for char in text):
        raise Prohibited("right-to-left and left-to-right characters are mixed")
    if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
        raise Prohibited("right-to-left text starts and ends with a right-to-left character")


def prepare_password(password: bytes) -> bytes:
    """What is hashed. Octets that are no UTF-8, or that SASLprep refuses, stay as they are: a password that an older
    client sends in ISO 8859-1 still equals itself.
    """
    if password.isascii():
        return password
    try:
        return saslprep(password.decode("utf-8")).encode("utf-8")
    except (UnicodeDecodeError, Prohibited):
        return password
