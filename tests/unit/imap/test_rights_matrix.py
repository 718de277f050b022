"""RFC 4314 §4, row by row: without a right that a command needs it is refused and changes nothing; with those it needs and
no other it is done. Commands in both forms, with numbers and with UIDs.
"""

from __future__ import annotations

import pytest

from tests.support.aio import run
from tests.unit.imap.desk import Client
from tests.unit.imap.test_acl import WORK, Office
from tests.unit.imap.test_notify import heard, quiet

ALL = "lrswipkxtea"
PLAY = b"Users/ann@example.org/Play"
APPEND = b"APPEND " + WORK + b" {5+}\r\nhello"
NEEDS: tuple[tuple[bytes, str], ...] = (
    (b"x SELECT " + WORK, "r"),
    (b"x EXAMINE " + WORK, "r"),
    (b"x STATUS " + WORK + b" (MESSAGES UNSEEN SIZE HIGHESTMODSEQ)", "r"),
    (b"x " + APPEND, "i"),
    (b'x APPEND INBOX CATENATE (URL "/' + WORK + b'/;UID=1")', "r"),
    (b"x COPY 1 " + WORK, "i"),
    (b"x UID COPY 1 " + WORK, "i"),
    (b"x MOVE 1 " + WORK, "i"),
    (b"x UID MOVE 1 " + WORK, "i"),
    (b"x REPLACE 1 " + WORK + b" {5+}\r\nhello", "i"),
    (b"x UID REPLACE 1 " + WORK + b" {5+}\r\nhello", "i"),
    (b"x CREATE " + WORK + b"/Below", "k"),
    (b"x RENAME " + WORK + b" " + PLAY + b"/Work", "x"),
    (b"x DELETE " + WORK, "x"),
    (b"x SETACL " + WORK + b" anyone l", "a"),
    (b"x DELETEACL " + WORK + b" bob@example.org", "a"),
    (b"x GETACL " + WORK, "a"),
    (b"x LISTRIGHTS " + WORK + b" anyone", "a"),
    (b"x GETQUOTAROOT " + WORK, "r"),
    (b"x GETMETADATA " + WORK + b" /shared/comment", "rswip"),
    (b"x SETMETADATA " + WORK + b' (/shared/comment "bob")', "rswip"),
)
"""Commands of somebody who has INBOX selected, and the rights to Work of which they need one."""
SELECTED: tuple[tuple[bytes, str], ...] = (
    (b"x STORE 1 +FLAGS (\\Seen)", "s"),
    (b"x UID STORE 1 +FLAGS (\\Seen)", "s"),
    (b"x STORE 1 +FLAGS (\\Deleted)", "t"),
    (b"x UID STORE 1 +FLAGS (\\Deleted)", "t"),
    (b"x STORE 1 +FLAGS (\\Flagged)", "w"),
    (b"x UID STORE 1 +FLAGS ($Junk)", "w"),
    (b"x EXPUNGE", "e"),
    (b"x UID EXPUNGE 1:*", "e"),
    (b"x MOVE 1 INBOX", "e"),
    (b"x MOVE 1 INBOX", "t"),
    (b"x UID MOVE 1 INBOX", "e"),
    (b"x UID MOVE 1 INBOX", "t"),
    (b"x REPLACE 1 INBOX {5+}\r\nhello", "e"),
    (b"x REPLACE 1 INBOX {5+}\r\nhello", "t"),
    (b"x UID REPLACE 1 INBOX {5+}\r\nhello", "e"),
    (b"x UID REPLACE 1 INBOX {5+}\r\nhello", "t"),
)
"""Commands of somebody who has Work selected."""


async def view(ann: Client) -> bytes:
    """What there is, as its owner sees it, without what a reading changes."""
    return b"".join(
        [
            await ann.say(b'v LIST "" * RETURN (STATUS (MESSAGES UIDNEXT UNSEEN DELETED HIGHESTMODSEQ))'),
            await ann.say(b"v GETACL Work"),
            await ann.say(b"v GETMETADATA Work /shared/comment"),
        ]
    )


