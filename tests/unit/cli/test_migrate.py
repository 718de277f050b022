"""`lightmail migrate` from one data folder to another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.runner import Command

ADDRESS = "ann@example.org"


@pytest.fixture
def source(lightmail: Command) -> Command:
    lightmail("user", "add", ADDRESS, "--password-stdin", stdin=b"secret\n")
    for number in range(3):
        lightmail.ok("deliver", "--user", ADDRESS, stdin=f"Subject: {number}\r\n\r\nhello\r\n".encode())
    return lightmail


@pytest.fixture
def target(source: Command) -> Command:
    """The store of `other.toml`."""
    target = Command(source.data.parent / "other")
    other_toml(source).write_text(f'[server]\ndata = "{target.data}"\n')
    return target


def other_toml(source: Command) -> Path:
    return source.data.parent / "other.toml"


def test_moved(source: Command, target: Command) -> None:
    done = source.ok("migrate", "--to", str(other_toml(source)), "--json").json
    assert done["switched"] and done["messages"] == 3 and done["accounts"] == 1 and done["bodies_copied"] == 3
    assert done["bodies_read_back"] == 3 and done["sealed_seconds"] >= 0
    assert target.ok("mailbox", "list", "--user", ADDRESS).out == source.ok("mailbox", "list", "--user", ADDRESS).out
    refused = source("deliver", "--user", ADDRESS, stdin=b"Subject: late\r\n\r\nhello\r\n")
    assert refused.code == 1 and f"moved to {target.data}" in refused.err
    assert source("user", "disable", ADDRESS).code == 1
    target.ok("deliver", "--user", ADDRESS, stdin=b"Subject: new\r\n\r\nhello\r\n")
    again = source.ok("migrate", "--to", str(other_toml(source))).out
    assert again == f"had been moved before: {target.data} is the mail store\n"


def test_said_in_words(source: Command, target: Command) -> None:
    said = source.ok("migrate", "--to", str(other_toml(source)), "--no-switch").out
    assert said.startswith("1 accounts, 6 mailboxes, 3 messages (")
    assert said.splitlines()[0].endswith(f" octets) are in {target.data}")
    assert said.endswith("not switched: run it again without --no-switch\n")
    refused = target("deliver", "--user", ADDRESS, stdin=b"Subject: early\r\n\r\nhello\r\n")
    assert refused.code == 1 and f"being filled from {source.data}" in refused.err
    said = source.ok("migrate", "--to", str(other_toml(source)), "--verify", "full").out
    assert "switched; for " in said and "neither took writes" in said


def test_reopened(source: Command, target: Command) -> None:
    assert source.ok("migrate", "--reopen").out == "it was not sealed\n"
    source.ok("migrate", "--to", str(other_toml(source)))
    assert source("migrate", "--reopen").code == 2  # nobody is there to be asked
    assert source.ok("migrate", "--reopen", "--yes").out == "it takes writes again\n"
    source.ok("deliver", "--user", ADDRESS, stdin=b"Subject: here\r\n\r\nhello\r\n")
    refused = source("migrate", "--to", str(other_toml(source)))
    assert refused.code == 1 and "--replace removes what the target holds" in refused.err
    done = source.ok("migrate", "--to", str(other_toml(source)), "--replace", "--yes", "--json").json
    assert done["messages"] == 4 and done["bodies_kept"] == 3 and done["bodies_copied"] == 1


def test_only_the_database_moves(source: Command, target: Command) -> None:
    """The bodies stay where both have them."""
    other_toml(source).write_text(
        f'[server]\ndata = "{target.data}"\n[storage]\nbodies = "file://{source.data / "bodies"}"\n'
    )
    done = source.ok("migrate", "--to", str(other_toml(source)), "--json").json
    assert done["bodies_copied"] == 0 and done["bodies_read_back"] == 3 and done["switched"]


def test_a_command_is_run_when_it_is_over(source: Command, target: Command) -> None:
    there = source.data.parent / "there"
    said = source("migrate", "--to", str(other_toml(source)), "--no-switch", "--on-switched", f"touch {there}")
    assert said.code == 0 and not there.exists()
    assert source("migrate", "--to", str(other_toml(source)), "--on-switched", f"touch {there}; exit 3").code == 1
    assert there.exists()


def test_what_is_wrong_on_the_command_line(source: Command, target: Command) -> None:
    assert source("migrate").code == 2
    assert source("migrate", "--to", str(other_toml(source)), "--reopen").code == 2
    assert source("migrate", "--to", "nowhere.toml").code == 1
    itself = source.data.parent / "itself.toml"
    itself.write_text(f'[server]\ndata = "{source.data}"\n')
    refused = source("migrate", "--to", str(itself), "--replace", "--yes")
    assert refused.code == 1 and "same mail store" in refused.err


def test_a_data_folder_that_is_not_there(lightmail: Command, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(f'[server]\ndata = "{tmp_path / "other"}"\n')
    refused = lightmail("migrate", "--to", str(tmp_path / "other.toml"))
    assert refused.code == 1 and "no such folder" in refused.err
    assert not (tmp_path / "other").exists()
