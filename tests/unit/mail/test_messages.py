"""The verbs: one statement each (law 6), told to this process and to others before they are answered."""

from __future__ import annotations

import asyncio

import pytest

from lightmail._core.index import UidSet
from lightmail.errors import LimitExceeded, MailboxNotFound, OutcomeUnknown, Unavailable
from lightmail.model import FlagOp, MailboxId
from tests.support.aio import run
from tests.unit.mail.house import House


def test_each_verb_is_one_statement_whatever_the_number_of_messages() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=50)
        sent = await house.mail.mailboxes.get(house.user.id, "Sent")
        live, other = await house.mail.open(inbox.id), await house.mail.open(sent.id)
        everything = live.snapshot.uids()
        house.metadata.calls.clear()
        house.blobs.calls.clear()
        await house.mail.set_flags(inbox.id, everything, FlagOp.ADD, ("\\Seen", "$Work"))
        copied = await house.mail.copy(inbox.id, everything, sent.id)
        moved = await house.mail.move(inbox.id, UidSet(range(1, 11)), sent.id)
        await house.mail.set_flags(inbox.id, UidSet(range(11, 21)), FlagOp.ADD, ("\\Deleted",))
        expunged = await house.mail.expunge(inbox.id)
        assert house.metadata.calls == ["set_flags", "copy", "move", "set_flags", "expunge"]
        assert house.blobs.calls == []
        assert (len(copied.target_uids), len(moved.target_uids), len(expunged.expunged)) == (50, 10, 10)
        assert live.snapshot.uids() == UidSet(range(21, 51))
        assert len(other.snapshot) == 60
        assert other.snapshot.flags_of(1) == ("\\Seen", "$Work")
        await house.close()

    run(scenario())


def test_others_are_told_after_the_commit() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox()
        house.feed.published.clear()
        house.metadata.fail("append", Unavailable("the database"))
        with pytest.raises(Unavailable):
            await house.append(inbox, 1)
        assert house.feed.published == []
        await house.append(inbox, 1)
        live = await house.mail.open(inbox.id)
        assert house.feed.published == [(inbox.id, live.snapshot.highest_modseq)]
        await house.close()

    run(scenario())


def test_nothing_to_expunge_writes_nothing() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=3)
        live = await house.mail.open(inbox.id)
        before = live.snapshot.highest_modseq
        house.metadata.calls.clear()
        outcome = await house.mail.expunge(inbox.id)
        assert not outcome.expunged and outcome.modseq == before
        assert house.metadata.calls == []
        await house.close()

    run(scenario())


def test_with_other_writers_expunge_asks() -> None:
    async def scenario() -> None:
        house = await House.build(workers=2)
        inbox = await house.inbox(messages=3)
        await house.mail.open(inbox.id)
        await house.raw_metadata.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Deleted",))
        assert list((await house.mail.expunge(inbox.id)).expunged) == [2]
        await house.close()

    run(scenario())


def test_keywords_are_bounded() -> None:
    async def scenario() -> None:
        house = await House.build(keyword_octets=10)
        inbox = await house.inbox(messages=1)
        with pytest.raises(LimitExceeded):
            await house.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("x" * 11,))
        with pytest.raises(LimitExceeded):
            await house.append(inbox, 1, flags=("x" * 11,))
        await house.close()

    run(scenario())


def test_a_move_within_a_mailbox_gives_new_uids() -> None:
    """RFC 9051 §6.4.8."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=3)
        live = await house.mail.open(inbox.id)
        outcome = await house.mail.move(inbox.id, UidSet([1, 2]), inbox.id)
        assert outcome.target_uids == UidSet([4, 5])
        assert live.snapshot.uids() == UidSet([3, 4, 5])
        await house.close()

    run(scenario())


def test_verbs_on_a_mailbox_that_is_gone() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        nowhere = MailboxId(inbox.id + 1000)
        with pytest.raises(MailboxNotFound):
            await house.mail.copy(inbox.id, UidSet([1]), nowhere)
        with pytest.raises(MailboxNotFound):
            await house.mail.set_flags(nowhere, UidSet([1]), FlagOp.ADD, ("\\Seen",))
        await house.close()

    run(scenario())


def test_what_perhaps_happened_is_looked_for() -> None:
    """The database went during COMMIT, and comes back: whoever has the mailbox open learns what became of it."""

    async def scenario() -> None:
        house = await House.build(workers=2)
        inbox = await house.inbox(messages=1)
        live = await house.mail.open(inbox.id)
        told = asyncio.Event()
        live.watch(lambda _: told.set())
        messages = await house.new_messages(inbox, 1)
        await house.append_elsewhere(inbox, 1)
        house.metadata.fail("append", OutcomeUnknown("the database"))
        house.feed.published.clear()
        with pytest.raises(OutcomeUnknown):
            await house.mail.append(messages)
        assert house.feed.published == [(inbox.id, 0)], "other processes look as well"
        async with asyncio.timeout(20):
            await told.wait()
        assert len(live.snapshot) == 2
        await house.close()

    run(scenario())
