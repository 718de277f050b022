"""The change feed of one machine."""

from __future__ import annotations

import asyncio
import logging

import pytest

from lightmail.backends.local import LocalChangeFeed, SystemClock
from lightmail.backends.memory import MemoryMetadata, MemoryState
from lightmail.errors import Unavailable
from lightmail.model import MailboxId, ModSeq
from tests.support.aio import run

Hint = tuple[int, int]


class Versions(MemoryMetadata):
    """A store whose data_version a test sets."""

    def __init__(self) -> None:
        super().__init__(MemoryState())
        self.version: int | None = 1
        """None: it has none."""
        self.away = False
        self.asked = asyncio.Event()

    async def data_version(self) -> int | None:
        self.asked.set()
        if self.away:
            raise Unavailable("the metadata database")
        return self.version

    async def is_asked(self, times: int = 1) -> None:
        for _ in range(times):
            self.asked.clear()
            await self.asked.wait()


async def _feed(metadata: Versions | None = None) -> tuple[LocalChangeFeed, list[Hint]]:
    feed = LocalChangeFeed(metadata, version_poll_s=0.001)
    heard: list[Hint] = []
    feed.listen(lambda mailbox_id, modseq: heard.append((mailbox_id, modseq)))
    await feed.start()
    return feed, heard


def test_hints_come_in_the_next_turn_and_once_per_mailbox() -> None:
    async def test() -> None:
        feed, heard = await _feed()
        for mailbox_id, modseq in ((1, 5), (2, 7), (1, 9), (1, 8)):
            feed.publish(MailboxId(mailbox_id), ModSeq(modseq))
        assert heard == []
        await asyncio.sleep(0)
        assert heard == [(1, 9), (2, 7)]
        feed.publish(MailboxId(2), ModSeq(8))
        await asyncio.sleep(0)
        assert heard[2:] == [(2, 8)]
        await feed.close()

    run(test())


@pytest.mark.parametrize("order", [(0, 9), (9, 0)])
def test_a_changed_mailbox_says_more_than_a_modseq(order: tuple[int, int]) -> None:
    async def test() -> None:
        feed, heard = await _feed()
        for modseq in order:
            feed.publish(MailboxId(1), ModSeq(modseq))
        await asyncio.sleep(0)
        assert heard == [(1, 0)]
        await feed.close()

    run(test())


def test_a_listener_that_fails_does_not_keep_the_others_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        feed = LocalChangeFeed()
        heard: list[Hint] = []

        def fail(mailbox_id: MailboxId, modseq: ModSeq) -> None:
            raise RuntimeError("on purpose")

        feed.listen(fail)
        feed.listen(lambda mailbox_id, modseq: heard.append((mailbox_id, modseq)))
        await feed.start()
        feed.publish(MailboxId(1), ModSeq(2))
        await asyncio.sleep(0)
        assert heard == [(1, 2)]
        await feed.close()

    with caplog.at_level(logging.ERROR):
        run(test())
    assert "on purpose" in caplog.text


def test_commits_of_other_processes_are_noticed() -> None:
    async def test() -> None:
        metadata = Versions()
        feed, heard = await _feed(metadata)
        await metadata.is_asked(3)
        assert heard == []
        metadata.version = 2
        await metadata.is_asked(3)
        assert heard == [(0, 0)]
        await feed.close()

    run(test())


@pytest.mark.parametrize("away", [False, True])
def test_a_commit_right_after_the_start_is_noticed(away: bool) -> None:
    """Away at the start: whatever is found later has changed."""

    async def test() -> None:
        metadata = Versions()
        metadata.away = away
        feed, heard = await _feed(metadata)
        metadata.away = False
        if not away:
            metadata.version = 2
        await metadata.is_asked(2)
        await feed.close()
        assert heard == [(0, 0)]

    run(test())


def test_a_store_that_does_not_answer_is_asked_again() -> None:
    async def test() -> None:
        metadata = Versions()
        feed, heard = await _feed(metadata)
        await metadata.is_asked(2)
        metadata.away = True
        await metadata.is_asked(3)
        metadata.away, metadata.version = False, 2
        await metadata.is_asked(3)
        assert heard == [(0, 0)]
        await feed.close()

    run(test())


def test_without_a_data_version_listeners_look_for_themselves() -> None:
    """Less often, and less often still while something better is at work."""

    async def test() -> None:
        metadata = Versions()
        metadata.version = None
        feed = LocalChangeFeed(metadata, poll_s=0.002, version_poll_s=60)
        heard = asyncio.Event()
        feed.listen(lambda mailbox_id, modseq: heard.set())
        await feed.start()
        await heard.wait()
        feed.poll_at_most_every(60)
        heard.clear()
        await heard.wait()  # it waited for this poll already
        heard.clear()
        metadata.asked.clear()
        await asyncio.sleep(0.02)
        assert not heard.is_set() and not metadata.asked.is_set()
        feed.poll_at_most_every(0)
        await asyncio.wait_for(heard.wait(), 60)
        await feed.close()

    run(test())


def test_a_data_version_is_asked_for_in_any_case() -> None:
    async def test() -> None:
        metadata = Versions()
        feed, heard = await _feed(metadata)
        feed.poll_at_most_every(60)
        await metadata.is_asked(3)
        metadata.version = 2
        await metadata.is_asked(3)
        assert heard == [(0, 0)]
        await feed.close()

    run(test())


def test_after_close_nothing_is_told() -> None:
    async def test() -> None:
        feed, heard = await _feed()
        feed.publish(MailboxId(1), ModSeq(2))
        await feed.close()
        await feed.close()
        feed.publish(MailboxId(1), ModSeq(3))
        await asyncio.sleep(0)
        assert heard == []

    run(test())


def test_before_start_nothing_is_lost_that_matters() -> None:
    """A hint may be lost (law 4); publishing never fails."""
    feed = LocalChangeFeed()
    heard: list[Hint] = []
    feed.listen(lambda mailbox_id, modseq: heard.append((mailbox_id, modseq)))
    feed.publish(MailboxId(1), ModSeq(2))
    assert heard == []


def test_the_clock_goes_forward() -> None:
    clock = SystemClock()
    first = clock.monotonic_s()
    assert clock.monotonic_s() >= first
    assert clock.now_s() > 1_700_000_000
