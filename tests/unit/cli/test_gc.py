"""`lightmail gc` through the command line."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
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
    return sorted(path for path in (lightmail.data / "bodies/objects").rglob("*+*") if "manifest" not in path.name)


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


def test_manifests_of_another_database_stand_in_the_way_until_they_are_dropped(anna: Command) -> None:
    """The database was lost, and its mail is not wanted any more."""
    anna.ok("gc")
    for path in objects(anna):
        os.utime(path, (0, 0))  # a sweep leaves alone what came in the second in which it looks
    for file in anna.data.glob("lightmail.sqlite*"):
        file.unlink()
    anna.ok("user", "add", ANNA, "--generate")
    anna.ok("deliver", "--user", ANNA, stdin=b"Subject: new\n\nbody\n")
    anna("gc")
    (old,) = {path.name.split("+")[1][:16] for path in manifests(anna)} - {own_name(anna)}
    assert old in anna("gc", "--sweep", "--grace", "0", "--dry-run", "--json").json["swept"]["refused"]

    mistaken = anna("gc", "--drop-manifests", "0" * 16, "--yes")
    assert mistaken.code == 2 and old in mistaken.err and own_name(anna) not in mistaken.err
    assert anna("gc", "--drop-manifests", own_name(anna), "--yes").code == 2
    assert anna("gc", "--drop-manifests", old).code == 2, "there is nobody to ask"
    assert anna("gc", "--drop-manifests", old, "--sweep", "--yes").code == 2
    assert anna("gc", "--yes").code == 2
    before = manifests(anna)
    assert anna.ok("gc", "--drop-manifests", old, "--dry-run", "--json").json["manifests"] == 1
    assert manifests(anna) == before
    assert anna.ok("gc", "--drop-manifests", old, "--yes").out.startswith(f"1 manifests of {old} ")
    assert [path for path in manifests(anna) if old in path.name] == [] != manifests(anna)
    swept = anna.ok("gc", "--sweep", "--grace", "0", "--dry-run", "--json").json["swept"]
    assert (swept["refused"], swept["orphans"]) == ("", 5)


def manifests(lightmail: Command) -> list[Path]:
    return sorted(path for path in (lightmail.data / "bodies/objects").rglob("*+*") if "manifest" in path.name)


def own_name(lightmail: Command) -> str:
    with closing(sqlite3.connect(lightmail.data / "lightmail.sqlite")) as database:
        ((state,),) = database.execute("SELECT state FROM jobs WHERE name = 'manifests'")
    name: str = json.loads(state)["store"]
    return name


def test_mistakes(anna: Command) -> None:
    assert anna("gc", "--all-orphans").code == 2
    assert anna("gc", "--grace", "-1").code == 2
