"""`lightmail gc` through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.runner import Command

ANNA = "anna@example.org"


@pytest.fixture
def anna(lightmail: Command) -> Command:
    """Three messages in INBOX, two in a mailbox that is deleted."""
    lightmail.ok("user", "add", ANNA, "--generate")
    lightmail.ok("mailbox", "create", "Lists", "--user", ANNA)
    for number in range(5):
        where = ("--mailbox", "Lists") if number < 2 else ()
        lightmail.ok("deliver", "--user", ANNA, *where, stdin=b"Subject: %d\n\nbody\n" % number)
    lightmail.ok("mailbox", "delete", "Lists", "--user", ANNA, "--yes")
    return lightmail


def objects(lightmail: Command) -> list[Path]:
    return sorted(path for path in (lightmail.data / "bodies/objects").rglob("*+*") if "manifest" not in str(path))


def test_bodies_go_after_the_grace_period(anna: Command) -> None:
    assert len(objects(anna)) == 5
    assert anna.ok("gc", "--json").json["collected"]["bodies"] == 0
    waiting = anna.ok("gc", "--dry-run", "--json").json
    assert waiting["dry_run"] is True
    assert len(objects(anna)) == 5


def test_sweep(anna: Command) -> None:
    report = anna.ok("gc", "--sweep", "--json").json["swept"]
    assert (report["objects"], report["bodies"], report["orphans"], report["missing"]) == (5, 5, 0, 0)
    first = objects(anna)[0]
    first.unlink()
    called = anna("gc", "--sweep")
    assert called.code == 1
    assert "1 bodies have no object" in called.err
    assert len(anna("gc", "--sweep", "--dry-run", "--json").json["swept"]["missing_keys"]) == 1


def test_mistakes(anna: Command) -> None:
    assert anna("gc", "--all-orphans").code == 2
    assert anna("gc", "--grace", "-1").code == 2
