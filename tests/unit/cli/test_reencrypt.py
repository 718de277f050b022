"""`lightmail reencrypt`, and the other commands on a store that is encrypted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lightmail._core.frames import key_id
from tests.unit.cli.runner import Command

ANNA = "anna@example.org"


@pytest.fixture
def anna(lightmail: Command, tmp_path: Path) -> Command:
    """Three messages in plain, two keys that may be used."""
    for name in ("old", "new"):
        (tmp_path / name).write_text(name.encode().hex().ljust(64, "0"))
        (tmp_path / name).chmod(0o600)
    lightmail.ok("user", "add", ANNA, "--generate")
    for number in range(3):
        lightmail.ok("deliver", "--user", ANNA, stdin=b"Subject: %d\n\nbody\n" % number)
    return lightmail


def configure(folder: Path, active: str, *keys: str) -> None:
    lines = [f'{name} = "{Path.cwd() / name}"' for name in keys]
    (folder / "lightmail.toml").write_text(f'[encryption]\nactive = "{active}"\n[encryption.keys]\n' + "\n".join(lines))


def keys_of(data: Path) -> list[str | None]:
    names = (path.name.replace("+", "/") for path in (data / "bodies/objects").rglob("*+*"))
    return sorted((key_id(name) for name in names if not name.startswith("manifests")), key=str)


def test_keys_come_and_go(anna: Command, tmp_path: Path) -> None:
    configure(tmp_path, "old", "old")
    anna.ok("deliver", "--user", ANNA, stdin=b"Subject: 4\n\nbody\n")
    assert keys_of(anna.data) == [None, None, None, "old"]
    called = anna("reencrypt")
    assert called.code == 2 and "no terminal to ask" in called.err
    would = anna.ok("reencrypt", "--dry-run", "--json").json
    assert (would["bodies"], would["by_key"], would["active"]) == (3, {"": 3, "old": 1}, "old")

    told = anna.ok("reencrypt", "--yes").out
    assert "3 bodies were not encrypted" in told and "3 bodies (" in told
    assert anna.ok("check", "--full", "--json").json["sound"]
    assert anna("gc", "--grace", "0").code == 0
    configure(tmp_path, "new", "old", "new")
    assert anna.ok("reencrypt", "--yes", "--json").json["bodies"] == 4
    configure(tmp_path, "new", "new")
    report = anna("check", "--full", "--json")
    assert report.json["read_bodies"] == 4 and report.json["sound"]


def test_without_its_key_mail_is_told_and_left_alone(anna: Command, tmp_path: Path) -> None:
    configure(tmp_path, "old", "old")
    anna.ok("reencrypt", "--yes")
    anna.ok("gc")
    configure(tmp_path, "new", "new")
    report = anna("check", "--full", "--json")
    assert report.code == 1 and report.json["counts"] == {"key-missing": 3}
    refused = anna("reencrypt", "--yes")
    assert refused.code == 1 and 'there is no key "old"' in refused.err and "encryption.keys" in refused.err
    for file in anna.data.glob("lightmail.sqlite*"):
        file.unlink()
    lost = anna("repair", "--from-bodies", "--yes")
    assert lost.code == 1 and 'there is no key "old"' in lost.err
    configure(tmp_path, "old", "old")
    anna.ok("repair", "--from-bodies", "--yes")
    assert anna.ok("check", "--full", "--json").json["messages"] == 3


def test_a_store_moves_with_its_keys(anna: Command, tmp_path: Path) -> None:
    configure(tmp_path, "old", "old")
    anna.ok("reencrypt", "--yes")
    other = tmp_path / "other"
    other.mkdir()
    configure(other, "new", "old", "new")
    anna.ok("migrate", "--to", str(other / "lightmail.toml"))
    shutil.rmtree(anna.data)
    there = Command(tmp_path / "lightmail-data")  # where a store is by default
    configure(tmp_path, "new", "old", "new")
    assert keys_of(there.data) == ["old", "old", "old"]
    assert there.ok("check", "--full", "--json").json["read_bodies"] == 3
