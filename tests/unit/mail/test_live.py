"""Live mailboxes: one snapshot for all, never behind an answer of this process (laws 4 and 6)."""

from __future__ import annotations

import asyncio

import pytest

from lightmail._core.index import UidSet
from lightmail.errors import MailboxNotFound, Unavailable
from lightmail.mail import live as live_mailboxes
from lightmail.mail.live import LiveMailbox
from lightmail.model import FlagOp, MailboxId, ModSeq
from tests.support.aio import run
from tests.unit.mail.house import House


def test_all_who_open_share_one_load() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=3)
        gate = house.metadata.hold("load")
        openings = [asyncio.create_task(house.mail.open(inbox.id)) for _ in range(5)]
        await house.metadata.reached("load")
        openings[0].cancel()
        gate.set()
        lives = await asyncio.gather(*openings[1:])
        assert len({id(live) for live in lives}) == 1
        assert house.metadata.count("load") == 1
        assert len(lives[0].snapshot) == 3
        await house.close()

    run(scenario())


def test_a_load_that_fails_is_tried_again() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        house.metadata.fail("load", Unavailable("the database"))
        with pytest.raises(Unavailable):
            await house.mail.open(inbox.id)
        live = await house.mail.open(inbox.id)
        assert len(live.snapshot) == 1
        await house.close()

    run(scenario())


def test_own_changes_need_no_statement_more() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=2)
        live = await house.mail.open(inbox.id)
        told: list[int] = []
        live.watch(lambda mailbox: told.append(mailbox.snapshot.highest_modseq))
        house.metadata.calls.clear()
        await house.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Seen",))
        await house.append(inbox, 1)
        assert house.metadata.calls == ["set_flags", "append"]
        assert len(live.snapshot) == 3
        assert live.snapshot.flags_of(1) == ("\\Seen",)
        assert told == sorted(set(told)) and len(told) == 2
        await house.close()

    run(scenario())


def test_a_change_during_the_load_is_not_lost() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        gate = house.metadata.hold("load", after=True)
        opening = asyncio.create_task(house.mail.open(inbox.id))
        await house.metadata.reached("load")
        await house.append(inbox, 1)
        gate.set()
        live = await opening
        assert len(live.snapshot) == 2
        await house.close()

    run(scenario())


def test_deltas_out_of_order_end_in_the_truth() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=0)
        live = await house.mail.open(inbox.id)
        gate = house.metadata.hold("append", after=True)
        first = asyncio.create_task(house.append(inbox, 1))
        await house.metadata.reached("append")
        house.metadata.release_next("append")
        second = asyncio.create_task(house.append(inbox, 1))
        await second
        assert len(live.snapshot) == 2, "a later Delta without the earlier one must ask the database"
        gate.set()
        await first
        assert list(live.snapshot.uids()) == [1, 2]
        await house.close()

    run(scenario())


def test_hints_of_what_is_known_ask_nothing() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=2)
        live = await house.mail.open(inbox.id)
        live.watch(lambda mailbox: None)
        house.metadata.calls.clear()
        house.feed.hint(inbox.id, ModSeq(live.snapshot.highest_modseq))
        house.feed.hint(MailboxId(inbox.id + 1000), ModSeq(99))
        await asyncio.sleep(0)
        assert house.metadata.calls == []
        await house.close()

    run(scenario())


def test_hints_of_other_processes_bring_the_change_once() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        live = await house.mail.open(inbox.id)
        changed = house.changed(live)
        house.metadata.calls.clear()
        modseq = await house.append_elsewhere(inbox, 2)
        for _ in range(3):
            house.feed.hint(inbox.id, modseq)
        await changed.wait()
        assert len(live.snapshot) == 3
        assert house.metadata.calls == ["changes_since"]
        await house.close()

    run(scenario())


