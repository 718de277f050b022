"""The ChangeFeed port: hints of changes, of this process and of others."""

from __future__ import annotations

import asyncio

from lightmail.model import MailboxId, ModSeq
from tests.support.shared import FEEDS, Listening, Pair, on_every

on_every_feed = on_every(FEEDS)


@on_every_feed
async def test_own_changes_are_told_in_the_next_turn(pair: Pair[Listening]) -> None:
    for mailbox_id, modseq in ((1, 5), (2, 7), (1, 9), (1, 8)):
        pair.one.feed.publish(MailboxId(mailbox_id), ModSeq(modseq))
    assert pair.one.heard == []
    await asyncio.sleep(0)
    assert pair.one.heard == [(1, 9), (2, 7)]


@on_every_feed
async def test_changes_of_another_process_are_noticed(pair: Pair[Listening]) -> None:
    """By name, or by a hint to look for oneself."""
    await pair.other.feed.follow(MailboxId(3))
    for modseq in (5, 6):
        await pair.one.commit(3, modseq)
        await pair.other.hears((3, modseq), (0, 0))
        pair.clock.now += 1


@on_every_feed
async def test_a_changed_mailbox_says_more_than_a_modseq(pair: Pair[Listening]) -> None:
    await pair.other.feed.follow(MailboxId(3))
    pair.one.feed.publish(MailboxId(3), ModSeq(0))
    await pair.one.commit(3, 9)
    await pair.other.hears((3, 0), (0, 0))


@on_every_feed
async def test_following_is_counted(pair: Pair[Listening]) -> None:
    for _ in range(2):
        await pair.other.feed.follow(MailboxId(3))
    pair.other.feed.unfollow(MailboxId(3))
    await pair.one.commit(3, 5)
    await pair.other.hears((3, 5), (0, 0))
    pair.other.feed.unfollow(MailboxId(3))
    await pair.other.feed.follow(MailboxId(3))
    pair.clock.now += 1
    await pair.one.commit(3, 6)
    await pair.other.hears((3, 6), (0, 0))


@on_every_feed
async def test_following_again_does_not_suspend(pair: Pair[Listening]) -> None:
    await pair.one.feed.follow(MailboxId(3))
    pair.one.feed.unfollow(MailboxId(3))
    again = pair.one.feed.follow(MailboxId(3))
    try:
        again.send(None)  # type: ignore[attr-defined]  # a coroutine
    except StopIteration:
        pass
    else:
        raise AssertionError("it waits for something")


@on_every_feed
async def test_after_close_nothing_is_told(pair: Pair[Listening]) -> None:
    await pair.one.feed.close()
    pair.one.heard.clear()
    pair.one.feed.publish(MailboxId(1), ModSeq(3))
    await pair.one.feed.follow(MailboxId(1))
    pair.one.feed.unfollow(MailboxId(1))
    await asyncio.sleep(0)
    assert pair.one.heard == []
    await pair.one.feed.close()
