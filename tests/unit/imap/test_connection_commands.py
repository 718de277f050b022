"""CAPABILITY, NOOP, ID, ENABLE, NAMESPACE, and STATUS."""

from __future__ import annotations

import pytest

from tests.support.aio import run
from tests.unit.imap.desk import Desk, lines


def test_capability() -> None:
    """RFC 9051 §6.1.1; the list changes with the login."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        before = await client.say(b"a CAPABILITY")
        await client.say(b"b LOGIN ann@example.org secret")
        after = await client.say(b"c CAPABILITY")
        assert before.startswith(b"* CAPABILITY IMAP4rev1 IMAP4rev2 ") and after.startswith(b"* CAPABILITY IMAP4rev1 ")
        assert b"AUTH=PLAIN" in before and b"AUTH=PLAIN" not in after
        assert b"QRESYNC" in after and b"QRESYNC" not in before
        await desk.close()

    run(scenario())


def test_noop_without_changes_asks_nobody() -> None:
    """Law 5: no SQL."""

    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=3)
        client = await desk.login(select=b"INBOX")
        desk.house.metadata.calls.clear()
        assert await client.say(b"a NOOP", b"b CHECK") == b"a OK Nothing done\r\nb OK Checked\r\n"
        assert desk.house.metadata.calls == []
        await desk.close()

    run(scenario())


def test_id() -> None:
    """RFC 2971."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        for command in (b"a ID NIL", b'a ID ("name" "mutt" "vendor" NIL)', b"a ID ()"):
            answers = lines(await client.say(command))
            assert answers[0].startswith(b'* ID ("name" "LightMail"') and answers[1].startswith(b"a OK")
        await desk.close()

    run(scenario())


def test_enable() -> None:
    """RFC 5161: unknown ones are ignored, ENABLED comes always, what was on is not listed."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        assert lines(await client.say(b"a ENABLE condstore X-NONSENSE CONDSTORE IDLE"))[0] == b"* ENABLED CONDSTORE"
        assert lines(await client.say(b"b ENABLE CONDSTORE"))[0] == b"* ENABLED"
        answers = lines(await client.say(b"c ENABLE UTF8=ACCEPT IMAP4REV2 QRESYNC"))
        assert answers == [b"* ENABLED UTF8=ACCEPT IMAP4rev2 QRESYNC", b"c OK Enabled"]
        session = client.session
        assert session.condstore and session.qresync and session.utf8 and session.rev2
        await desk.close()

    run(scenario())


def test_qresync_enables_condstore() -> None:
    """RFC 7162 §3.2.3."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(enable=b"QRESYNC")
        assert client.session.condstore
        await desk.close()

    run(scenario())


def test_a_hidden_capability_cannot_be_enabled() -> None:
    async def scenario() -> None:
        desk = await Desk.build(imap={"hide_capabilities": ("QRESYNC", "IDLE")})
        client = await desk.login()
        assert lines(await client.say(b"a ENABLE QRESYNC"))[0] == b"* ENABLED"
        assert not client.session.qresync
        assert await client.say(b"b IDLE") == b"b BAD Unknown command IDLE\r\n"
        await desk.close()

    run(scenario())


@pytest.mark.parametrize(
    "command",
    [
        b"ENABLE CONDSTORE",
        b"ENABLE QRESYNC",
        b"STATUS Sent (HIGHESTMODSEQ)",
        b"FETCH 1 MODSEQ",
        b"FETCH 1 FLAGS (CHANGEDSINCE 1)",
        b"STORE 1 (UNCHANGEDSINCE 99) +FLAGS (\\Seen)",
        b"SEARCH MODSEQ 1",
    ],
)
def test_the_first_condstore_command_tells_highestmodseq(command: bytes) -> None:
    """RFC 7162 §3.1: "MUST cause the server to return HIGHESTMODSEQ for the mailbox", once."""

    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=1)
        client = await desk.login(select=b"INBOX")
        answer = await client.say(b"a " + command)
        assert b"a OK" in answer
        assert answer.count(b"* OK [HIGHESTMODSEQ 2] ") == 1
        assert b"[HIGHESTMODSEQ" not in await client.say(b"b " + command)
        await desk.close()

    run(scenario())


def test_condstore_without_a_mailbox_tells_nothing() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        assert b"[HIGHESTMODSEQ" not in await client.say(b"a STATUS INBOX (HIGHESTMODSEQ)")
        assert client.session.condstore
        await desk.close()

    run(scenario())


def test_mailbox_names_follow_what_is_enabled() -> None:
    """Modified UTF-7, or UTF-8 (RFC 9051 §5.1, RFC 6855 §3)."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        await client.say(b"a CREATE &AMQ-rger")
        assert b'"/" &AMQ-rger\r\n' in await client.say(b'b LIST "" &AMQ-*')
        await client.say(b"c ENABLE IMAP4rev2")
        assert '"/" "Ärger"\r\n'.encode() in await client.say('d LIST "" "Ä*"'.encode())
        await desk.close()

    run(scenario())


def test_namespace() -> None:
    """RFC 9051 §6.3.10."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        assert lines(await client.say(b"a NAMESPACE"))[0] == b'* NAMESPACE (("" "/")) (("Users/" "/")) NIL'
        await desk.close()

    run(scenario())


def test_status() -> None:
    """RFC 9051 §6.3.11: every item, in the order asked for."""

    async def scenario() -> None:
        desk = await Desk.build(message_octets=1000)
        inbox = await desk.house.inbox()
        client = await desk.login()
        await client.say(b"a APPEND INBOX (\\Seen) {5+}\r\nhello", b"b APPEND INBOX (\\Deleted) {7+}\r\nhello 2")
        answer = await client.say(
            b"c STATUS inbox (SIZE MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED HIGHESTMODSEQ APPENDLIMIT"
            b" MAILBOXID)"
        )
        assert lines(answer)[0] == (
            b"* STATUS INBOX (SIZE 12 MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY %d"
            b" UNSEEN 1 DELETED 1 HIGHESTMODSEQ 3 APPENDLIMIT 1000"
            b" MAILBOXID (F%d-%d))" % (inbox.uid_validity, inbox.id, inbox.uid_validity)
        )
        await desk.close()

    run(scenario())


def test_status_of_nothing() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        await client.say(b"a CREATE a/b", b"b DELETE a")
        assert (await client.say(b"c STATUS nowhere (MESSAGES)")).startswith(b"c NO [NONEXISTENT]")
        assert (await client.say(b"d STATUS a (MESSAGES)")).startswith(b"d NO ")
        assert (await client.say(b"e STATUS INBOX ()")).startswith(b"e BAD")
        await desk.close()

    run(scenario())


def test_status_of_the_selected_mailbox_tells_what_there_is() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"INBOX")
        await desk.house.inbox(messages=2)
        answers = lines(await client.say(b"a STATUS INBOX (MESSAGES)"))
        assert answers[0] == b"* STATUS INBOX (MESSAGES 2)"
        assert b"* 2 EXISTS" in answers
        await desk.close()

    run(scenario())
