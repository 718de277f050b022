"""`lightmail check` and `lightmail repair` through the command line, on the embedded default."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest

from lightmail.backends.files.paths import folder_of, folder_paths
from tests.unit.cli.runner import Command

ANNA = "anna@example.org"


@pytest.fixture
def anna(lightmail: Command) -> Command:
    """With two messages."""
    lightmail.ok("user", "add", ANNA, "--generate")
    for number in range(2):
        lightmail.ok("deliver", "--user", ANNA, stdin=b"Subject: %d\n\nbody\n" % number)
    return lightmail


def sql(lightmail: Command, statement: str) -> None:
    connection = sqlite3.connect(lightmail.data / "lightmail.sqlite")
    with connection:
        connection.execute(statement)
    connection.close()


def objects(lightmail: Command) -> list[Path]:
    return sorted(each for each in (lightmail.data / "bodies" / "objects").rglob("*") if each.is_file())


def test_a_sound_store(anna: Command) -> None:
    lines = anna.ok("check").out.splitlines()
    assert lines[0].startswith("6 mailboxes with 2 messages, 2 bodies, 2 objects (")
    assert lines[1].startswith("2 bodies read back")
    assert lines[2:] == ["nothing is wrong"]
    for options, read in (("--full", 2), ("--sample=1", 1), ("--sample=0", 0)):
        found = anna.ok("check", options, "--json").json
        assert (found["sound"], found["findings"], found["counts"]) == (True, [], {})
        assert (found["bodies"], found["read_bodies"], found["young_objects"]) == (2, read, 0)
    assert anna.ok("repair").out.splitlines()[2:] == ["nothing is wrong"]


def test_what_is_wrong_is_told_repaired_and_gone(anna: Command) -> None:
    sql(anna, "UPDATE mailboxes SET messages = 7 WHERE name = 'INBOX'")
    found = anna("check")
    assert (found.code, found.err) == (1, "")
    assert found.out.splitlines()[2:] == [
        "1 mailboxes whose counters are not what their messages come to:",
        "  anna@example.org INBOX: messages 7 instead of 2",
        "  `lightmail repair` would count again",
    ]
    (finding,) = anna("check", "--json").json["findings"]
    assert (finding["kind"], finding["account"], finding["mailbox"]) == ("counters", ANNA, "INBOX")
    dry = anna("repair", "--dry-run")
    assert dry.code == 1
    assert dry.out.splitlines()[2:] == found.out.splitlines()[2:]
    asked = anna("repair")
    assert (asked.code, "use --yes" in asked.err) == (2, True)
    assert anna("check").code == 1
    done = anna.ok("repair", "--yes", "--json").json
    assert (done["before"]["counts"], done["after"]["sound"]) == ({"counters": 1}, True)
    assert done["done"]["mailboxes_counted"] == 1
    anna.ok("check")


def test_a_lost_object_is_told_with_its_message(anna: Command) -> None:
    first, second = objects(anna)
    first.unlink()
    found = anna("check", "--json")
    assert found.code == 1
    (finding,) = found.json["findings"]
    assert (finding["kind"], finding["key"]) == ("object-missing", first.name.replace("+", "/"))
    (message,) = finding["messages"]
    assert (message["account"], message["mailbox"], message["uid"] in (1, 2)) == (ANNA, "INBOX", True)
    text = anna("check").out
    assert f"it is {ANNA} INBOX UID {message['uid']}" in text
    assert "restore the object from a copy" in text
    # Nobody can bring it back, so nothing is taken away either.
    repaired = anna("repair", "--yes", "--json")
    assert (repaired.code, set(repaired.json["done"].values())) == (1, {0})
    assert anna.ok("mailbox", "status", "INBOX", "--user", ANNA, "--json").json["messages"] == 2
    second.unlink()
    assert "is storage.bodies the right place?" in anna("check").err


def test_an_object_that_nobody_names(anna: Command) -> None:
    places = list(folder_paths())
    orphan = anna.data / "bodies" / "objects" / places[folder_of("ab/cdef0123")] / "ab+cdef0123"
    orphan.write_bytes(b"octets")
    assert "1 objects that no body names are too young" in anna.ok("check").out
    old_s = time.time() - 3 * 86_400
    os.utime(orphan, (old_s, old_s))
    found = anna("check")
    assert found.code == 1
    assert found.out.splitlines()[2:] == [
        "1 objects that no body names:",
        "  ab/cdef0123: 6 octets",
        "  `lightmail gc --sweep` deletes them; in a database that was restored from a copy they are the mail that came "
        "after the copy, see docs/checking.md",
    ]
    anna("repair", "--yes")
    assert orphan.exists()


def test_an_object_in_a_folder_where_nobody_looks_for_it(anna: Command) -> None:
    lost = objects(anna)[0]
    other = next(each for each in lost.parent.parent.iterdir() if each != lost.parent)
    lost.rename(other / lost.name)
    for options in ("--full", "--sample=0"):
        assert anna("check", options, "--json").json["counts"] == {"object-missing": 1}


def test_a_long_list_is_cut(anna: Command) -> None:
    sql(anna, "UPDATE mailboxes SET messages = 7")
    for number in range(20):
        anna.ok("mailbox", "create", f"M{number}", "--user", ANNA)
    sql(anna, "UPDATE mailboxes SET messages = 7")
    lines = anna("check").out.splitlines()
    assert lines[2].startswith("26 mailboxes whose counters")
    assert lines[23:] == ["  and 6 more; --json tells more of them", "  `lightmail repair` would count again"]
    assert len(anna("check", "--json").json["findings"]) == 26


def test_the_two_checks_tell_of_each_other(lightmail: Command) -> None:
    mail = " ".join(lightmail.ok("check", "--help", data=False).out.split())
    assert "`lightmail db check`" in mail
    assert "`lightmail check`" in " ".join(lightmail.ok("db", "check", "--help", data=False).out.split())


def test_a_folder_that_is_not_there(lightmail: Command) -> None:
    for command in ("check", "repair"):
        called = lightmail(command)
        assert called.code == 1
        assert "no such folder" in called.err
    assert not lightmail.data.exists()
