"""`lightmail repair --from-bodies` through the command line, on the embedded default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.cli.runner import Command

ANNA, BOB = "anna@example.org", "bob@example.org"


@pytest.fixture
def lost(lightmail: Command) -> Command:
    """Two messages in manifests, a third one after them; then the database is lost."""
    lightmail.ok("user", "add", ANNA, "--password-stdin", stdin=b"s3cret\n")
    deliver(lightmail, ANNA, 2)
    lightmail.ok("gc")
    deliver(lightmail, ANNA, 1)
    lose(lightmail)
    return lightmail


def deliver(lightmail: Command, address: str, messages: int) -> None:
    for number in range(messages):
        lightmail.ok("deliver", "--user", address, stdin=b"Subject: %d\n\nbody\n" % number)


def lose(lightmail: Command) -> None:
    for file in lightmail.data.glob("lightmail.sqlite*"):
        file.unlink()


def objects(lightmail: Command, prefix: str = "") -> list[Path]:
    """Of manifests, or of bodies."""
    found = [each for each in (lightmail.data / "bodies" / "objects").rglob("*") if each.is_file()]
    return [each for each in found if each.name.startswith("manifests") == (prefix == "manifests")]


def test_what_would_be_and_what_is(lost: Command) -> None:
    told = lost.ok("repair", "--from-bodies", "--dry-run").out.splitlines()
    assert re.fullmatch(r"manifests of database [0-9a-f]{16}: 1, complete until 2\S+Z", told[0])
    assert told[1:] == [
        "2 messages would be where they were, with their UIDs and flags; 1 accounts, 6 mailboxes, 3 objects",
        "1 messages that no manifest has would be placed by what their objects say:",
        f"  1 in {ANNA} INBOX",
    ]
    assert lost.ok("user", "list", "--json").json == []
    assert lost("repair", "--from-bodies").code == 2  # nobody to ask
    done = lost.ok("repair", "--from-bodies", "--yes", "--json").json
    assert (done["whole"], done["dry_run"], done["messages"], done["guessed_messages"]) == (True, False, 2, 1)
    shown = lost.ok("user", "show", ANNA, "--json").json
    assert (shown["has_password"], shown["mailboxes"], shown["messages"]) == (True, 6, 3)
    assert lost.ok("check", "--full", "--json").json["sound"]
    again = lost("repair", "--from-bodies", "--yes")
    assert (again.code, again.err) == (1, "lightmail: the database has accounts already; it has to be empty\n")
    # It goes on under its name.
    lost.ok("gc")
    assert len(objects(lost, "manifests")) == 1


def test_manifests_of_several_databases(lost: Command) -> None:
    lost.ok("user", "add", BOB, "--generate")
    assert "manifests of another database are among the bodies" in lost("gc").err
    lose(lost)
    called = lost("repair", "--from-bodies", "--yes")
    assert called.code == 2
    assert "manifests of several databases; say which with --store" in called.err
    names = re.findall(r"^  ([0-9a-f]{16}): ", called.err, re.MULTILINE)
    assert len(names) == 2
    assert "no manifests of a database 'nobody'" in lost("repair", "--from-bodies", "--store", "nobody").err
    found = [lost.ok("repair", "--from-bodies", "--store", name, "--dry-run", "--json").json for name in names]
    assert sorted(each["messages"] for each in found) == [0, 2]


def test_what_nobody_is_named_for(lost: Command) -> None:
    for file in objects(lost, "manifests"):
        file.unlink()
    told = lost("repair", "--from-bodies", "--dry-run", "--json").json
    assert (told["store"], told["messages"], told["guessed_messages"]) == (None, 0, 3)
    assert told["new_accounts"] == [ANNA]
    lost.ok("repair", "--from-bodies", "--yes")
    assert lost.ok("user", "show", ANNA, "--json").json["mailboxes"] == 6
    assert not lost.ok("user", "show", ANNA, "--json").json["has_password"]


def test_what_is_lost_is_named(lost: Command) -> None:
    for file in objects(lost):
        file.unlink()
    called = lost("repair", "--from-bodies", "--yes")
    assert called.code == 1
    assert "2 messages are lost:" in called.out
    assert f"  {ANNA} INBOX UID 1: " in called.out
    assert "is storage.bodies the right place?" in called.err


def test_options_that_do_not_go_together(lightmail: Command) -> None:
    assert "--full does not go with --from-bodies" in lightmail("repair", "--from-bodies", "--full").err
    assert "go with --from-bodies" in lightmail("repair", "--unplaced-to", ANNA).err
