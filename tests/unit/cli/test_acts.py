"""What the command line does is in the audit log of its mail store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lightmail.cli.main import run


def test_acts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lightmail.toml"
    file.write_text(f'[server]\ndata = "{tmp_path}/data"\n[log]\naudit = "audit.log"\n[auth]\nargon2_memory_kib = 8\n')

    def command(*arguments: str) -> int:
        return run([*arguments, "--config", str(file)])

    assert command("user", "add", "pat@example.org", "--generate") == 0
    password = capsys.readouterr().out.split()[-1]
    assert command("user", "list") == 0
    assert command("user", "show", "pat@example.org") == 0
    assert command("user", "add", "pat@example.org", "--generate") == 1
    assert command("mailbox", "create", "Plans", "--user", "pat@example.org") == 0
    assert command("user", "delete", "pat@example.org", "--yes") == 0
    text = (tmp_path / "data" / "audit.log").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert [(row["event"], row["command"], row["outcome"]) for row in rows] == [
        ("command", "user add", "done"),
        ("command", "user add", "failed"),
        ("command", "mailbox create", "done"),
        ("command", "user delete", "done"),
    ]
    assert rows[0]["arguments"]["address"] == "pat@example.org"
    assert all(row["by"] and row["pid"] for row in rows)
    assert password not in text
