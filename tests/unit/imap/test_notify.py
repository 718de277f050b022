"""NOTIFY (RFC 5465)."""

from __future__ import annotations

import asyncio

import pytest

from lightmail.imap import notify
from lightmail.mail import watching
from lightmail.model import MailboxId, ModSeq
from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk, lines
from tests.unit.imap.test_acl import WORK, Office


async def heard(client: Client, part: bytes) -> bytes:
    """What the client is told on its own, up to something with this in it."""
    told = b""
    async with asyncio.timeout(60):
        while part not in told:
            told += await client.told()
    return told


async def quiet(client: Client) -> bytes:
    """What is told in the time in which anything would be."""
    told = b""
    for _ in range(20):
        told += await client.told()
    return told


async def two(messages: int = 2, select: bytes = b"INBOX") -> tuple[Desk, Client, Client]:
    desk = await Desk.build()
    await desk.house.inbox(messages=messages, flags=("\\Seen",))
    second = await desk.login(select=b"INBOX")
    await second.say(b"a CREATE Lists/Lemonade", b"b CREATE misc")
    return desk, await desk.login(select=select), second


SELECTED = b"a NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))"


def test_the_selected_mailbox_between_commands() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        assert await first.say(SELECTED) == b"a OK It will be told\r\n"
        await second.say(b"a STORE 2 +FLAGS (\\Flagged)")
        # MUST include UID and FLAGS (§5.1)
        assert await heard(first, b"FETCH") == b"* 2 FETCH (UID 2 FLAGS (\\Flagged \\Seen))\r\n"
        await desk.house.inbox(messages=1)
        told = await heard(first, b"FETCH")
        assert lines(told)[0] == b"* 3 EXISTS" and lines(told)[-1].startswith(b"* 3 FETCH (UID 3 FLAGS (")
        await second.say(b"b STORE 1 +FLAGS.SILENT (\\Deleted)", b"c EXPUNGE")
        assert b"* 1 EXPUNGE\r\n" in await heard(first, b"EXPUNGE")
        # another mailbox is selected: that is the one
        await first.say(b"d SELECT misc")
        await second.say(b"e COPY 1 misc")
        assert (await heard(first, b"FETCH")).startswith(b"* 1 EXISTS\r\n")
        await desk.close()

    run(scenario())


def test_delayed_expunges_wait_for_a_command_or_idle() -> None:
    async def scenario() -> None:
        desk, first, second = await two(messages=3)
        await first.say(b"a NOTIFY SET (selected-delayed (MessageNew MessageExpunge))")
        await second.say(b"b STORE 1 +FLAGS.SILENT (\\Deleted)", b"c EXPUNGE")
        await desk.house.inbox(messages=1)
        assert lines(await heard(first, b"EXISTS"))[0] == b"* 4 EXISTS"
        assert b"EXPUNGE" not in await first.say(b"d FETCH 1 (UID)")
        assert b"* 1 EXPUNGE" in await first.say(b"e NOOP")
        await second.say(b"f STORE 1 +FLAGS.SILENT (\\Deleted)", b"g EXPUNGE")
        assert b"EXPUNGE" not in await quiet(first)
        assert (await first.say(b"h IDLE")).startswith(b"+ ")
        assert b"* 1 EXPUNGE" in await heard(first, b"EXPUNGE")
        assert b"h OK" in await first.say(b"DONE")
        await desk.close()

    run(scenario())


def test_without_selected_nothing_is_told_of_it() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        assert await first.say(b"a NOTIFY NONE") == b"a OK Nothing is told\r\n"
        await desk.house.inbox(messages=1)
        await second.say(b"a STORE 1 +FLAGS (\\Flagged \\Deleted)", b"b EXPUNGE")
        assert await quiet(first) == b""
        assert await first.say(b"b NOOP") == b"b OK Nothing done\r\n"
        assert await first.say(b"c IDLE") == b"+ idling\r\n"
        assert await quiet(first) == b""
        assert await first.say(b"DONE") == b"c OK No longer idle\r\n"
        # What a command does itself it answers; a new NOTIFY SET tells what has come together (§3.1).
        assert b"* 2 FETCH" in await first.say(b"d STORE 2 +FLAGS (\\Answered)")
        await desk.house.inbox(messages=1)
        assert b" EXISTS" in await first.say(b"e NOTIFY SET (selected (MessageNew MessageExpunge))")
        await desk.close()

    run(scenario())


