"""The configuration read again."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from lightmail.config import Config, Imap, Limits, Server
from lightmail.config.load import read
from lightmail.serving.reload import changed_keys, needs_restart, read_again


@pytest.fixture(autouse=True)
def logs() -> None:
    structlog.reset_defaults()


def test_what_is_new() -> None:
    old = Config(server=Server(hostname="a"))
    assert changed_keys(old, old) == []
    new = Config(server=Server(hostname="b"), imap=Imap(listen=("127.0.0.1:1",)), limits=Limits(nesting=7))
    assert changed_keys(old, new) == ["server.hostname", "imap.listen", "limits.nesting"]


def test_a_bad_configuration_is_told_problem_by_problem(tmp_path: Path) -> None:
    file = tmp_path / "lightmail.toml"
    file.write_text("[limits]\nnesting = 0\nliterals = 0\n")
    with capture_logs() as logged:
        assert read_again(lambda: read(file, environment={})) is None
    assert [entry["event"] for entry in logged] == ["configuration not reloaded"] * 2
    assert "limits.nesting" in logged[0]["problem"]


def test_a_good_one_has_a_host_name(tmp_path: Path) -> None:
    file = tmp_path / "lightmail.toml"
    file.write_text("[limits]\nnesting = 7\n")
    again = read_again(lambda: read(file, environment={}))
    assert again is not None and again.limits.nesting == 7 and again.server.hostname


def test_what_waits_for_a_restart_is_named() -> None:
    with capture_logs() as logged:
        needs_restart([])
        needs_restart(["server.data"])
    assert [(entry["log_level"], entry["keys"]) for entry in logged] == [("warning", ["server.data"])]
