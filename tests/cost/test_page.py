"""docs/cost.md shows the budgets as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cost.page import tables

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"


@pytest.mark.parametrize("table", tables().split("\n\n"), ids=lambda table: table.split("|")[1].strip())
def test_the_page_shows_the_budgets(table: str) -> None:
    assert table.strip() in PAGE.read_text(encoding="utf-8"), "python -m tests.cost.page prints the tables"
