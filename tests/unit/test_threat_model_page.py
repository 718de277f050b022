"""docs/threat-model.md: every proof that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/threat-model.md").read_text()


def test_each_file_that_it_names_exists() -> None:
    named = re.findall(r"`((?:tests|python|rust)/[\w/.]+)`|\]\(([^)#:]+)\)", PAGE)
    paths = [ROOT / test if test else ROOT / "docs" / link for test, link in named]
    assert len(paths) > 20
    assert [path for path in paths if not path.exists()] == []


def test_each_attack_has_what_holds_it_and_a_proof() -> None:
    table = PAGE.split("## Attacks")[1].split("## Not covered")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    assert rows
    assert [row[0] for row in rows if len(row) != 3 or not all(cell.strip() for cell in row)] == []
