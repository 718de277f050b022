"""The command on a temporary data folder, far from any lightmail.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.runner import Command


@pytest.fixture
def lightmail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(tmp_path / "data")
