"""NOTIFY (RFC 5465)."""

from __future__ import annotations

import asyncio

import pytest

from lightmail.imap import notify
from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk, lines


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


def test_nothing_is_left_behind() -> None:
    async def scenario() -> None:
        desk, first, second = await two()
        watching = desk.house.mail.watching
        every = (
            b"a NOTIFY SET (personal (MessageNew MessageExpunge MailboxName)) (selected (MessageNew MessageExpunge))"
        )
        for client in (first, second):
            await client.say(every)
            await client.say(every)
        await first.hang_up()
        assert len(watching._accounts) == 1
        await second.say(b"b NOTIFY NONE")
        assert not watching._accounts and not watching._watchers
        await second.hang_up()
        assert not +desk.house.feed.followed
        await desk.close()

    run(scenario())
