"""`lightmail user` and `lightmail mailbox`."""

from __future__ import annotations

import pytest

from tests.unit.cli.runner import Command

ANNA = "anna@example.org"
BOB = "bob@example.org"


def test_add_list_show(lightmail: Command) -> None:
    called = lightmail.ok("user", "add", "Anna@Example.org", "--password-stdin", stdin=b"s3cret\n")
    assert called.out == f"{ANNA} added\n"
    assert lightmail.data.stat().st_mode & 0o777 == 0o700
    (row,) = lightmail.ok("user", "list", "--json").json
    assert (row["address"], row["enabled"]) == (ANNA, True)
    assert lightmail.ok("user", "list").out.startswith(f"{ANNA}\tyes\t2")
    shown = lightmail.ok("user", "show", ANNA, "--json").json
    assert (shown["has_password"], shown["mailboxes"], shown["messages"]) == (True, 6, 0)
    assert "Mailboxes       6\n" in lightmail.ok("user", "show", ANNA).out


def test_no_command_prints_a_password_or_its_hash(lightmail: Command) -> None:
    lightmail.ok("user", "add", ANNA, "--password-stdin", stdin=b"s3cret\n")
    for arguments in (("user", "list"), ("user", "show", ANNA), ("user", "disable", ANNA)):
        for options in ((), ("--json",)):
            out = lightmail.ok(*arguments, *options).out
            assert "s3cret" not in out and "argon2" not in out


def test_generated_passwords_are_told_once(lightmail: Command) -> None:
    first = lightmail.ok("user", "add", ANNA, "--generate", "--json").json["password"]
    second = lightmail.ok("user", "passwd", ANNA, "--generate", "--json").json["password"]
    assert len(first) >= 20 and len(second) >= 20 and first != second
    assert lightmail.ok("user", "passwd", ANNA, "--generate").out.splitlines()[1].startswith("password: ")


def test_disable_enable_delete(lightmail: Command) -> None:
    lightmail.ok("user", "add", ANNA, "--generate")
    assert lightmail.ok("user", "disable", ANNA).out == f"{ANNA} disabled\n"
    assert lightmail.ok("user", "show", ANNA, "--json").json["enabled"] is False
    assert lightmail.ok("user", "enable", ANNA, "--json").json["enabled"] is True
    assert lightmail("user", "delete", ANNA).code == 2
    assert lightmail.ok("user", "delete", ANNA, "--yes").out == f"{ANNA} deleted\n"
    assert lightmail.ok("user", "list", "--json").json == []


def test_quota(lightmail: Command) -> None:
    lightmail.ok("user", "add", ANNA, "--generate")
    assert lightmail.ok("user", "quota", ANNA).out == (
        "Storage    0 octets, no limit\nMessages   0, no limit\nMailboxes  6, no limit\n"
    )
    lightmail.ok("user", "quota", ANNA, "--storage", "2GiB", "--messages", "1000")
    limits = {"octets": 2**31, "messages": 1000, "mailboxes": 8}
    told = lightmail.ok("user", "quota", ANNA, "--mailboxes", "8", "--json").json
    assert told == {"address": ANNA, "limits": limits, "usage": {"octets": 0, "messages": 0, "mailboxes": 6}}
    assert "Storage    0 octets of 2.0 GiB\n" in lightmail.ok("user", "quota", ANNA).out
    told = lightmail.ok("user", "quota", ANNA, "--storage", "none", "--json").json
    assert told["limits"] == limits | {"octets": None}
    for options in (("--messages", "2GiB"), ("--storage", "much"), ("--storage", "-1"), ("--storage", "9999999999TiB")):
        assert lightmail("user", "quota", ANNA, *options).code == 2


def test_rights(lightmail: Command) -> None:
    for address in (ANNA, BOB):
        lightmail.ok("user", "add", address, "--generate")
    named = ("--user", ANNA)
    listed = ("mailbox", "rights", "list", "INBOX", *named)
    assert lightmail(*listed).err == "no rights\n"
    given = ("mailbox", "rights", "set", "INBOX")
    assert lightmail.ok(*given, "Bob@Example.org", "rlc", *named).out == f"INBOX: {BOB} has lrkx\n"
    lightmail.ok(*given, BOB, "+s", *named)
    lightmail.ok(*given, BOB, "-kl", *named)
    told = lightmail.ok(*given, f"-{BOB}", "w", *named, "--json").json
    assert told == {"name": "INBOX", "identifier": f"-{BOB}", "rights": "w"}
    lightmail.ok(*given, "anyone", "l", *named)
    rows = [{"identifier": f"-{BOB}", "rights": "w"}, {"identifier": "anyone", "rights": "l"}]
    assert lightmail.ok(*listed, "--json").json == [*rows, {"identifier": BOB, "rights": "rsx"}]
    taken = ("mailbox", "rights", "delete", "INBOX", BOB, *named)
    assert lightmail.ok(*taken).out == f"INBOX: {BOB} has no rights\n"
    assert lightmail.ok(*listed, "--json").json == rows
    for arguments, code in (((BOB, "q"), 2), ((BOB, "+"), 2), (("eve@example.org", "l"), 1), ((ANNA, "l"), 1)):
        assert lightmail(*given, *arguments, *named).code == code
    assert lightmail("mailbox", "rights", "list", f"Users/{ANNA}/INBOX", "--user", BOB).code == 1


