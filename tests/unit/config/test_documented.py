"""docs/configuration.md names every key; what it shows, and what the containers are given, is a configuration."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from lightmail.config import Config
from lightmail.config.load import _WITHIN, read

ROOT = Path(__file__).resolve().parents[3]


def test_every_key_is_documented() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    keys = [
        f"{_WITHIN.get(section, section)}.{key}"
        for section, keys in msgspec.to_builtins(Config()).items()
        for key in keys
    ]
    assert len(keys) > 40
    assert [key for key in keys if f"`{key}`" not in page] == []


def test_every_example_is_a_configuration(tmp_path: Path) -> None:
    """Apart from the certificates, which are not here."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) > 5
    file = tmp_path / "lightmail.toml"
    for example in examples:
        file.write_text(example, encoding="utf-8")
        problems = [str(each) for each in read(file, environment={}).problems]
        assert [each for each in problems if ": no file /etc/lightmail/" not in each] == [], example


@pytest.mark.parametrize(("page", "least"), [("Dockerfile", 3), ("compose.yaml", 10)])
def test_containers_are_given_a_configuration(page: str, least: int) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    environment = {name: value.strip('"') for name, value in re.findall(r"(LIGHTMAIL_\w+)(?:: |=)([^\s\\]+)", text)}
    assert len(environment) >= least
    problems = [str(each) for each in read(environment=environment).problems]
    assert [each for each in problems if ": no file /etc/lightmail/" not in each] == []
