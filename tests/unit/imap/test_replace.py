"""REPLACE (RFC 8508) between sessions; its dialogues are in tests/wire/replace.txt."""

from __future__ import annotations

from lightmail.errors import Unavailable
from tests.support.aio import run
from tests.unit.imap.desk import Desk, lines


def test_another_session_sees_one_step() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=2)
        first = await desk.login(select=b"INBOX")
        second = await desk.login(select=b"INBOX")
        assert await second.say(b"i IDLE") == b"+ idling\r\n"
        answer = lines(await first.send(b"a REPLACE 1 INBOX (\\Draft) {5+}\r\nhello\r\n"))
        assert answer[0].startswith(b"* OK [APPENDUID ") and answer[-1] == b"a OK Replaced"
        assert lines(await second.told())[:2] == [b"* 1 EXPUNGE", b"* 2 EXISTS"]
        await desk.close()

    run(scenario())


def test_what_another_session_has_expunged_is_not_replaced() -> None:
    """The number is of the message that the client knows by it; nothing is appended when that is gone."""

    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=2)
        first = await desk.login(select=b"INBOX")
        second = await desk.login(select=b"INBOX")
        await second.say(b"a STORE 1 +FLAGS (\\Deleted)", b"b EXPUNGE")
        answer = lines(await first.send(b"a REPLACE 1 INBOX {5+}\r\nhello\r\n"))
        assert answer[0] == b"* 1 EXPUNGE"
        assert answer[-1].startswith(b"a NO [EXPUNGEISSUED] ")
        assert b"* STATUS INBOX (MESSAGES 1)" in lines(await first.say(b"c STATUS INBOX (MESSAGES)"))
        await desk.close()

    run(scenario())


def test_what_fails_changes_nothing() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=1)
        client = await desk.login(select=b"INBOX")
        desk.house.metadata.fail("replace", Unavailable("the database"))
        answer = lines(await client.send(b"a REPLACE 1 INBOX {5+}\r\nhello\r\n"))
        assert len(answer) == 1 and answer[0].startswith(b"a NO [UNAVAILABLE] ")
        answer = lines(await client.send(b"b REPLACE 1 INBOX {99999999}\r\n"))
        assert len(answer) == 1 and answer[0].startswith(b"b NO [TOOBIG] ")
        assert lines(await client.say(b"c UID FETCH 1:* (UID)"))[0] == b"* 1 FETCH (UID 1)"
        await desk.close()

    run(scenario())


def test_a_hidden_replace_is_unknown_and_its_octets_are_swallowed() -> None:
    async def scenario() -> None:
        desk = await Desk.build(imap={"hide_capabilities": ("REPLACE",)})
        await desk.house.inbox(messages=1)
        client = await desk.login(select=b"INBOX")
        answer = await client.send(b"a UID REPLACE 1 INBOX {5+}\r\nhello\r\nb NOOP\r\n")
        assert lines(answer) == [b"a BAD Unknown command UID REPLACE", b"b OK Nothing done"]
        await desk.close()

    run(scenario())
