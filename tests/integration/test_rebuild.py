"""`lightmail repair --from-bodies`: the database is dropped, and clients find their mail where it was."""

from __future__ import annotations

import json
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from lightmail.app import open_store
from lightmail.config.load import load
from lightmail.mail.manifests import ManifestWriter, Written
from tests.support.aio import run
from tests.support.attributes import needs_attributes
from tests.support.installation import Installation, Kind
from tests.support.services import Services
from tests.support.trust import assert_sound
from tests.support.wire import ImapClient, Wire

pytestmark = pytest.mark.integration

KINDS = {"sqlite+files": Kind(), "mysql+s3": Kind("mysql", "s3")}
Account = tuple[str, str]

_NAME = re.compile(rb'^\* LIST \([^)]*\) "/" (.+)$')
_EMAIL_ID = re.compile(rb"EMAILID \([^)]+\) ?")
_UID = re.compile(rb"UID (\d+)")


@dataclass(frozen=True)
class Mailbox:
    """What a client sees of one."""

    uid_validity: int
    uid_next: int
    messages: dict[int, bytes]
    """UID → flags, INTERNALDATE, octets, as FETCH tells them."""
    email_ids: dict[int, bytes]
    """By UID (RFC 8474 §5.1)."""


@dataclass(frozen=True)
class Seen:
    """What a client sees of an account."""

    listed: list[bytes]
    mailboxes: dict[bytes, Mailbox]


@pytest.mark.parametrize("name", KINDS)
def test_the_database_is_dropped(name: str, tmp_path: Path, services: Services) -> None:
    with Installation(KINDS[name], tmp_path / "here", services) as place:
        ann, bob = place.add_user(), place.add_user()
        fill(place, ann, seed=1)
        fill(place, bob, seed=2)
        deliver(place, 1, ann, bob)
        assert write_manifests(place).whole
        fill_more(place, ann)
        assert write_manifests(place).manifests == 1
        before = {account: look(place, account) for account in (ann, bob)}
        place.stop()
        drop_database(place)
        told = json.loads(place.command("repair", "--from-bodies", "--dry-run", "--json").stdout)
        assert (told["whole"], told["guessed_messages"], told["accounts"]) == (True, 0, 2)
        done = place.command("repair", "--from-bodies", "--yes", "--json")
        assert done.returncode == 0, done.stderr.decode()
        report = json.loads(done.stdout)
        assert report["messages"] == told["messages"] == sum(count(seen) for seen in before.values())
        assert place.command("repair", "--from-bodies", "--yes").returncode == 1  # it is not empty any more
        assert_sound(place)
        place.start()
        for account, seen in before.items():
            same(look(place, account), seen)
            a_new_message_has_a_new_uid(place, account, seen)
        assert_sound(place)


@needs_attributes
@pytest.mark.parametrize("name", KINDS)
def test_what_came_after_the_last_manifest(name: str, tmp_path: Path, services: Services) -> None:
    with Installation(KINDS[name], tmp_path / "here", services) as place:
        ann, bob = place.add_user(), place.add_user()
        fill(place, ann, seed=3)
        write_manifests(place)
        covered = look(place, ann)
        with connected(place, ann) as client:
            assert client.command(b"RENAME Work Arbeit").ok
            assert client.command(b'APPEND Arbeit/Old (\\Flagged $Late) "09-Feb-2003 10:11:12 +0300" {}', LATE).ok
            assert client.command(b"CREATE Later").ok
            assert client.command(b"APPEND Later (\\Seen) {}", LATE + b"2").ok
        deliver(place, 5, ann, bob)
        late = {account: look(place, account) for account in (ann, bob)}
        place.stop()
        drop_database(place)
        done = place.command("repair", "--from-bodies", "--yes", "--json")
        assert done.returncode == 0, done.stderr.decode()
        assert json.loads(done.stdout)["guessed_messages"] == 4
        place.start()
        after = look(place, ann)
        for mailbox, was in covered.mailboxes.items():
            assert after.mailboxes[mailbox].uid_validity == was.uid_validity
            assert was.messages.items() <= after.mailboxes[mailbox].messages.items()
            assert was.email_ids.items() <= after.mailboxes[mailbox].email_ids.items()
        # New UIDs, as clients have seen others of those that they had.
        (placed,) = new_in(after, covered, b"Work/Old").items()
        assert placed[0] >= late[ann].mailboxes[b"Arbeit/Old"].uid_next
        assert placed[1] == max(late[ann].mailboxes[b"Arbeit/Old"].messages.items())[1]
        assert len(new_in(after, covered, b"INBOX")) == 1
        assert list(after.mailboxes[b"Later"].messages.values()) == list(
            late[ann].mailboxes[b"Later"].messages.values()
        )
        assert after.mailboxes[b"Later"].uid_validity > late[ann].mailboxes[b"Later"].uid_validity
        assert list(look(place, bob).mailboxes[b"INBOX"].messages.values()) == list(
            late[bob].mailboxes[b"INBOX"].messages.values()
        )
        assert_sound(place)