def test_no_flags_where_only_messages_are_asked_for() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(b"e ENABLE CONDSTORE", b"a NOTIFY SET (selected (MessageNew MessageExpunge))")
        await second.say(b"a STORE 1 +FLAGS (\\Flagged)")
        assert await quiet(first) == b""
        assert await first.say(b"b NOOP") == b"b OK Nothing done\r\n"
        assert b"\\Flagged" in await first.say(b"c FETCH 1 (FLAGS)")
        await desk.close()

    run(scenario())


def test_other_mailboxes() -> None:
    async def scenario() -> None:
        desk, first, second = await two(select=b"misc")
        await first.say(
            b"a NOTIFY SET (selected (MessageNew MessageExpunge)) (subtree Lists (MessageNew MessageExpunge FlagChange))"
            b" (mailboxes INBOX (MessageNew MessageExpunge))"
        )
        await second.say(b"a COPY 1 Lists/Lemonade")
        assert await heard(first, b"STATUS") == b"* STATUS Lists/Lemonade (MESSAGES 1 UIDNEXT 2)\r\n"
        await second.say(b"b SELECT Lists/Lemonade", b"c STORE 1 -FLAGS (\\Seen)")
        assert await heard(first, b"STATUS") == b"* STATUS Lists/Lemonade (UNSEEN 1)\r\n"
        await first.say(b"b ENABLE CONDSTORE")
        await second.say(b"d STORE 1 +FLAGS (\\Answered)")
        told = await heard(first, b"STATUS")
        assert told.startswith(b"* STATUS Lists/Lemonade (UIDVALIDITY ") and b"HIGHESTMODSEQ" in told
        # flags were not asked for of INBOX; the selected mailbox has no STATUS
        await second.say(b"e SELECT INBOX", b"f STORE 1 +FLAGS (\\Answered)", b"g COPY 1 misc")
        told = await heard(first, b"EXISTS")
        assert b"STATUS" not in told + await quiet(first)
        await second.say(b"h STORE 1 +FLAGS (\\Deleted)", b"i EXPUNGE")
        assert (await heard(first, b"STATUS")).startswith(b"* STATUS INBOX (MESSAGES 1 UIDNEXT 3 HIGHESTMODSEQ ")
        await desk.close()

    run(scenario())


def test_status_first() -> None:
    async def scenario() -> None:
        desk, first, _ = await two()
        answer = lines(
            await first.say(
                b"b NOTIFY SET STATUS (selected (MessageNew MessageExpunge)) (subtree Lists (MessageNew MessageExpunge))"
                b" (mailboxes (INBOX misc nowhere) (MessageNew MessageExpunge FlagChange)) (personal (MailboxName))"
            )
        )
        # the selected mailbox is not among them, nor is one that is only a parent
        assert [line.split(b" (")[0] for line in answer[:-1]] == [
            b"* STATUS Lists",
            b"* STATUS Lists/Lemonade",
            b"* STATUS misc",
        ]
        assert b"(MESSAGES 0 UIDNEXT 1 UIDVALIDITY " in answer[1] and b"HIGHESTMODSEQ" not in answer[1]
        assert b"HIGHESTMODSEQ" in answer[2]
        await desk.close()

    run(scenario())


def test_names_and_subscriptions() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(b"a NOTIFY SET (personal (MailboxName SubscriptionChange))")
        await second.say(b"a CREATE New/Mailbox")
        told = await heard(first, b"New/Mailbox")
        assert b'* LIST (\\HasNoChildren) "/" New/Mailbox\r\n' in told
        assert b'* LIST (\\HasChildren) "/" New\r\n' in told
        await second.say(b"b RENAME New Old")
        assert await heard(first, b"LIST") == b'* LIST (\\HasChildren) "/" Old ("OLDNAME" (New))\r\n'
        await second.say(b"c SUBSCRIBE Old/Mailbox")
        assert await heard(first, b"LIST") == b'* LIST (\\HasNoChildren \\Subscribed) "/" Old/Mailbox\r\n'
        await second.say(b"d DELETE misc")
        assert await heard(first, b"LIST") == b'* LIST (\\NonExistent \\HasNoChildren) "/" misc\r\n'
        await second.say(b"e UNSUBSCRIBE Old/Mailbox")
        assert await heard(first, b"LIST") == b'* LIST (\\HasNoChildren) "/" Old/Mailbox\r\n'
        # Its own doing is no news to a client (§5).
        await first.say(b"b CREATE mine", b"c RENAME mine yours", b"d SUBSCRIBE yours", b"e DELETE yours")
        assert b"LIST" not in await quiet(first)
        await desk.close()

    run(scenario())


