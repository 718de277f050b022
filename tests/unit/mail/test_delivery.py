"""Delivery: one body and one transaction for all recipients (law 5), a reply of its own for each (RFC 2033 §4.2)."""

from __future__ import annotations

import pytest

from lightmail.config import Config
from lightmail.config.sections import Quota as ConfiguredQuota
from lightmail.errors import MailboxNotFound, OverQuota, Unavailable
from lightmail.mail.accounts import Accounts
from lightmail.mail.delivery import Recipient, Trace
from lightmail.model import BodyRecord, Quota, User
from tests.support.aio import run
from tests.unit.mail.house import House, message_octets


def trace(*addresses: str) -> Trace:
    return Trace("sender@example.net", addresses, "mx.example.net ([192.0.2.1])", "LMTP", "s1")


async def incoming(house: House, *addresses: str) -> BodyRecord:
    receiving = await house.mail.delivery.receive(trace(*addresses), [])
    await receiving.write(message_octets(1))
    return await receiving.finish()


async def add(house: House, name: str) -> User:
    return await house.mail.accounts.create(f"{name}@example.org", "")


async def count(house: House, user: User, mailbox: str) -> int:
    return (await house.mail.mailboxes.status(user.id, mailbox)).messages


async def octets(house: House, user: User) -> bytes:
    mailbox = await house.mail.mailboxes.get(user.id, "INBOX")
    live = await house.mail.open(mailbox.id)
    (body_id,) = live.snapshot.body_ids(live.snapshot.uids())
    live.release()
    return await house.mail.bodies.read(body_id, 0, 100_000)


def test_many_recipients_share_one_put_and_one_transaction() -> None:
    async def scenario() -> None:
        house = await House.build()
        users = [await add(house, f"u{number}") for number in range(5)]
        for user in users:
            await house.mail.mailboxes.get(user.id, "INBOX")
        house.metadata.calls.clear()
        house.blobs.calls.clear()
        body = await incoming(house, *(user.address for user in users))
        assert await house.mail.delivery.deliver([Recipient(user) for user in users], body) == [None] * 5
        assert house.blobs.calls == ["put"]
        assert house.metadata.calls == ["append"]
        assert [await count(house, user, "INBOX") for user in users] == [1] * 5
        await house.close()

    run(scenario())


def test_the_trace_header_names_the_only_recipient() -> None:
    """RFC 5321 §4.4."""

    async def scenario() -> None:
        house = await House.build()
        body = await incoming(house, "ann@example.org")
        assert await house.mail.delivery.deliver([Recipient(house.user)], body) == [None]
        assert await octets(house, house.user) == (
            b"Return-Path: <sender@example.net>\r\n"
            b"Delivered-To: ann@example.org\r\n"
            b"Received: from mx.example.net ([192.0.2.1])\r\n"
            b"\tby mail.example.org (LightMail) with LMTP id s1\r\n"
            b"\tfor <ann@example.org>;\r\n"
            b"\tSun, 09 Sep 2001 01:46:40 -0000\r\n" + message_octets(1)
        )
        await house.close()

    run(scenario())


def test_no_recipient_is_shown_to_another() -> None:
    async def scenario() -> None:
        house = await House.build()
        bob = await add(house, "bob")
        body = await incoming(house, "ann@example.org", "bob@example.org")
        await house.mail.delivery.deliver([Recipient(house.user), Recipient(bob)], body)
        got = await octets(house, bob)
        assert got == await octets(house, house.user)
        assert b"Delivered-To" not in got and b"ann@example.org>;" not in got and got.startswith(b"Return-Path: <")
        await house.close()

    run(scenario())


@pytest.mark.parametrize(
    ("detail", "mailbox"),
    [
        (None, "INBOX"),
        ("Lists", "Lists"),
        ("Lists/Rust", "Lists/Rust"),
        ("nowhere", "INBOX"),
        ("a//b", "INBOX"),
        ("inbox", "INBOX"),
        ("Sent", "INBOX"),
        ("Drafts", "INBOX"),
        ("Junk", "Junk"),
    ],
)
def test_a_subaddress_names_a_mailbox_that_exists(detail: str | None, mailbox: str) -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.mail.mailboxes.create(house.user.id, "Lists/Rust")
        body = await incoming(house, "ann@example.org")
        assert await house.mail.delivery.deliver([Recipient(house.user, detail)], body) == [None]
        assert await count(house, house.user, mailbox) == 1
        await house.close()

    run(scenario())


