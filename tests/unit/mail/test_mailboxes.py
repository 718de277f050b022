"""Mailboxes: CREATE, DELETE, RENAME, STATUS and what is remembered (RFC 9051 §6.3.4-6.3.6, §6.3.11)."""

from __future__ import annotations

import pytest

from lightmail._core.index import UidSet
from lightmail.errors import (
    InboxUndeletable,
    LimitExceeded,
    MailboxExists,
    MailboxHasChildren,
    MailboxNameInvalid,
    MailboxNotFound,
    MailboxNotSelectable,
    SpecialUseRefused,
)
from lightmail.model import FlagOp, MailboxId, ModSeq
from tests.support.aio import run
from tests.unit.mail.house import House


async def names(house: House) -> list[str]:
    return [mailbox.name for mailbox in await house.mail.mailboxes.list(house.user.id)]


def test_a_new_account_has_its_mailboxes() -> None:
    async def scenario() -> None:
        house = await House.build()
        mailboxes = {box.name: box for box in await house.mail.mailboxes.list(house.user.id)}
        assert set(mailboxes) == {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"}
        assert mailboxes["Sent"].special_use == ("\\Sent",)
        assert await house.mail.mailboxes.subscriptions(house.user.id) == frozenset(mailboxes)
        await house.mail.mailboxes.provision(house.user.id)
        assert len(await names(house)) == 6
        await house.close()

    run(scenario())


def test_create_makes_what_is_missing_above() -> None:
    """RFC 9051 §6.3.4."""

    async def scenario() -> None:
        house = await House.build()
        user, mailboxes = house.user.id, house.mail.mailboxes
        await mailboxes.create(user, "a/b/c")
        assert {"a", "a/b", "a/b/c"} <= set(await names(house))
        with pytest.raises(MailboxExists):
            await mailboxes.create(user, "a/b/c")
        for name in ("INBOX", "inbox"):
            with pytest.raises(MailboxExists):
                await mailboxes.create(user, name)
        for name in ("", "a//b", "x\r\n"):
            with pytest.raises(MailboxNameInvalid):
                await mailboxes.create(user, name)
        await house.close()

    run(scenario())


def test_spellings_of_one_name_are_one_mailbox() -> None:
    async def scenario() -> None:
        house = await House.build()
        user, mailboxes = house.user.id, house.mail.mailboxes
        made = await mailboxes.create(user, "Entwu\u0308rfe")
        assert made.name == "Entw\u00fcrfe"
        assert (await mailboxes.get(user, "Entwu\u0308rfe")).id == (await mailboxes.get(user, "Entwürfe")).id == made.id
        assert (await mailboxes.get(user, "inBOX")).name == "INBOX"
        await house.close()

    run(scenario())


def test_special_use_is_known_and_unique() -> None:
    """RFC 6154 §3."""

    async def scenario() -> None:
        house = await House.build()
        user, mailboxes = house.user.id, house.mail.mailboxes
        assert (await mailboxes.create(user, "Everything", special_use=("\\all",))).special_use == ("\\All",)
        for use in ("\\Sent", "\\Nonsense"):
            with pytest.raises(SpecialUseRefused):
                await mailboxes.create(user, "More", special_use=(use,))
        assert "More" not in await names(house)
        await house.close()

    run(scenario())


def test_the_number_of_mailboxes_is_bounded() -> None:
    async def scenario() -> None:
        house = await House.build(mailboxes=7)
        await house.mail.mailboxes.create(house.user.id, "one")
        with pytest.raises(LimitExceeded):
            await house.mail.mailboxes.create(house.user.id, "two")
        await house.close()

    run(scenario())


def test_delete_keeps_a_name_with_others_below() -> None:
    """RFC 9051 §6.3.5."""

    async def scenario() -> None:
        house = await House.build()
        user, mailboxes = house.user.id, house.mail.mailboxes
        await mailboxes.create(user, "a/b")
        first = await mailboxes.get(user, "a")
        await mailboxes.delete(user, "a")
        with pytest.raises(MailboxNotSelectable):
            await mailboxes.get(user, "a")
        with pytest.raises(MailboxHasChildren):
            await mailboxes.delete(user, "a")
        again = await mailboxes.create(user, "a")
        assert again.uid_validity > first.uid_validity
        assert (await mailboxes.get(user, "a")).uid_validity == again.uid_validity
        await mailboxes.delete(user, "a/b")
        await mailboxes.delete(user, "a")
        with pytest.raises(MailboxNotFound):
            await mailboxes.get(user, "a")
        with pytest.raises(InboxUndeletable):
            await mailboxes.delete(user, "Inbox")
        await house.close()

    run(scenario())


def test_rename_takes_what_is_below_along() -> None:
    """RFC 9051 §6.3.6."""

    async def scenario() -> None:
        house = await House.build()
        user, mailboxes = house.user.id, house.mail.mailboxes
        moved = await mailboxes.create(user, "a/b")
        await mailboxes.get(user, "a")
        await mailboxes.rename(user, "a", "x/y")
        assert {"x", "x/y", "x/y/b"} <= set(await names(house)) and "a" not in await names(house)
        kept = await mailboxes.get(user, "x/y/b")
        assert (kept.id, kept.uid_validity) == (moved.id, moved.uid_validity)
        with pytest.raises(MailboxNotFound):
            await mailboxes.get(user, "a")
        for source, target, error in [
            ("a", "b", MailboxNotFound),
            ("x", "Sent", MailboxExists),
            ("x", "INBOX", MailboxExists),
            ("x", "x", MailboxExists),
            ("x", "x/z", MailboxNameInvalid),
            ("x", "a//b", MailboxNameInvalid),
        ]:
            with pytest.raises(error):
                await mailboxes.rename(user, source, target)
        await house.close()

    run(scenario())


def test_rename_never_makes_a_name_too_deep() -> None:
    async def scenario() -> None:
        house = await House.build(mailbox_depth=3)
        await house.mail.mailboxes.create(house.user.id, "a/b/c")
        with pytest.raises(MailboxNameInvalid):
            await house.mail.mailboxes.rename(house.user.id, "a", "x/a")
        assert "a/b/c" in await names(house)
        await house.close()

    run(scenario())


def test_rename_of_inbox_moves_its_messages() -> None:
    """RFC 9051 §6.3.6: INBOX stays, and is empty."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=3)
        await house.mail.mailboxes.create(house.user.id, "INBOX/below")
        live = await house.mail.open(inbox.id)
        await house.mail.mailboxes.rename(house.user.id, "inbox", "Old")
        assert len(live.snapshot) == 0
        assert (await house.mail.mailboxes.status(house.user.id, "Old")).messages == 3
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 0
        assert "INBOX/below" in await names(house)
        await house.close()

    run(scenario())


def test_an_account_always_has_an_inbox() -> None:
    async def scenario() -> None:
        house = await House.build()
        user = await house.directory.add_user("half@example.org", "")
        assert (await house.mail.mailboxes.get(user.id, "inbox")).name == "INBOX"
        await house.close()

    run(scenario())


def test_status_is_exact_and_asks_once() -> None:
    """RFC 9051 §6.3.11; nothing changed, nothing asked."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=3)
        status = await house.mail.mailboxes.status(house.user.id, "INBOX")
        assert (status.messages, status.unseen, status.uid_next) == (3, 3, 4)
        house.metadata.calls.clear()
        assert await house.mail.mailboxes.status(house.user.id, "inbox") == status
        assert house.metadata.calls == []
        await house.mail.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Seen", "\\Deleted"))
        status = await house.mail.mailboxes.status(house.user.id, "INBOX")
        assert (status.unseen, status.deleted) == (2, 1)
        modseq = await house.append_elsewhere(inbox, 1)
        house.feed.hint(inbox.id, modseq)
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 4
        await house.append_elsewhere(inbox, 1)
        house.feed.hint(MailboxId(0), ModSeq(0))
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 5
        await house.close()

    run(scenario())


def test_with_other_writers_nothing_is_remembered() -> None:
    async def scenario() -> None:
        house = await House.build(workers=2)
        inbox = await house.inbox(messages=1)
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 1
        await house.append_elsewhere(inbox, 1)
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 2
        await house.raw_metadata.delete_mailbox(house.user.id, "Sent")
        with pytest.raises(MailboxNotFound):
            await house.mail.mailboxes.get(house.user.id, "Sent")
        await house.close()

    run(scenario())


def test_structure_changed_elsewhere_is_noticed_by_its_hint() -> None:
    async def scenario() -> None:
        house = await House.build()
        sent = await house.mail.mailboxes.get(house.user.id, "Sent")
        await house.raw_metadata.rename_mailbox(house.user.id, "Sent", "Gone")
        house.feed.hint(sent.id, ModSeq(0))
        with pytest.raises(MailboxNotFound):
            await house.mail.mailboxes.get(house.user.id, "Sent")
        await house.close()

    run(scenario())


def test_recent_is_claimed_once() -> None:
    """RFC 3501 §2.3.2."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=3)
        mailboxes = house.mail.mailboxes
        assert await mailboxes.recent_from(inbox, claim=None) == 1
        assert await mailboxes.recent_from(inbox, claim=4) == 1
        house.metadata.calls.clear()
        again = await mailboxes.get(house.user.id, "INBOX")
        assert await mailboxes.recent_from(again, claim=4) == 4
        assert await mailboxes.recent_from(again, claim=None) == 4
        assert house.metadata.calls == []
        await house.close()

    run(scenario())


def test_subscriptions_need_no_mailbox() -> None:
    """RFC 9051 §6.3.7."""

    async def scenario() -> None:
        house = await House.build()
        user, mailboxes = house.user.id, house.mail.mailboxes
        await mailboxes.subscribe(user, "nowhere", True)
        assert "nowhere" in await mailboxes.subscriptions(user)
        await mailboxes.subscribe(user, "nowhere", False)
        assert "nowhere" not in await mailboxes.subscriptions(user)
        with pytest.raises(MailboxNameInvalid):
            await mailboxes.subscribe(user, "a//b", True)
        await house.close()

    run(scenario())


def test_a_deleted_account_is_gone_everywhere() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        live = await house.mail.open(inbox.id)
        await house.mail.accounts.delete(house.user)
        assert live.deleted
        with pytest.raises(MailboxNotFound):
            await house.mail.mailboxes.get(house.user.id, "Sent")
        await house.close()

    run(scenario())