NOTED = b"a NOTIFY SET (personal (MailboxMetadataChange ServerMetadataChange))"


def test_annotations() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await desk.house.mail.directory.set_administrator(desk.house.user.id, True)
        await second.say(b'a SETMETADATA INBOX (/shared/comment "before" /private/gone "x")')
        assert await first.say(NOTED) == b"a OK It will be told\r\n"
        # Only names, those of removed ones too; nothing of what is as it was (RFC 5464 §4.4.2).
        await second.say(b'b SETMETADATA INBOX (/shared/comment "after" /private/gone NIL /private/none NIL)')
        assert await heard(first, b"METADATA") == b"* METADATA INBOX /private/gone /shared/comment\r\n"
        await second.say(b'c SETMETADATA INBOX (/shared/comment "after")')
        assert await quiet(first) == b""
        await second.say(b'd SETMETADATA "" (/shared/comment "x")')
        assert await heard(first, b"METADATA") == b'* METADATA "" /shared/comment\r\n'
        await second.say(b'e SETMETADATA "" (/private/comment "x")')
        assert await heard(first, b"METADATA") == b'* METADATA "" /private/comment\r\n'
        # They go with a renamed mailbox, and with a deleted one; that is told by its name alone.
        await second.say(b'f SETMETADATA misc (/shared/comment "x")')
        assert await heard(first, b"METADATA") == b"* METADATA misc /shared/comment\r\n"
        await second.say(b"g RENAME misc other", b"h DELETE other")
        assert await quiet(first) == b""
        await desk.close()

    run(scenario())


def test_own_annotations_are_no_news() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(NOTED)
        assert await first.say(b'b SETMETADATA inbox (/shared/comment "x")') == b"b OK The metadata is set\r\n"
        assert b'METADATA ""' not in await first.say(b'c SETMETADATA "" (/private/comment "x")')
        assert await quiet(first) == b""
        # What was refused is nobody's doing.
        assert b"d NO" in await first.say(b'd SETMETADATA "" (/shared/comment "x")')
        await desk.house.mail.directory.set_administrator(desk.house.user.id, True)
        await second.say(b'a SETMETADATA "" (/shared/comment "x")')
        assert await heard(first, b"METADATA") == b'* METADATA "" /shared/comment\r\n'
        await desk.close()

    run(scenario())


def test_annotations_only_where_they_are_asked_for() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        metadata = desk.house.metadata
        await first.say(b"a NOTIFY SET (mailboxes misc (MessageNew MessageExpunge MailboxName))")
        await second.say(b'a SETMETADATA misc (/shared/comment "x")')
        assert await quiet(first) == b"" and metadata.count("annotation_marks") == 0
        # of a picture that is there already, without what came before
        await first.say(b"b NOTIFY SET (mailboxes misc (MailboxMetadataChange))")
        assert await quiet(first) == b"" and metadata.count("annotation_marks") > 0
        await second.say(
            b'b SETMETADATA misc (/shared/comment "y")',
            b'c SETMETADATA INBOX (/shared/comment "y")',
            b'd SETMETADATA "" (/private/comment "y")',
        )
        assert await heard(first, b"METADATA") + await quiet(first) == b"* METADATA misc /shared/comment\r\n"
        await first.say(b"c NOTIFY SET (mailboxes misc (MailboxName))")
        before = metadata.count("annotation_marks")
        await second.say(b'e SETMETADATA misc (/shared/comment "z")')
        assert await quiet(first) == b"" and metadata.count("annotation_marks") == before
        await desk.close()

    run(scenario())


def test_subscribed_follows_the_subscriptions() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(b"a NOTIFY SET (subscribed (MessageNew MessageExpunge))")
        await second.say(b"a COPY 1 misc")
        assert await quiet(first) == b""
        await second.say(b"b SUBSCRIBE misc", b"c COPY 1 misc")
        assert b"* STATUS misc (MESSAGES 2 UIDNEXT 3)" in await heard(first, b"STATUS")
        await desk.close()

    run(scenario())


def test_unknown_events_are_no_not_bad() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(SELECTED)
        for event in (b"AnnotationChange", b"Weather"):
            answer = await first.say(b"b NOTIFY SET (personal (MessageNew MessageExpunge %s))" % event)
            assert answer.startswith(b"b NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName ")
        # what was asked for before stays
        await second.say(b"a STORE 2 +FLAGS (\\Flagged)")
        assert b"FETCH" in await heard(first, b"FETCH")
        await desk.close()

    run(scenario())