def test_a_hint_that_came_while_nobody_watched_is_followed_by_who_watches_next() -> None:
    """IDLE begins behind it, and no other hint may come."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        live = await house.mail.open(inbox.id)
        house.metadata.calls.clear()
        house.feed.hint(inbox.id, await house.append_elsewhere(inbox, 2))
        assert house.metadata.calls == []
        await house.changed(live).wait()
        assert len(live.snapshot) == 3
        assert house.metadata.calls == ["changes_since"]
        await house.close()

    run(scenario())


def test_an_unknown_change_is_looked_for_with_one_statement() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        sent = await house.mail.mailboxes.get(house.user.id, "Sent")
        lives = [await house.mail.open(inbox.id), await house.mail.open(sent.id)]
        changed = house.changed(lives[0])
        lives[1].watch(lambda mailbox: None)
        await house.append_elsewhere(inbox, 1)
        house.metadata.calls.clear()
        house.feed.hint(MailboxId(0), ModSeq(0))
        await changed.wait()
        assert len(lives[0].snapshot) == 2
        assert house.metadata.calls == ["modseqs", "changes_since"]
        await house.close()

    run(scenario())


def test_a_mailbox_kept_for_nobody_is_refreshed_when_opened() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        (await house.mail.open(inbox.id)).release()
        modseq = await house.append_elsewhere(inbox, 1)
        house.metadata.calls.clear()
        house.feed.hint(inbox.id, modseq)
        live = await house.mail.open(inbox.id)
        assert len(live.snapshot) == 2
        assert house.metadata.calls == ["changes_since"]
        house.metadata.calls.clear()
        assert await house.mail.open(inbox.id) is live
        assert house.metadata.calls == []
        await house.close()

    run(scenario())


def test_other_writers_make_opening_ask() -> None:
    async def scenario() -> None:
        house = await House.build(workers=2)
        inbox = await house.inbox(messages=1)
        (await house.mail.open(inbox.id)).release()
        await house.append_elsewhere(inbox, 1)
        live = await house.mail.open(inbox.id)
        assert len(live.snapshot) == 2, "no hint came, and still the answer is the database's"
        await house.close()

    run(scenario())


@pytest.mark.parametrize("verb", ["changes_since", "modseqs"])
def test_a_look_that_fails_is_repeated_without_another_hint(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idling client asks for nothing; when the database is back, it must be told all the same."""
    monkeypatch.setattr(live_mailboxes, "RETRY_S", 0.01)

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        live = await house.mail.open(inbox.id)
        changed = house.changed(live)
        modseq = await house.append_elsewhere(inbox, 1)
        house.metadata.fail(verb, Unavailable("the database"), Unavailable("the database"))
        house.feed.hint(inbox.id, modseq if verb == "changes_since" else ModSeq(0))
        await asyncio.wait_for(changed.wait(), 20)
        assert len(live.snapshot) == 2
        assert house.metadata.count(verb) == 3
        await house.close()

    run(scenario())


def test_a_wrong_hint_does_not_keep_asking() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        live = await house.mail.open(inbox.id)
        live.watch(lambda mailbox: None)
        house.metadata.calls.clear()
        house.feed.hint(inbox.id, ModSeq(10_000))
        await live.refresh()
        assert not live.stale
        assert house.metadata.count("changes_since") <= 2
        await house.close()

    run(scenario())


def test_the_bound_holds_for_mailboxes_that_nobody_holds() -> None:
    async def scenario() -> None:
        house = await House.build(snapshot_cache_octets=1)
        inbox = await house.inbox(messages=5)
        live = await house.mail.open(inbox.id)
        assert len(house.mail.live) == 1
        live.release()
        assert len(house.mail.live) == 0 and house.mail.live.octets == 0
        await house.close()

    run(scenario())


def test_a_deleted_mailbox_tells_those_who_have_it_open() -> None:
    async def scenario() -> None:
        house = await House.build()
        mailbox = await house.mail.mailboxes.create(house.user.id, "Gone")
        live = await house.mail.open(mailbox.id)
        told: list[LiveMailbox] = []
        live.watch(told.append)
        await house.mail.mailboxes.delete(house.user.id, "Gone")
        assert told == [live] and live.deleted
        live.release()
        with pytest.raises(MailboxNotFound):
            await house.mail.open(mailbox.id)
        await house.close()

    run(scenario())


def test_what_is_held_is_followed_before_the_database_is_asked() -> None:
    """Otherwise a change between the two would be nobody's hint."""

    async def scenario() -> None:
        house = await House.build(workers=2)
        inbox = await house.inbox(messages=1)
        followed_at: list[int] = []
        house.metadata.on("load", lambda mailbox_id: followed_at.append(house.feed.followed[mailbox_id]))
        one = await house.mail.open(inbox.id)
        house.metadata.on("changes_since", lambda mailbox_id, _: followed_at.append(house.feed.followed[mailbox_id]))
        two = await house.mail.open(inbox.id)
        assert followed_at == [1, 2]
        one.release()
        two.release()
        assert house.feed.followed[inbox.id] == 0
        await house.close()

    run(scenario())


