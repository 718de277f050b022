"""Reading large bodies ahead: as far as the reader's pace deserves, and never farther than all readers may together."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightmail.errors import BodyCorrupt, Unavailable
from lightmail.mail.streaming import (
    BLOCK_OCTETS,
    FIRST_WINDOW_OCTETS,
    MOST_WINDOW_OCTETS,
    Budget,
    Fetched,
    Stream,
)
from tests.support.aio import run
from tests.unit.mail.house import House, message_octets

OCTETS = 10_000_000


class DistantBody:
    """Implements `streaming.Source` over octets; its answers come when a test says so."""

    def __init__(self, octets: bytes = b"") -> None:
        self.octets = octets
        self.requests: list[tuple[int, int]] = []
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.most_waiting = 0
        self.failure: Exception | None = None

    async def fetch(self, start: int, octets: int) -> Fetched:
        self.requests.append((start, octets))
        answer = asyncio.get_running_loop().create_future()
        self.waiting.append(answer)
        self.most_waiting = max(self.most_waiting, sum(not each.done() for each in self.waiting))
        await answer
        if self.failure is not None:
            raise self.failure
        return Fetched(self.octets[start : start + octets], start)

    def block(self, fetched: Fetched, start: int, octets: int) -> bytes:
        return fetched.stored[start - fetched.stored_start :][:octets]

    def answer_all(self) -> int:
        """What a round trip brings: all that had been asked for."""
        answered = 0
        while self.waiting:
            answer = self.waiting.popleft()
            if not answer.done():
                answer.set_result(None)
                answered += 1
        return answered


async def turns(count: int = 40) -> None:
    """Let everything happen that can without an answer."""
    for _ in range(count):
        await asyncio.sleep(0)


async def read(stream: Stream) -> bytes:
    async with aclosing(stream.chunks()) as chunks:
        return b"".join([chunk async for chunk in chunks])


def test_a_fast_reader_of_a_distant_body_waits_a_few_round_trips() -> None:
    """50 ms per request: 10 MB one block at a time would be 77 of them."""

    async def scenario() -> None:
        octets = random.Random(1).randbytes(OCTETS)
        body = DistantBody(octets)
        reading = asyncio.create_task(read(Stream(body, 0, OCTETS, Budget(32 * MOST_WINDOW_OCTETS))))
        round_trips = 0
        while not reading.done():
            await turns(200)
            round_trips += body.answer_all() > 0
        assert await reading == octets
        assert round_trips <= 8
        assert body.most_waiting <= 6
        assert len(body.requests) <= 30, "several blocks in one request"
        assert max(count for _, count in body.requests) == MOST_WINDOW_OCTETS // 4

    run(scenario())


def test_the_octets_asked_for_are_asked_for_once_and_in_order() -> None:
    async def scenario() -> None:
        body = DistantBody(bytes(OCTETS))
        reading = asyncio.create_task(read(Stream(body, 1_000, 5_000_001, Budget(MOST_WINDOW_OCTETS))))
        while not reading.done():
            await turns()
            body.answer_all()
        assert len(await reading) == 4_999_001
        at = 1_000
        for start, count in body.requests:
            assert start == at
            at += count
            assert at % BLOCK_OCTETS == 0 or at == 5_000_001
        assert at == 5_000_001

    run(scenario())


def test_a_slow_reader_has_little_read_ahead() -> None:
    """Law 7."""

    async def scenario() -> None:
        body = DistantBody(bytes(OCTETS))
        budget = Budget(32 * MOST_WINDOW_OCTETS)
        taken = 0
        async with aclosing(Stream(body, 0, OCTETS, budget).chunks()) as chunks:
            # Everything it may have is there before it takes the next block.
            first = asyncio.ensure_future(anext(chunks))
            await turns()
            body.answer_all()
            taken += len(await first)
            for _ in range(30):
                await turns()
                body.answer_all()
                taken += len(await anext(chunks))
                assert sum(count for _, count in body.requests) - taken <= FIRST_WINDOW_OCTETS
        assert budget.left == 32 * MOST_WINDOW_OCTETS

    run(scenario())


def test_a_reader_that_becomes_slow_gives_back() -> None:
    async def scenario() -> None:
        body = DistantBody(bytes(5 * OCTETS))
        budget = Budget(MOST_WINDOW_OCTETS)
        taken = 0
        async with aclosing(Stream(body, 0, 5 * OCTETS, budget).chunks()) as chunks:
            while taken < OCTETS:
                chunk = asyncio.ensure_future(anext(chunks))
                await turns()
                if not chunk.done():
                    body.answer_all()
                taken += len(await chunk)
            assert budget.left < MOST_WINDOW_OCTETS - FIRST_WINDOW_OCTETS
            for _ in range(100):
                await turns()
                body.answer_all()
                await turns()
                taken += len(await anext(chunks))
            assert sum(count for _, count in body.requests) - taken <= FIRST_WINDOW_OCTETS
            assert budget.left == MOST_WINDOW_OCTETS

    run(scenario())


def test_all_readers_together_stay_within_the_budget() -> None:
    async def scenario() -> None:
        octets = random.Random(2).randbytes(OCTETS // 2)
        budget = Budget(MOST_WINDOW_OCTETS)
        bodies = [DistantBody(octets) for _ in range(20)]
        readings = [asyncio.create_task(read(Stream(body, 0, len(octets), budget))) for body in bodies]
        most = 0
        while not all(reading.done() for reading in readings):
            await turns(200)
            most = max(most, MOST_WINDOW_OCTETS - budget.left)
            assert budget.left >= 0
            for body in bodies:
                body.answer_all()
        assert [await reading for reading in readings] == [octets] * 20, "those beyond the bound get theirs too"
        assert most == MOST_WINDOW_OCTETS and budget.left == MOST_WINDOW_OCTETS

    run(scenario())


@pytest.mark.parametrize("when", ["before the first", "in the midst"])
def test_a_failure_ends_it_and_leaves_nothing(when: str) -> None:
    async def scenario() -> None:
        body = DistantBody(bytes(OCTETS))
        budget = Budget(MOST_WINDOW_OCTETS)
        reading = asyncio.create_task(read(Stream(body, 0, OCTETS, budget)))
        if when == "in the midst":
            for _ in range(4):
                await turns()
                body.answer_all()
        await turns()
        body.failure = Unavailable("the body store")
        body.waiting[0].set_result(None)
        with pytest.raises(Unavailable):
            await reading
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert budget.left == MOST_WINDOW_OCTETS

    run(scenario())


def test_a_reader_that_leaves_early_gives_all_back() -> None:
    async def scenario() -> None:
        body = DistantBody(bytes(OCTETS))
        budget = Budget(MOST_WINDOW_OCTETS)
        reading = asyncio.create_task(read(Stream(body, 0, OCTETS, budget)))
        for _ in range(4):
            await turns()
            body.answer_all()
        assert budget.left < MOST_WINDOW_OCTETS
        reading.cancel()
        await asyncio.wait([reading])
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert budget.left == MOST_WINDOW_OCTETS

    run(scenario())


@given(
    octets=st.integers(0, 12 * BLOCK_OCTETS),
    start=st.integers(0, 12 * BLOCK_OCTETS),
    budget=st.integers(0, MOST_WINDOW_OCTETS),
    pace=st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None)
def test_any_range_at_any_pace(octets: int, start: int, budget: int, pace: random.Random) -> None:
    content = random.Random(3).randbytes(octets)

    async def scenario() -> None:
        body, left = DistantBody(content), Budget(budget)
        got = b""
        async with aclosing(Stream(body, start, octets, left).chunks()) as chunks:
            while True:
                chunk = asyncio.ensure_future(anext(chunks, None))
                while not chunk.done():
                    await turns(pace.choice([1, 5, 30]))
                    if body.waiting and pace.random() < 0.7:
                        answer = body.waiting.popleft()
                        if not answer.done():
                            answer.set_result(None)
                if (block := await chunk) is None:
                    break
                assert 0 < len(block) <= BLOCK_OCTETS
                got += block
        assert got == content[start:] and left.left == budget

    run(scenario())


# ---- through the mail store


@pytest.mark.parametrize("at_hand", [True, False])
def test_whole_bodies_by_ranges(at_hand: bool) -> None:
    async def scenario() -> None:
        house = await House.build()
        octets = message_octets(1) + random.Random(4).randbytes(3_000_000)
        body_id = await house.stored(octets)
        fresh = await house.again(slow_bodies=not at_hand)
        for start, count in ((0, len(octets)), (1, BLOCK_OCTETS), (2_999_000, 10_000), (5_000_000, 5)):
            async with aclosing(fresh.mail.bodies.stream(body_id, start, count)) as chunks:
                assert b"".join([chunk async for chunk in chunks]) == octets[start : start + count]
        await fresh.close()
        await house.close()

    run(scenario())


def test_a_seek_table_that_promises_other_frames_is_damage() -> None:
    async def scenario() -> None:
        class Lying(DistantBody):
            def block(self, fetched: Fetched, start: int, octets: int) -> bytes:
                raise BodyCorrupt(1, "seek table")

        body = Lying(bytes(OCTETS))
        reading = asyncio.create_task(read(Stream(body, 0, OCTETS, Budget(0))))
        await turns()
        body.answer_all()
        with pytest.raises(BodyCorrupt):
            await reading
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scenario())