def test_two_addresses_of_one_mailbox_get_one_copy() -> None:
    async def scenario() -> None:
        house = await House.build()
        body = await incoming(house, "ann@example.org", "ann+x@example.org")
        recipients = [Recipient(house.user), Recipient(house.user, "x")]
        assert await house.mail.delivery.deliver(recipients, body) == [None, None]
        assert await count(house, house.user, "INBOX") == 1
        await house.close()

    run(scenario())


def test_a_mailbox_deleted_meanwhile_leaves_the_mail_to_inbox() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.mail.mailboxes.create(house.user.id, "Lists")
        body = await incoming(house, "ann@example.org")
        house.metadata.fail("append", MailboxNotFound("Lists"))
        assert await house.mail.delivery.deliver([Recipient(house.user, "Lists")], body) == [None]
        assert await count(house, house.user, "INBOX") == 1
        await house.close()

    run(scenario())


def test_a_store_that_fails_is_told_to_all() -> None:
    """Law 1: no 250 for what is not committed."""

    async def scenario() -> None:
        house = await House.build()
        bob = await add(house, "bob")
        body = await incoming(house, "ann@example.org", "bob@example.org")
        house.metadata.fail("append", Unavailable("the database"))
        answers = await house.mail.delivery.deliver([Recipient(house.user), Recipient(bob)], body)
        assert all(isinstance(answer, Unavailable) for answer in answers)
        assert await count(house, bob, "INBOX") == 0
        await house.close()

    run(scenario())


def test_one_recipient_that_cannot_have_it_does_not_hold_the_others_up() -> None:
    async def scenario() -> None:
        house = await House.build()
        bob = await add(house, "bob")
        await house.mail.mailboxes.get(bob.id, "INBOX")
        body = await incoming(house, "ann@example.org", "bob@example.org")
        house.metadata.fail("get_mailboxes", Unavailable("the database"))
        house.metadata.fail("get_mailbox", Unavailable("the database"))
        answers = await house.mail.delivery.deliver([Recipient(house.user), Recipient(bob)], body)
        assert isinstance(answers[0], Unavailable) and answers[1] is None
        assert await count(house, bob, "INBOX") == 1
        await house.close()

    run(scenario())


def test_who_has_no_room_keeps_nobody_from_their_mail() -> None:
    async def scenario() -> None:
        house = await House.build()
        users = [await add(house, f"u{number}") for number in range(4)]
        await house.mail.quotas.set(users[1], Quota(octets=3))
        await house.mail.quotas.set(users[2], Quota(messages=0))
        body = await incoming(house, *(user.address for user in users))
        outcomes = await house.mail.delivery.deliver([Recipient(user) for user in users], body)
        assert [type(outcome) for outcome in outcomes] == [type(None), OverQuota, OverQuota, type(None)]
        assert [await count(house, user, "INBOX") for user in users] == [1, 0, 0, 1]
        only = await house.mail.delivery.deliver([Recipient(users[1])], body)
        assert [type(outcome) for outcome in only] == [OverQuota]
        await house.close()

    run(scenario())


def test_a_new_account_has_the_configured_limits() -> None:
    async def scenario() -> None:
        house = await House.build()
        house.mail.accounts = Accounts(
            directory=house.directory,  # type: ignore[arg-type]
            metadata=house.metadata,
            mailboxes=house.mail.mailboxes,
            changes=house.mail._changes,
            config=Config(quota=ConfiguredQuota(storage_octets=1000, mailboxes=2)),
        )
        user = await add(house, "bob")
        assert user.quota == Quota(octets=1000, mailboxes=2)
        # Its first mailboxes are made whatever the limit is.
        assert len(await house.mail.mailboxes.list(user.id)) == 6
        await house.close()

    run(scenario())