@pytest.mark.parametrize("name", ["sqlite+files", pytest.param("mysql+s3", marks=pytest.mark.slow)])
def test_killed_again_and_again(name: str, tmp_path: Path, services: Services) -> None:
    """The store takes no writes until it is done, and then it is whole."""
    with Installation(KINDS[name], tmp_path / "here", services) as place:
        ann = place.add_user()
        fill(place, ann, seed=4, messages=120)
        write_manifests(place)
        before = look(place, ann)
        place.stop()
        drop_database(place)
        killed = 0
        for seconds in (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3):
            killed += killed_after(place.nodes[0].command_line("repair", "--from-bodies", "--yes"), seconds)
        assert killed
        done = place.command("repair", "--from-bodies", "--yes")
        # One that was too slow to be killed may have been the last.
        assert done.returncode == 0 or b"it has to be empty" in done.stderr, done.stderr.decode()
        assert_sound(place)
        place.start()
        same(look(place, ann), before)
        a_new_message_has_a_new_uid(place, ann, before)


# ---- what there is


LATE = b"Subject: late\r\n\r\nLate.\r\n"


def fill(place: Installation, account: Account, *, seed: int, messages: int = 12) -> None:
    """Mailboxes, flags, copies, expunges, renames."""
    dice = random.Random(seed)
    with connected(place, account) as client:
        for number in range(messages):
            flags = b" ".join(dice.sample((b"\\Seen", b"\\Flagged", b"$Forwarded", b"\\Draft", b"Etikett"), 2))
            octets = message(number, 2_500_000 if number == 3 else dice.randrange(20_000), dice)
            assert client.command(b'APPEND INBOX (%s) "17-Jul-1996 02:44:25 -0700" {}' % flags, octets).ok
        for command in (
            b"CREATE Projects/Old (USE (\\Important))",
            b"SUBSCRIBE Projects/Old",
            b"SUBSCRIBE Nowhere",
            b"CREATE Empty",
            b"CREATE Gone",
            b"DELETE Gone",
            b"CREATE Parent/Child",
            b"DELETE Parent",
            b"SELECT INBOX",
            b"UID COPY 1:6 Projects/Old",
            b"UID MOVE 8 Projects/Old",
            b"UID STORE 2,5 +FLAGS (\\Deleted)",
            b"UID EXPUNGE 2,5",
            b"UID STORE 1,4 -FLAGS (\\Seen)",
            b"UID STORE 1,4 +FLAGS (\\Answered $Work)",
            b"UID COPY 1,4 INBOX",
            b"RENAME Projects Work",
        ):
            assert client.command(command).ok, command


def fill_more(place: Installation, account: Account) -> None:
    """Changes to what has been told already."""
    with connected(place, account) as client:
        for command in (
            b"SELECT Work/Old",
            b"UID STORE 1:3 +FLAGS (\\Deleted $New)",
            b"UID EXPUNGE 1",
            b"UID STORE 2 -FLAGS (\\Deleted)",
            b"UID MOVE 4 INBOX",
            b"RENAME Empty Leer",
            b"UNSUBSCRIBE Work/Old",
            b"CREATE Late",
        ):
            assert client.command(command).ok, command
        assert client.command(b"APPEND Late {}", LATE).ok