async def without(letters: str, command: bytes, selected: bytes, *, rights: str) -> None:
    office = await Office.open()
    ann, bob = await office.login("ann"), await office.login("bob")
    for setup in (
        b"APPEND Work (\\Deleted) {5+}\r\nwork!",
        b'SETMETADATA Work (/shared/comment "ann")',
        b"CREATE Play",
        b"SETACL Play bob@example.org lk",
    ):
        assert b"s OK" in await ann.say(b"s " + setup)
    assert b"s OK" in await bob.say(b"s APPEND INBOX {3+}\r\nbob")
    assert b"s OK" in await ann.say(b"s SETACL Work bob@example.org " + rights.encode())
    assert b"s OK" in await bob.say(b"s SELECT " + selected)
    before = await view(ann)
    refused = await bob.say(command)
    assert (b"x NO [BADURL" if b"CATENATE" in command else b"x NO [NOPERM]") in refused, refused
    assert await view(ann) == before
    assert b"s OK" in await ann.say(b"s SETACL Work bob@example.org +" + letters.encode())
    allowed = await bob.say(command)
    assert b"x OK" in allowed, allowed
    await office.desk.close()


@pytest.mark.parametrize(("command", "letters"), NEEDS)
def test_commands_that_name_a_mailbox(command: bytes, letters: str) -> None:
    rights = "".join(letter for letter in ALL if letter not in letters)
    run(without(letters, command, b"INBOX", rights=rights))


@pytest.mark.parametrize(("command", "letters"), SELECTED)
def test_commands_on_the_selected_mailbox(command: bytes, letters: str) -> None:
    rights = "".join(letter for letter in ALL if letter not in letters)
    run(without(letters, command, WORK, rights=rights))


@pytest.mark.parametrize(("rights", "told"), [("l", False), ("lp", False), ("lr", True)])
def test_what_is_told_of_a_mailbox_that_one_may_not_read(rights: str, told: bool) -> None:
    """RFC 5465 §5, RFC 7377 §2, RFC 5819 §2: nothing of its messages; of its annotations to who may see them (RFC 5464 §3.3)."""

    async def scenario() -> None:
        office = await Office.open()
        ann, bob = await office.login("ann"), await office.login("bob")
        assert b"s OK" in await ann.say(b"s APPEND Work {5+}\r\nfirst")
        assert b"s OK" in await ann.say(b"s SETACL Work bob@example.org " + rights.encode())
        events = b"(MessageNew MessageExpunge FlagChange MailboxMetadataChange)"
        assert b"n OK" in await bob.say(b"n NOTIFY SET STATUS (mailboxes " + WORK + b" " + events + b")")
        assert b"s OK" in await ann.say(b"s APPEND Work {5+}\r\nhello", b'm SETMETADATA Work (/shared/comment "x")')
        news = b""
        if told:
            news += await heard(bob, b"* STATUS")
        if rights != "l" and b"* METADATA" not in news:
            news += await heard(bob, b"* METADATA")
        news += await quiet(bob)
        assert (b"* STATUS" in news) == told, news
        assert (b"* METADATA" in news) == (rights != "l"), news
        assert (b"* ESEARCH" in await bob.say(b"e ESEARCH IN (mailboxes " + WORK + b") RETURN (COUNT) ALL")) == told
        assert (b"* ESEARCH" in await bob.say(b"e ESEARCH IN (personal mailboxes " + WORK + b") TEXT hello")) == told
        listed = await bob.say(
            b'l LIST "" Users/* RETURN (STATUS (MESSAGES UNSEEN SIZE) METADATA (/shared/comment) MYRIGHTS)'
        )
        assert (b"* STATUS" in listed) == told, listed
        assert (b'(/shared/comment "x")' in listed) == (rights != "l"), listed
        await office.desk.close()

    run(scenario())


def test_a_search_that_lasts_ends_with_the_right_to_read() -> None:
    """RFC 5267 §4.3, RFC 4314 §5.1: no update, no result of a saved search, nothing by number or UID."""

    async def scenario() -> None:
        office = await Office.open()
        ann, bob = await office.login("ann"), await office.login("bob", enable=b"IMAP4rev2")
        assert b"s OK" in await ann.say(b"s APPEND Work {5+}\r\nfirst")
        assert b"s OK" in await ann.say(b"s SETACL Work bob@example.org lr")
        assert b"s OK" in await bob.say(b"s SELECT " + WORK)
        assert b"u OK" in await bob.say(b"u UID SEARCH RETURN (UPDATE SAVE COUNT) ALL")
        assert b"s OK" in await ann.say(b"s SETACL Work bob@example.org l", b"t APPEND Work {6+}\r\nsecret")
        for command in (b"NOOP", b"FETCH $ BODY[]", b"UID FETCH 1:* BODY[]", b"UID SEARCH ALL", b"UIDBATCHES 500"):
            answer = await bob.say(b"c " + command)
            assert b"ESEARCH" not in answer and b"FETCH (" not in answer and b"* SEARCH" not in answer, answer
            assert b"UIDBATCHES (" not in answer and b"secret" not in answer, answer
        await office.desk.close()

    run(scenario())
