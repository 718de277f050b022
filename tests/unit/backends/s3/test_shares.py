"""Requests of accounts in turn."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule

from lightmail.backends.s3.shares import Shares, Turns
from tests.support.aio import run


def test_one_request_does_not_wait_for_a_thousand() -> None:
    turns: Turns[str] = Turns()
    for number in range(1000):
        turns.add(1, f"a{number}")
    turns.add(2, "b")
    turns.add(3, "c")
    assert [turns.next() for _ in range(4)] == ["a0", "b", "c", "a1"]


class TurnsBesideAModel(RuleBasedStateMachine):
    """A list that is searched for the account served longest ago stands beside."""

    waiting = Bundle("waiting")

    def __init__(self) -> None:
        super().__init__()
        self.turns: Turns[int] = Turns()
        self.number = 0
        self.queues: list[tuple[int, list[int]]] = []

    @rule(target=waiting, account=st.integers(0, 4))
    def add(self, account: int) -> tuple[int, int]:
        self.number += 1
        self.turns.add(account, self.number)
        for known, items in self.queues:
            if known == account:
                items.append(self.number)
                break
        else:
            self.queues.append((account, [self.number]))
        return account, self.number

    @rule(which=consumes(waiting))
    def remove(self, which: tuple[int, int]) -> None:
        """Also of what has been served already."""
        account, item = which
        self.turns.remove(account, item)
        self.queues = [
            (known, [one for one in items if known != account or one != item]) for known, items in self.queues
        ]
        self.queues = [(known, items) for known, items in self.queues if items]

    @rule()
    def serve(self) -> None:
        expected = None
        if self.queues:
            account, items = self.queues.pop(0)
            expected = items.pop(0)
            if items:
                self.queues.append((account, items))
        assert self.turns.next() == expected
        assert bool(self.turns) == bool(self.queues)


TestTurns = TurnsBesideAModel.TestCase


@given(st.lists(st.integers(0, 5), max_size=60))
def test_between_two_turns_of_an_account_each_other_has_one_at_most(accounts: list[int]) -> None:
    turns: Turns[tuple[int, int]] = Turns()
    for number, account in enumerate(accounts):
        turns.add(account, (account, number))
    served = [item[0] for item in iter(turns.next, None)]
    assert Counter(served) == Counter(accounts)
    for account in set(accounts):
        at = [place for place, one in enumerate(served) if one == account]
        for before, after in zip([-1, *at], at, strict=False):
            assert max(Counter(served[before + 1 : after]).values(), default=0) <= 1


def test_no_more_than_so_many_at_once() -> None:
    async def body() -> None:
        shares = Shares(3)
        inside = most = 0

        async def work(account: int) -> None:
            nonlocal inside, most
            await shares.enter(account)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            shares.leave()

        await asyncio.gather(*(work(number % 4) for number in range(50)))
        assert (most, inside, shares.waiting) == (3, 0, 0)
        assert [shares.try_enter() for _ in range(4)] == [True, True, True, False]

    run(body())


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=25))
def test_nothing_is_lost_to_those_who_give_up(work: list[tuple[int, int]]) -> None:
    """work: (account, turns of the loop until it is cancelled)."""

    async def body() -> None:
        shares = Shares(2)

        async def one(account: int) -> None:
            await shares.enter(account)
            try:
                await asyncio.sleep(0)
            finally:
                shares.leave()

        async def given_up(account: int, after: int) -> None:
            task = asyncio.create_task(one(account))
            for _ in range(after):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*(given_up(account, after) for account, after in work))
        assert [shares.try_enter() for _ in range(3)] == [True, True, False]
        assert shares.waiting == 0

    run(body())


def test_cancelled_in_the_moment_its_turn_comes() -> None:
    async def body() -> None:
        shares = Shares(1)
        assert shares.try_enter()
        first, second = (asyncio.create_task(shares.enter(account)) for account in (1, 2))
        await asyncio.sleep(0)
        shares.leave()
        first.cancel()
        await second
        assert first.cancelled() or (await asyncio.gather(first, return_exceptions=True))
        assert not shares.try_enter()
        shares.leave()
        assert shares.try_enter()

    run(body())
