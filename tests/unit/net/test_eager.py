"""Coroutines that become tasks only when they wait."""

from __future__ import annotations

import asyncio

import pytest

from lightmail.net import eager
from tests.support.aio import run


def test_what_need_not_wait_is_done_without_a_task() -> None:
    async def scenario() -> None:
        done: list[int] = []

        async def inner(number: int) -> None:
            done.append(number)

        async def work() -> None:
            await inner(1)
            await inner(2)

        assert eager.start(work(), asyncio.get_running_loop()) is None
        assert done == [1, 2]

    run(scenario())


def test_the_rest_goes_on_in_a_task() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        first: asyncio.Future[int] = loop.create_future()
        second: asyncio.Future[int] = loop.create_future()
        got: list[int] = []

        async def work() -> None:
            got.append(await first)
            await asyncio.sleep(0)
            got.append(await second)

        task = eager.start(work(), loop)
        assert task is not None and got == []
        first.set_result(1)
        loop.call_later(0.01, second.set_result, 2)
        await task
        assert got == [1, 2]

    run(scenario())


def test_a_bare_yield_is_a_turn_of_the_loop() -> None:
    async def scenario() -> None:
        turns: list[str] = []

        async def work() -> None:
            await asyncio.sleep(0)
            turns.append("work")

        task = eager.start(work(), asyncio.get_running_loop())
        assert task is not None and turns == []
        await task
        assert turns == ["work"]

    run(scenario())


@pytest.mark.parametrize("waits_again", [False, True])
def test_a_failed_future_is_raised_where_it_is_awaited(waits_again: bool) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        caught: list[str] = []

        async def work() -> None:
            try:
                await future
            except ValueError as error:
                caught.append(str(error))
                if waits_again:
                    await asyncio.sleep(0.001)
                    caught.append("again")

        task = eager.start(work(), loop)
        assert task is not None
        future.set_exception(ValueError("no"))
        await task
        assert caught == (["no", "again"] if waits_again else ["no"])

    run(scenario())


def test_errors_come_out() -> None:
    async def scenario() -> None:
        async def at_once() -> None:
            raise KeyError("at once")

        async def later() -> None:
            await asyncio.sleep(0)
            raise KeyError("later")

        loop = asyncio.get_running_loop()
        with pytest.raises(KeyError, match="at once"):
            eager.start(at_once(), loop)
        task = eager.start(later(), loop)
        assert task is not None
        with pytest.raises(KeyError, match="later"):
            await task

    run(scenario())


def test_cancellation_reaches_it_at_its_first_wait() -> None:
    async def scenario() -> None:
        cleaned: list[bool] = []
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            try:
                await never
            finally:
                await asyncio.sleep(0)
                cleaned.append(True)

        task = eager.start(work(), asyncio.get_running_loop())
        assert task is not None
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cleaned == [True] and never.cancelled()

    run(scenario())
