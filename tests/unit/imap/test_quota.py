"""GETQUOTA, GETQUOTAROOT, SETQUOTA, and what a quota refuses (RFC 9208)."""

from __future__ import annotations

from lightmail.model import Quota
from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk


async def limited(desk: Desk, quota: Quota) -> Client:
    await desk.house.mail.quotas.set(desk.house.user, quota)
    return await desk.login(select=b"INBOX")


def test_limits_are_told_with_what_is_used() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await limited(desk, Quota(octets=10_239, messages=5, mailboxes=40))
        assert b"a OK" in await client.say(b"a APPEND INBOX {1025+}\r\n" + b"x" * 1025)
        usage = (await desk.house.mail.quotas.of(desk.house.user.id))[1]
        told = b"(STORAGE 2 9 MESSAGE 1 5 MAILBOX %d 40)\r\n" % usage.mailboxes
        assert await client.say(b"a GETQUOTA ann@example.org") == (
            b"* QUOTA ann@example.org " + told + b"a OK That is the quota\r\n"
        )
        assert await client.say(b"a GETQUOTAROOT inbox") == (
            b"* QUOTAROOT INBOX ann@example.org\r\n* QUOTA ann@example.org " + told + b"a OK That is the quota\r\n"
        )
        await desk.close()

    run(scenario())


def test_only_administrators_set_quotas_and_see_those_of_others() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        mail = desk.house.mail
        bob = await mail.accounts.create("bob@example.org", "")
        client = await desk.login()
        for command in (
            b"SETQUOTA ann@example.org (STORAGE 1)",
            b"SETQUOTA bob@example.org ()",
            b"GETQUOTA bob@example.org",
        ):
            assert (await client.say(b"a " + command)).startswith(b"a NO [NOPERM]")
        # What is decided is so from the next command on.
        await mail.directory.set_administrator(desk.house.user.id, True)
        assert await client.say(b"a SETQUOTA bob@example.org (STORAGE 510 MESSAGE 1000)") == (
            b"* QUOTA bob@example.org (STORAGE 0 510 MESSAGE 0 1000)\r\na OK The quota is set\r\n"
        )
        # RFC 9208 §4.1.3: limits that are not named are discarded.
        assert b"(MAILBOX 6 7)" in await client.say(b"a SETQUOTA bob@example.org (mailbox 7)")
        assert (await mail.quotas.of(bob.id))[0] == Quota(mailboxes=7)
        assert b"* QUOTA bob@example.org ()\r\n" in await client.say(b"a SETQUOTA bob@example.org ()")
        assert (await client.say(b"a SETQUOTA bob@example.org (FOO 1)")).startswith(b"a NO [CANNOT]")
        assert (await client.say(b"a SETQUOTA zed@example.org (STORAGE 1)")).startswith(b"a NO ")
        await client.say(b"a SETQUOTA bob@example.org (STORAGE 9223372036854775807)")
        assert (await mail.quotas.of(bob.id))[0].octets == (2**63 - 1) // 1024 * 1024
        await mail.directory.set_administrator(desk.house.user.id, False)
        assert (await client.say(b"a GETQUOTA bob@example.org")).startswith(b"a NO [NOPERM]")
        await desk.close()

    run(scenario())


def test_what_a_quota_refuses() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await limited(desk, Quota(messages=1, mailboxes=7))
        assert b"a OK" in await client.say(b"a CREATE New")
        assert (await client.say(b"a CREATE Other")).startswith(b"a NO [OVERQUOTA]")
        assert (await client.say(b"a RENAME New x/y/z")).startswith(b"a NO [OVERQUOTA]")
        assert b"a NO [OVERQUOTA]" in await client.say(b"a APPEND INBOX {5+}\r\nhello {5+}\r\nhello")
        assert b"a OK" in await client.say(b"a APPEND INBOX {5+}\r\nhello")
        assert b"a NO [OVERQUOTA]" in await client.say(b"a APPEND INBOX {5+}\r\nhello")
        assert (await client.say(b"a COPY 1 New")).startswith(b"a NO [OVERQUOTA]")
        # Moving within the account needs no room.
        assert b"a OK" in await client.say(b"a MOVE 1 New")
        await desk.close()

    run(scenario())
