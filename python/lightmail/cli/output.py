"""Printing: tables and lines for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> None:
    """columns: key to heading. A terminal gets a table, a pipe gets tab-separated lines without headings."""
    if not rows:
        click.echo(empty, err=not sys.stdout.isatty())
        return
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(printable(row[key]) for key in columns))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for key, heading in columns.items():
        numbers = all(isinstance(row[key], int) and not isinstance(row[key], bool) for row in rows)
        table.add_column(heading, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(row[key])) for key in columns))
    Console().print(table)


def print_fields(row: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    """One thing, a line per field."""
    width = max(map(len, labels.values()))
    for key, label in labels.items():
        click.echo(f"{label:<{width}}  {printable(row[key])}")


def printable(value: Any) -> str:
    """Names come from clients: control characters must not reach a terminal."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(printable(element) for element in value)
    text = str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def octets_in_words(octets: int) -> str:
    """1536 is "1.5 KiB"."""
    value = float(octets)
    for unit in ("octets", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "octets" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def iso_time(seconds: int) -> str:
    """UTC, RFC 3339."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
