"""What a row of an operator's query says, by the names of its columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from lightmail.ports.users import TableUser

_TRUE = frozenset({"1", "y", "yes", "t", "true", "\1"})
_FALSE = frozenset({"0", "n", "no", "f", "false", "", "\0"})
"""BIT(1) of MySQL is an octet."""
_MOST_OCTETS = 2**63 - 1


class Wrong(ValueError):
    """What a query returned that it must not; said without what is secret."""


def only_row(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, object] | None:
    """By name, in lower case; None: there is none. Raises Wrong."""
    names = [name.lower() for name in columns]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Wrong(f"returned two columns {sorted(twice)[0]}; expected each once")
    if len(rows) > 1:
        raise Wrong(f"returned {len(rows)} rows for one address; expected one, or none")
    return dict(zip(names, rows[0], strict=True)) if rows else None


def login_of(row: Mapping[str, object], default_scheme: str) -> TableUser:
    """Raises Wrong."""
    if "password" not in row:
        raise Wrong(f"returned no column password, but {', '.join(row)}; expected one (SELECT … AS password)")
    password = row["password"]
    if password is None:
        raise Wrong("returned NULL as password; expected a text, '' where no password is accepted")
    if isinstance(password, bytes):
        try:
            password = password.decode("utf-8")
        except UnicodeDecodeError:
            raise Wrong("returned a password that is not UTF-8; expected text") from None
    if not isinstance(password, str):
        raise Wrong(f"returned a password that is {_kind(password)}; expected a text")
    if default_scheme and password and not password.startswith(("{", "$")):
        password = f"{{{default_scheme}}}{password}"
    return recipient_of(row, password)


def recipient_of(row: Mapping[str, object], password: str = "") -> TableUser:
    """Of columns that are not there nothing is said. Raises Wrong."""
    enabled = _truth(row, "enabled")
    active = _truth(row, "active")
    return TableUser(
        address=_text(row, "address"),
        password=password,
        enabled=enabled is not False and active is not False,
        administrator=_truth(row, "administrator"),
        quota_octets=_octets(row, "quota_storage_octets"),
    )


def address_of(columns: Sequence[str], row: Sequence[object]) -> str:
    """Of one of all accounts. Raises Wrong."""
    by_name = dict(zip([name.lower() for name in columns], row, strict=True))
    if "address" in by_name:
        address = _text(by_name, "address")
    elif len(row) == 1:
        address = _text({"address": row[0]}, "address")
    else:
        raise Wrong(f"returned no column address, but {', '.join(by_name)}; expected one (SELECT … AS address)")
    if address is None:
        raise Wrong("returned NULL as address; expected a text in every row")
    return address


def _text(row: Mapping[str, object], name: str) -> str | None:
    value = row.get(name)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if value is not None and not isinstance(value, str):
        raise Wrong(f"returned as {name} {_kind(value)}; expected a text")
    return value or None


def _truth(row: Mapping[str, object], name: str) -> bool | None:
    """NULL: nothing is said."""
    value = row.get(name)
    if value is None:
        return None
    word = (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Wrong(f"returned as {name} what is neither true nor false; expected 1 or 0")


def _octets(row: Mapping[str, object], name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, str) and re.fullmatch(r"\d{1,19}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_OCTETS:
        raise Wrong(f"returned as {name} what is no number of octets; expected a whole number, 0 for no limit")
    return value


def _kind(value: object) -> str:
    return {int: "a whole number", float: "a number", Decimal: "a number", bytes: "octets", bool: "a truth value"}.get(
        type(value), "no text"
    )