def test_searches_that_tell_of_changes_as_well() -> None:
    async def scenario() -> None:
        desk, first, _ = await two()
        await first.say(b"a NOTIFY SET (selected (MessageNew (UID) MessageExpunge))")
        await first.say(b"u UID SEARCH RETURN (UPDATE (RFC822.SIZE)) ALL")
        await desk.house.inbox(messages=1)
        told = lines(await heard(first, b"ADDTO"))
        assert told[0] == b"* 3 EXISTS" and told[-2].startswith(b"* 3 FETCH (UID 3 RFC822.SIZE ")
        assert told[-1] == b'* ESEARCH (TAG "u") UID ADDTO (0 3)' and len([x for x in told if b"FETCH" in x]) == 1
        await desk.close()

    run(scenario())


def test_too_much_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "MOST_LINES", 1)

    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(b"a NOTIFY SET (personal (MailboxName))")
        await second.say(b"a CREATE x/y")
        assert b"* OK [NOTIFICATIONOVERFLOW]" in await heard(first, b"OVERFLOW")
        await second.say(b"b CREATE z")
        assert await quiet(first) == b""
        await desk.close()

    run(scenario())


def test_the_last_hint_that_does_not_say_where_is_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "ACCOUNTS_PER_S", 2)

    async def scenario() -> None:
        desk, first, _ = await two()
        house = desk.house
        house.mail.watching._exclusive = False
        await first.say(b"a NOTIFY SET (personal (MailboxName MailboxMetadataChange))")
        for name in ("one", "two"):
            # By another process; nothing more comes after the second.
            box = await house.raw_metadata.create_mailbox(house.user.id, name)
            house.feed.hint(MailboxId(0), ModSeq(0))
            assert b'"/" ' + name.encode() in await heard(first, b"LIST")
        values = [("/shared/comment", b"x")]
        await house.raw_metadata.annotate(house.user.id, box.id, values, owner_id=house.user.id, most=9)
        house.feed.hint(MailboxId(0), ModSeq(0))
        assert await heard(first, b"METADATA") == b"* METADATA two /shared/comment\r\n"
        await first.hang_up()
        assert house.mail.watching._later is None
        await desk.close()

    run(scenario())


def test_nothing_is_left_behind() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        watched = desk.house.mail.watching
        every = (
            b"a NOTIFY SET (personal (MessageNew MessageExpunge MailboxName)) (selected (MessageNew MessageExpunge))"
        )
        for client in (first, second):
            await client.say(every)
            await client.say(every)
        await first.hang_up()
        assert len(watched._accounts) == 1
        await second.say(b"b NOTIFY NONE")
        assert not watched._accounts and not watched._watchers
        await second.hang_up()
        assert not +desk.house.feed.followed
        await desk.close()

    run(scenario())


def test_what_it_adds_itself_is_no_news_to_a_client() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(b"a NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))", b"b ENABLE CONDSTORE")
        append = b"APPEND misc {19+}\r\nSubject: number\r\n\r\n"
        await first.say(b"c " + append, b"d COPY 1:2 misc", b"e MOVE 1 misc", b"f REPLACE 1 " + append[7:])
        assert b"STATUS" not in await quiet(first)
        # What others add at the same time is told, with everything.
        await first.say(b"g " + append)
        await second.say(b"a " + append)
        assert (await heard(first, b"STATUS")).startswith(b"* STATUS misc (MESSAGES 7 UIDNEXT 8 HIGHESTMODSEQ ")
        await second.say(b"b SELECT misc", b"c STORE 1 +FLAGS (\\Flagged)")
        assert (await heard(first, b"STATUS")).startswith(b"* STATUS misc (UIDVALIDITY ")
        assert first.session.notify is not None and not first.session.notify._own_added
        await desk.close()

    run(scenario())


def test_nothing_is_fetched_of_what_it_adds_itself() -> None:
    """RFC 5465 §5.2."""

    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(SELECTED)
        append = b"APPEND INBOX {19+}\r\nSubject: number\r\n\r\n"
        for own in (b"b " + append, b"c COPY 1 INBOX"):
            told = await first.say(own)
            assert b" EXISTS" in told and b"FETCH" not in told + await quiet(first)
        await second.say(b"a " + append)
        assert b"* 5 FETCH (UID 5 " in await heard(first, b"FETCH")
        await desk.close()

    run(scenario())


def test_a_command_that_fails_is_no_change_of_its_own() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        await first.say(b"a NOTIFY SET (personal (MailboxName))")
        assert b"b NO" in await first.say(b"b CREATE misc")
        await second.say(b"a DELETE misc")
        assert b"* LIST (\\NonExistent " in await heard(first, b"misc")
        await desk.close()

    run(scenario())