@pytest.mark.parametrize("verb", ["load", "changes_since"])
def test_what_could_not_be_opened_is_not_followed(verb: str) -> None:
    async def scenario() -> None:
        house = await House.build(workers=2)
        inbox = await house.inbox(messages=1)
        if verb != "load":
            (await house.mail.open(inbox.id)).release()
        house.metadata.fail(verb, Unavailable("the database"))
        with pytest.raises(Unavailable):
            await house.mail.open(inbox.id)
        gate = house.metadata.hold(verb)
        opening = asyncio.create_task(house.mail.open(inbox.id))
        await house.metadata.reached(verb)
        opening.cancel()
        gate.set()
        await asyncio.gather(opening, return_exceptions=True)
        assert house.feed.followed[inbox.id] == 0
        await house.close()

    run(scenario())


def test_among_others_a_load_is_new_enough_for_who_began_it() -> None:
    """And for nobody who came later: it may have been answered before a change that he knows of."""

    async def scenario() -> None:
        house = await House.build(workers=2)
        inbox = await house.inbox(messages=1)
        gate = house.metadata.hold("load", after=True)
        first = asyncio.create_task(house.mail.open(inbox.id))
        await house.metadata.reached("load")
        await house.append_elsewhere(inbox, 1)
        second = asyncio.create_task(house.mail.open(inbox.id))
        await asyncio.sleep(0)
        gate.set()
        assert len((await second).snapshot) == 2
        await first
        assert house.metadata.count("load") == house.metadata.count("changes_since") == 1
        await house.close()

    run(scenario())


def test_among_others_only_what_is_held_is_asked_for() -> None:
    """The poll: one statement for all that is held open, none when nothing is."""

    async def scenario() -> None:
        house = await House.build(workers=2)
        inbox = await house.inbox(messages=1)
        other = await house.mail.mailboxes.get(house.user.id, "Trash")
        live = await house.mail.open(inbox.id)
        (await house.mail.open(other.id)).release()
        asked: list[object] = []
        house.metadata.on("modseqs", asked.append)
        house.feed.hint(MailboxId(0), ModSeq(0))
        house.feed.hint(other.id, ModSeq(0))
        await asyncio.sleep(0)
        assert asked == [[inbox.id]]
        changed = house.changed(live)
        await house.append_elsewhere(inbox, 1)
        house.feed.hint(MailboxId(0), ModSeq(0))
        await changed.wait()
        assert len(live.snapshot) == 2
        live.release()
        asked.clear()
        house.feed.hint(MailboxId(0), ModSeq(0))
        await asyncio.sleep(0)
        assert asked == []
        await house.close()

    run(scenario())


def test_questions_that_come_while_one_is_under_way_are_asked_together() -> None:
    async def scenario() -> None:
        house = await House.build(workers=2)
        names = ("INBOX", "Trash", "Sent")
        held = [await house.mail.open((await house.mail.mailboxes.get(house.user.id, name)).id) for name in names]
        asked: list[object] = []
        house.metadata.on("modseqs", asked.append)
        gate = house.metadata.hold("modseqs")
        house.feed.hint(held[0].mailbox_id, ModSeq(0))
        await house.metadata.reached("modseqs")
        for live in held:
            house.feed.hint(live.mailbox_id, ModSeq(0))
        gate.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert asked == [[held[0].mailbox_id], sorted(live.mailbox_id for live in held)]
        await house.close()

    run(scenario())


@pytest.mark.parametrize("which", ["all", "one"])
@pytest.mark.parametrize("change", ["append", "delete"])
def test_a_call_to_look_during_a_load_is_not_lost(which: str, change: str) -> None:
    """What the load finds may be of a time before it, and nobody says it a second time."""

    async def scenario() -> None:
        house = await House.build(workers=2)
        mailbox = await house.mail.mailboxes.create(house.user.id, "Box")
        gate = house.metadata.hold("load", after=True)
        opening = asyncio.create_task(house.mail.open(mailbox.id))
        await house.metadata.reached("load")
        if change == "append":
            await house.append_elsewhere(mailbox, 1)
        else:
            await house.raw_metadata.delete_mailbox(house.user.id, "Box")
        looking = house.metadata.hold("modseqs")
        house.feed.hint(mailbox.id if which == "one" else MailboxId(0), ModSeq(0))
        gate.set()
        live = await opening
        told = asyncio.Event()
        live.watch(lambda _: told.set())
        looking.set()
        async with asyncio.timeout(20):
            await told.wait()
        assert live.deleted if change == "delete" else len(live.snapshot) == 1
        await house.close()

    run(scenario())
