"""GETMETADATA and SETMETADATA: limits, the server's own, mailboxes that hold only others (RFC 5464)."""

from __future__ import annotations

import msgspec

from lightmail.config import Server
from tests.support.aio import run
from tests.unit.imap.desk import Desk


def test_limits() -> None:
    async def scenario() -> None:
        desk = await Desk.build(annotation_octets=1024, annotations=10)
        client = await desk.login()
        assert b"a OK" in await client.say(b"a SETMETADATA INBOX (/shared/a {1024+}\r\n" + b"x" * 1024 + b")")
        assert b"a NO [METADATA MAXSIZE 1024]" in await client.say(
            b"a SETMETADATA INBOX (/shared/b {1+}\r\ny /shared/a {1025+}\r\n" + b"x" * 1025 + b")"
        )
        ten = b" ".join(b'/private/%d "x"' % number for number in range(10))
        assert b"a OK" in await client.say(b"a SETMETADATA INBOX (" + ten + b")")
        assert b"a NO [METADATA TOOMANY]" in await client.say(b'a SETMETADATA INBOX (/private/10 "x" /shared/b "y")')
        assert b"(/shared/b NIL)" in await client.say(b"a GETMETADATA INBOX /shared/b")
        assert b"a NO [LIMIT]" in await client.say(b"a SETMETADATA INBOX (/private/" + b"x" * 250 + b' "y")')
        await desk.close()

    run(scenario())


def test_the_server_s_own() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        mail = desk.house.mail
        contact = msgspec.structs.replace(desk.config, server=Server(contact="mailto:admin@example.org"))
        mail.annotations._contact = contact.server.contact
        client = await desk.login()
        assert b'(/shared/admin "mailto:admin@example.org")' in await client.say(b'a GETMETADATA "" /shared/admin')
        assert b"a NO [NOPERM]" in await client.say(b'a SETMETADATA "" (/shared/comment "x" /private/comment "y")')
        await mail.directory.set_administrator(desk.house.user.id, True)
        assert b"a OK" in await client.say(b'a SETMETADATA "" (/shared/comment "x" /private/comment "y")')
        assert b"a NO [NOPERM]" in await client.say(b'a SETMETADATA "" (/shared/admin "x")')
        assert b'(/shared/comment "x" /private/comment "y")' in await client.say(
            b'a GETMETADATA "" (/shared/comment /private/comment)'
        )
        await desk.close()

    run(scenario())


def test_a_mailbox_that_only_holds_others_has_some_too() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        for command in (b"CREATE x/y", b"DELETE x", b'SETMETADATA x (/shared/comment "holds y")'):
            assert b"a OK" in await client.say(b"a " + command)
        assert b'* METADATA x (/shared/comment "holds y")\r\n' in await client.say(b"a GETMETADATA x /shared/comment")
        await desk.close()

    run(scenario())