def test_administrators(lightmail: Command) -> None:
    lightmail.ok("user", "add", ANNA, "--generate")
    assert lightmail.ok("user", "admin", ANNA, "on").out == f"{ANNA} is an administrator\n"
    assert lightmail.ok("user", "show", ANNA, "--json").json["administrator"] is True
    assert lightmail.ok("user", "admin", ANNA, "off", "--json").json == {"address": ANNA, "administrator": False}
    assert lightmail.ok("user", "show", ANNA, "--json").json["administrator"] is False


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "told"),
    [
        (("user", "show", "bob@example.org"), b"", 1, "lightmail: no user 'bob@example.org'\n"),
        (("user", "add", ANNA, "--generate"), b"", 1, f"lightmail: user '{ANNA}' exists already\n"),
        (
            ("user", "add", "a b@c", "--generate"),
            b"",
            1,
            "lightmail: address 'a b@c': has characters that need quoting\n",
        ),
        (("user", "passwd", ANNA, "--password-stdin"), b"\n", 1, "Error: the password is empty\n"),
        (("user", "passwd", ANNA, "--password-stdin"), b"\xff\n", 1, "Error: the password on stdin is not UTF-8\n"),
        (("user", "passwd", ANNA), b"", 2, "no terminal to ask for a password"),
        (("user", "passwd", ANNA, "--generate", "--password-stdin"), b"", 2, "exclude each other"),
        (("user", "passwd", ANNA, "--password-stdin"), b"x" * 1025, 1, "more than 1024 octets"),
        (("user", "show"), b"", 2, "Missing argument 'ADDRESS'"),
        (("mailbox", "status", "Nope", "--user", ANNA), b"", 1, "lightmail: no mailbox 'Nope'\n"),
        (("mailbox", "create", "INBOX", "--user", ANNA), b"", 1, "lightmail: mailbox 'INBOX' exists already\n"),
        (("mailbox", "delete", "INBOX", "--user", ANNA, "--yes"), b"", 1, "lightmail: INBOX cannot be deleted\n"),
        (("mailbox", "list"), b"", 2, "Missing option '--user'"),
        (("deliver", "--user", ANNA), b"", 1, "lightmail: a message of zero octets cannot be stored\n"),
        (("deliver", "--user", ANNA, "--sender", "a>b"), b"x", 2, "is not an address"),
        (("import", "/nowhere", "--user", ANNA), b"", 1, "lightmail: /nowhere: no such file or folder\n"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    lightmail: Command, arguments: tuple[str, ...], stdin: bytes, code: int, told: str
) -> None:
    lightmail.ok("user", "add", ANNA, "--generate")
    called = lightmail(*arguments, stdin=stdin)
    assert (called.code, called.out) == (code, "")
    assert told in called.err
    assert "Traceback" not in called.err
    if code == 1:
        assert called.err.count("\n") == 1


def test_a_folder_that_is_not_there_is_not_made_by_looking(lightmail: Command) -> None:
    called = lightmail("user", "list")
    assert called.code == 1
    assert "no such folder" in called.err
    assert not lightmail.data.exists()


def test_mailboxes(lightmail: Command) -> None:
    lightmail.ok("user", "add", ANNA, "--generate")
    assert lightmail.ok("mailbox", "create", "Work/2024", "--user", ANNA).out == "Work/2024 created\n"
    names = {row["name"]: row for row in lightmail.ok("mailbox", "list", "--user", ANNA, "--json").json}
    assert {"INBOX", "Sent", "Work", "Work/2024"} <= names.keys()
    assert names["Sent"]["special_use"] == ["\\Sent"]
    assert names["Work/2024"]["subscribed"] is True
    assert "Work/2024\t0\t0\t0\t\tyes\n" in lightmail.ok("mailbox", "list", "--user", ANNA).out
    status = lightmail.ok("mailbox", "status", "inbox", "--user", ANNA, "--json").json
    assert (status["name"], status["messages"], status["uid_next"]) == ("INBOX", 0, 1)
    assert lightmail.ok("mailbox", "delete", "Work/2024", "--user", ANNA, "--yes", "--json").json["deleted"] is True
    assert lightmail("mailbox", "status", "Work/2024", "--user", ANNA).code == 1


def test_app_passwords(lightmail: Command) -> None:
    lightmail.ok("user", "add", ANNA, "--generate")
    assert lightmail.ok("user", "app-password", "list", ANNA, "--json").json == []
    out = lightmail.ok("user", "app-password", "add", ANNA, "Phone").out
    assert out.startswith(f"{ANNA}: Phone added\npassword: ")
    made = lightmail.ok(
        "user", "app-password", "add", ANNA, "Console", "--scope", "api", "--scope", "imap", "--json"
    ).json
    assert len(made["password"]) == 29 and made["scopes"] == ["api", "imap"]
    listed = lightmail.ok("user", "app-password", "list", ANNA)
    assert made["password"] not in listed.out and "Console\tapi imap\t" in listed.out and "\tnever\n" in listed.out
    assert lightmail("user", "app-password", "add", ANNA, "Phone").code != 0
    assert lightmail("user", "app-password", "add", ANNA, " ").code == 2
    assert lightmail("user", "app-password", "add", ANNA, "x", "--scope", "smtp").code == 2
    assert lightmail.ok("user", "app-password", "revoke", ANNA, "Phone").out == f"{ANNA}: Phone revoked\n"
    assert lightmail("user", "app-password", "revoke", ANNA, "Phone").code != 0
    assert [row["label"] for row in lightmail.ok("user", "app-password", "list", ANNA, "--json").json] == ["Console"]