def message(number: int, octets: int, dice: random.Random) -> bytes:
    text = b"".join(b"%s\r\n" % dice.randbytes(30).hex().encode() for _ in range(octets // 62))
    return b"From: a@example.org\r\nSubject: Number %d \xc3\xbc\r\nDate: Mon, 7 Feb 1994 21:52:25 +0100\r\n\r\n%s" % (
        number,
        text,
    )


def deliver(place: Installation, number: int, *accounts: Account) -> None:
    """One message to all of them: one object."""
    with Wire(place.address("lmtp")) as wire:
        recipients = b"".join(b"RCPT TO:<%s>\r\n" % address.encode() for address, _ in accounts)
        wire.send(b"LHLO client.example\r\nMAIL FROM:<a@example.org>\r\n%sDATA\r\n" % recipients)
        while not (line := wire.response() or b"").startswith(b"354"):
            assert line.startswith(b"2"), line
        wire.send(b"Subject: delivered %d\r\n\r\nHello.\r\n.\r\n" % number)
        for _ in accounts:
            assert (wire.response() or b"").startswith(b"250")


def write_manifests(place: Installation) -> Written:
    """As the background does."""

    async def write() -> Written:
        async with open_store(load(place.nodes[0].config_file, environment={})) as store:
            writer = ManifestWriter(
                metadata=store.metadata, upkeep=store.upkeep, blobs=store.blobs, clock=store.mail.clock
            )
            return await writer.write()

    return run(write())


def drop_database(place: Installation) -> None:
    if place.kind.metadata == "mysql":
        ((name,),) = place.sql("SELECT DATABASE()")
        place.sql(f"DROP DATABASE {name}", f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        assert place.command("db", "upgrade").returncode == 0
    else:
        for file in place.nodes[0].data.glob("lightmail.sqlite*"):
            file.unlink()


# ---- what clients see


def connected(place: Installation, account: Account) -> ImapClient:
    client = ImapClient(place.address("imap"))
    client.login(*account)
    return client


def look(place: Installation, account: Account) -> Seen:
    with connected(place, account) as client:
        answer = client.command(b'LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE)')
        assert answer.ok
        listed = sorted(answer.untagged)
        shown = [line for line in listed if b"\\NonExistent" not in line and b"\\Noselect" not in line]
        names = [match[1] for line in shown if (match := _NAME.match(line))]
        return Seen(listed, {name: look_into(client, name) for name in names})


def look_into(client: ImapClient, name: bytes) -> Mailbox:
    answer = client.command(b"EXAMINE %s" % name)
    assert answer.ok, (name, answer)
    said = b" ".join(answer.untagged)
    (validity,), (uid_next,) = re.findall(rb"UIDVALIDITY (\d+)", said), re.findall(rb"UIDNEXT (\d+)", said)
    fetched = client.command(b"UID FETCH 1:* (UID EMAILID FLAGS INTERNALDATE ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
    assert fetched.ok
    messages, email_ids = {}, {}
    for line in fetched.fetched():
        uid = _UID.search(line)
        assert uid
        (email_ids[int(uid[1])],) = _EMAIL_ID.findall(line)
        messages[int(uid[1])] = re.sub(rb"^\* \d+ FETCH \(|UID \d+ ?|\\\\Recent ?", b"", _EMAIL_ID.sub(b"", line))
    return Mailbox(int(validity), int(uid_next), messages, email_ids)


def same(now: Seen, before: Seen) -> None:
    assert now.listed == before.listed
    assert now.mailboxes.keys() == before.mailboxes.keys()
    for name, was in before.mailboxes.items():
        assert now.mailboxes[name].uid_validity == was.uid_validity, name
        assert now.mailboxes[name].uid_next >= was.uid_next, name
        assert now.mailboxes[name].messages == was.messages, name
        assert now.mailboxes[name].email_ids == was.email_ids, name


def a_new_message_has_a_new_uid(place: Installation, account: Account, before: Seen) -> None:
    deliver(place, 99, account)
    inbox = look(place, account).mailboxes[b"INBOX"]
    (new,) = inbox.messages.keys() - before.mailboxes[b"INBOX"].messages.keys()
    assert new >= before.mailboxes[b"INBOX"].uid_next
    assert b"Hello.\r\n" in inbox.messages[new]


def new_in(now: Seen, before: Seen, name: bytes) -> dict[int, bytes]:
    known = before.mailboxes[name].messages
    return {uid: told for uid, told in now.mailboxes[name].messages.items() if uid not in known}


def count(seen: Seen) -> int:
    return sum(len(mailbox.messages) for mailbox in seen.mailboxes.values())


def killed_after(command: list[str], seconds: float) -> bool:
    """Whether it had not ended by itself."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        process.communicate(timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
