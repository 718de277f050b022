"""What a backend asks the server, as it was asked, for tests that look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from lightmail.backends.mysql.literals import Values, statement_octets
from lightmail.backends.mysql.statements import Statements


@dataclass(frozen=True, slots=True)
class Asked:
    template: str
    """With places for values, as the program has it."""
    statement: str
    """With the values."""


@contextmanager
def recorded() -> Iterator[list[Asked]]:
    """Every statement of every database of this process."""
    asked: list[Asked] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("one", "all", "run", "insert", "later"):
            patch.setattr(Statements, name, _recorded(getattr(Statements, name), asked))
        patch.setattr(Statements, "many", _recorded_rows(Statements.many, asked))
        yield asked


def _recorded(method: Any, asked: list[Asked]) -> Any:
    async def ask(self: Statements, statement: str, values: Values = ()) -> Any:
        asked.append(Asked(statement, statement_octets(statement, values).decode(errors="surrogateescape")))
        return await method(self, statement, values)

    return ask


def _recorded_rows(method: Any, asked: list[Asked]) -> Any:
    async def many(self: Statements, statement: str, rows: Any, *, later: bool = False) -> None:
        asked.append(Asked(statement, statement))
        await method(self, statement, rows, later=later)

    return many
