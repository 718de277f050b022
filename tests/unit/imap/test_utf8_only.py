"""UTF8=ONLY (RFC 6855 §6): what concerns mail is refused with NO [CANNOT] until ENABLE UTF8=ACCEPT."""

from __future__ import annotations

import pytest

from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk

_CONCERN_MAIL = (
    b'LIST "" *',
    b"SELECT INBOX",
    b"CREATE Work",
    b"STATUS INBOX (MESSAGES)",
    b'GETMETADATA "" /shared/comment',
    b"NAMESPACE",
    b"APPEND INBOX {12}",
    b"APPEND INBOX {12+}\r\nSubject: a\r\n",
    b"APPEND INBOX CATENATE (TEXT {12+}\r\nSubject: a\r\n)",
)


async def _told(client: Client, command: bytes) -> bytes:
    return (await client.say(b"a " + command)).splitlines()[-1]


@pytest.mark.parametrize("command", _CONCERN_MAIL)
def test_what_concerns_mail_waits_for_enable(command: bytes) -> None:
    async def scenario() -> None:
        desk = await Desk.build(imap={"utf8": "only"})
        client = await desk.login()
        assert (await _told(client, command)).startswith(b"a NO [CANNOT]")
        assert b"* ENABLED UTF8=ACCEPT\r\n" in await client.say(b"b ENABLE UTF8=ACCEPT")
        assert b"NO [CANNOT]" not in await _told(client, command)
        await desk.close()

    run(scenario())


def test_the_rest_goes_on() -> None:
    async def scenario() -> None:
        desk = await Desk.build(imap={"utf8": "only"})
        client = desk.connect()
        assert b"UTF8" not in await client.say(b"a CAPABILITY")
        assert b"a BAD" in await client.say(b"a SELECT INBOX")
        client = await desk.login()
        assert b" UTF8=ONLY " in await client.say(b"a CAPABILITY") + b" "
        for command in (b"NOOP", b'ID ("name" "x")', b"ENABLE CONDSTORE", b"UNAUTHENTICATE", b"LOGOUT"):
            assert b"a OK" in await client.say(b"a " + command)
        await desk.close()

    run(scenario())


def test_enabling_it_by_its_own_name_enables_nothing() -> None:
    """What is enabled has the name UTF8=ACCEPT, always."""

    async def scenario() -> None:
        desk = await Desk.build(imap={"utf8": "only"})
        client = await desk.login()
        assert b"UTF8" not in await client.say(b"a ENABLE UTF8=ONLY")
        assert b"a NO [CANNOT]" in await client.say(b"a SELECT INBOX")
        assert b"e OK" in await client.say(b"e ENABLE UTF8=ACCEPT")
        assert b"a OK" in await client.say(b"a SELECT INBOX")
        assert b"u OK" in await client.say(b"u UNAUTHENTICATE")
        await desk.close()

    run(scenario())