def test_without_sequence_numbers() -> None:
    """RFC 9586 §3: VANISHED and UIDFETCH, as everywhere."""

    async def scenario() -> None:
        desk, _, second = await two()
        client = await desk.login(enable=b"UIDONLY", select=b"INBOX")
        await client.say(SELECTED)
        await second.say(b"a STORE 2 +FLAGS (\\Flagged)")
        assert (await heard(client, b"FETCH")).startswith(b"* 2 UIDFETCH (FLAGS (\\Flagged \\Seen)")
        await second.say(b"b STORE 1 +FLAGS.SILENT (\\Deleted)", b"c EXPUNGE")
        told = await heard(client, b"VANISHED")
        assert b"* VANISHED 1\r\n" in told and b"EXPUNGE" not in told
        await desk.house.inbox(messages=1)
        assert b"* 3 UIDFETCH (" in await heard(client, b"* 3 UIDFETCH")
        await desk.close()

    run(scenario())


WATCHED = b"a NOTIFY SET (selected (MessageNew MessageExpunge FlagChange)) (mailboxes %s (MessageNew MessageExpunge))"


def test_rights_that_go_while_it_is_watched_and_come_again() -> None:
    async def scenario() -> None:
        office = await Office.open()
        ann, bob = await office.login("ann"), await office.login("bob")
        await ann.say(b"a SETACL Work bob@example.org lr")
        assert await bob.say(WATCHED % WORK) == b"a OK It will be told\r\n"
        append = b"b APPEND Work {19+}\r\nSubject: number\r\n\r\n"
        await ann.say(append)
        assert await heard(bob, b"STATUS") == b"* STATUS %s (MESSAGES 1 UIDNEXT 2)\r\n" % WORK
        # Seen, but not to be read: nothing is told of it.
        await ann.say(b"c SETACL Work bob@example.org l", append)
        assert await quiet(bob) == b""
        assert b'* LIST (\\NoAccess) "/" %s\r\n' % WORK in await bob.say(WATCHED % WORK)
        await ann.say(b"d SETACL Work bob@example.org lr", append)
        assert b"(MESSAGES 3 UIDNEXT 4)" in await heard(bob, b"STATUS")
        # RFC 5465 §5.9
        await ann.say(b"e DELETEACL Work bob@example.org")
        told = await heard(bob, b"LIST")
        assert told == b'* LIST (\\NonExistent \\NoAccess \\HasNoChildren) "/" %s\r\n' % WORK
        await ann.say(append)
        assert await quiet(bob) == b""
        await ann.say(b"f SETACL Work anyone lr")
        assert await heard(bob, b"LIST") == b'* LIST (\\HasNoChildren) "/" %s\r\n' % WORK
        await ann.say(append)
        assert b"(MESSAGES 5 UIDNEXT 6)" in await heard(bob, b"STATUS")
        await office.desk.close()

    run(scenario())


def test_rights_are_names_that_come_and_go() -> None:
    """RFC 5465 §5.4: granting and revoking `l` is CREATE and DELETE to that user."""

    async def scenario() -> None:
        office = await Office.open()
        ann, bob = await office.login("ann"), await office.login("bob")
        await bob.say(b"a NOTIFY SET (mailboxes %s (MailboxName))" % WORK)
        await ann.say(b"a SETACL Work bob@example.org lr")
        assert await heard(bob, b"LIST") == b'* LIST (\\HasNoChildren) "/" %s\r\n' % WORK
        await ann.say(b"b SETACL Work -bob@example.org l")
        assert await heard(bob, b"LIST") == b'* LIST (\\NonExistent \\HasNoChildren) "/" %s\r\n' % WORK
        await office.desk.close()

    run(scenario())


def test_rights_to_the_selected_mailbox_that_go() -> None:
    async def scenario() -> None:
        office = await Office.open()
        ann = await office.login("ann")
        await ann.say(b"a SETACL Work bob@example.org lr")
        bob = await office.login("bob", enable=b"IMAP4rev2", select=WORK)
        await bob.say(WATCHED % b"INBOX")
        await ann.say(b"b DELETEACL Work bob@example.org", b"c APPEND Work {19+}\r\nSubject: number\r\n\r\n")
        told = await quiet(bob)
        assert b"EXISTS" not in told and b"FETCH" not in told
        assert b"* OK [CLOSED]" in told + await bob.say(b"b NOOP")
        await office.desk.close()

    run(scenario())
