"""The effective configuration for people and programs, without secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lightmail.config.addresses import hide_secrets
from lightmail.config.load import KEYS, Reading


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    value: Any
    """As TOML has it: text, number, boolean, list of texts, table of texts."""
    origin: str


def effective(reading: Reading) -> list[Row]:
    """All keys in the order of the sections."""
    rows = []
    for name, key in KEYS.items():
        value = getattr(getattr(reading.config, key.attribute), key.name)
        shown = "***" if key.secret and value else _safe(value)
        rows.append(Row(name, shown, reading.origins[name]))
    return rows


def toml_value(value: Any) -> str:
    """One value as it would stand in lightmail.toml."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value + "'" if "\\" in value and "'" not in value else _basic(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(element) for element in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_basic(name)} = {toml_value(member)}" for name, member in value.items()) + " }"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _basic(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, tuple):
        return [hide_secrets(element) for element in value]
    return value
