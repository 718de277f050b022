"""`lightmail deliver`, `lightmail import` and `lightmail demo` through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.runner import Command

ANNA = "anna@example.org"


@pytest.fixture
def anna(lightmail: Command) -> Command:
    lightmail.ok("user", "add", ANNA, "--generate")
    return lightmail


def status(lightmail: Command, name: str = "INBOX") -> dict[str, int]:
    found: dict[str, int] = lightmail.ok("mailbox", "status", name, "--user", ANNA, "--json").json
    return found


def test_deliver(anna: Command) -> None:
    called = anna.ok("deliver", "--user", ANNA, "--sender", "bob@example.org", "--json", stdin=b"Subject: x\n\nbody\n")
    after = status(anna)
    assert (after["messages"], after["unseen"]) == (1, 1)
    assert after["size_octets"] == called.json["octets"] > len(b"Subject: x\r\n\r\nbody\r\n")
    anna.ok("mailbox", "create", "Lists", "--user", ANNA)
    assert anna.ok("deliver", "--user", ANNA, "--mailbox", "Lists", stdin=b"x").out.endswith(f"delivered to {ANNA}\n")
    assert (status(anna)["messages"], status(anna, "Lists")["messages"]) == (1, 1)


def test_deliver_a_large_message(anna: Command) -> None:
    octets = b"Subject: large\n\n" + b"line of text\n" * 100_000
    delivered = anna.ok("deliver", "--user", ANNA, "--json", stdin=octets).json["octets"]
    assert delivered - len(octets.replace(b"\n", b"\r\n")) in range(1000)
    assert status(anna)["size_octets"] == delivered


def test_import_reports_and_resumes(anna: Command, tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.eml").write_bytes(b"Subject: %d\n\nbody\n" % number)
    (folder / "empty.eml").touch()
    report = anna.ok("import", str(folder), "--user", ANNA, "--mailbox", "Old/Mail", "--json").json
    assert (report["format"], report["imported"], report["already_imported"]) == ("eml", 3, 0)
    assert report["refused"] == [{"place": "empty.eml", "reason": "is empty (zero octets)"}]
    assert report["mailboxes"] == {"Old/Mail": 3}
    lines = anna.ok("import", str(folder), "--user", ANNA, "--mailbox", "Old/Mail").out.splitlines()
    assert lines[0].startswith("0 messages imported")
    assert lines[1:] == [
        "3 had been imported before",
        "1 could not be imported:",
        "  empty.eml: is empty (zero octets)",
    ]
    assert status(anna, "Old/Mail")["messages"] == 3
    again = anna.ok("import", str(folder), "--user", ANNA, "--mailbox", "Old/Mail", "--again", "--json").json
    assert again["imported"] == 3
    assert status(anna, "Old/Mail")["messages"] == 6


def test_demo_is_made_once(lightmail: Command) -> None:
    first = lightmail.ok("demo", "--json").json
    assert first["address"] == "demo@localhost"
    assert lightmail.ok("demo").out == f"demo account: demo@localhost, password {first['password']}\n"
    names = {row["name"]: row for row in lightmail.ok("mailbox", "list", "--user", "demo@localhost", "--json").json}
    assert (names["INBOX"]["messages"], names["INBOX"]["unseen"]) == (5, 3)
    assert names["Sent"]["messages"] == 1
    assert (lightmail.data / "demo-password").stat().st_mode & 0o777 == 0o600


def test_demo_with_a_lost_password_gets_a_new_one(lightmail: Command) -> None:
    first = lightmail.ok("demo", "--json").json
    (lightmail.data / "demo-password").unlink()
    second = lightmail.ok("demo", "--json").json
    assert first["password"] != second["password"] == lightmail.ok("demo", "--json").json["password"]
