"""docs/configuration.md names every key."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lightmail.config import Config

ROOT = Path(__file__).resolve().parents[3]


def test_every_key_is_documented() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    keys = [f"{section}.{key}" for section, keys in msgspec.to_builtins(Config()).items() for key in keys]
    assert len(keys) > 40
    assert [key for key in keys if f"`{key}`" not in page] == []
