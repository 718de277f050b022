"""Every order in which the steps of several coroutines can happen, one after the other, each from a fresh beginning.

A step ends where a coroutine is about to call a port; the call itself is one step, as a transaction is one. An order is a
list of choices; after each run the last choice that has an alternative left is changed, until there is none (stateless
search, depth first). Which steps a coroutine has may depend on what the others did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any


class Gate:
    """Where one coroutine waits for its turn."""

    def __init__(self) -> None:
        self.parked: asyncio.Future[None] | None = None
        self.moved: Callable[[], object] = lambda: None
        """Called when it has come here."""

    async def wait(self) -> None:
        self.parked = asyncio.get_running_loop().create_future()
        self.moved()
        await self.parked

    def open(self) -> None:
        assert self.parked is not None
        self.parked.set_result(None)
        self.parked = None


class Gated:
    """A port whose coroutines wait for the turn of whoever calls them."""

    def __init__(self, inner: object, gate: Gate, names: Sequence[str]) -> None:
        """names: of the calls that are steps; others just happen."""
        self._inner = inner
        self._gate = gate
        self._names = frozenset(names)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if name not in self._names:
            return attribute

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._gate.wait()
            return await attribute(*args, **kwargs)

        return call


class Run:
    """One order."""

    def __init__(self, actors: Mapping[str, tuple[Gate, Coroutine[Any, Any, object]]]) -> None:
        self._moved = asyncio.Event()
        self._gates = {name: gate for name, (gate, _) in actors.items()}
        self._tasks = {name: asyncio.create_task(coroutine) for name, (_, coroutine) in actors.items()}
        for gate in self._gates.values():
            gate.moved = self._moved.set
        for task in self._tasks.values():
            task.add_done_callback(lambda _: self._moved.set())

    def kill(self, name: str) -> None:
        """As `kill -9` does: it does nothing more."""
        self._tasks[name].cancel()

    async def able(self) -> list[str]:
        """Who has a step to do, once all have come to one. Raises what one has raised."""
        while any(self._gates[name].parked is None and not task.done() for name, task in self._tasks.items()):
            self._moved.clear()
            await self._moved.wait()
        for task in self._tasks.values():
            if task.done() and not task.cancelled():
                task.result()
        return [name for name, task in self._tasks.items() if not task.done()]

    def step(self, name: str) -> None:
        self._gates[name].open()

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


Begin = Callable[[], Awaitable[tuple[Run, Callable[[Sequence[str]], Awaitable[None]], Callable[[], Awaitable[None]]]]]
"""A fresh beginning: the coroutines, what holds after each step (told the order so far), what holds at the end."""


async def every_order(begin: Begin) -> int:
    """How many there are. Raises AssertionError with the order in which something did not hold."""
    choices: list[tuple[list[str], int]] = []
    number = 0
    while True:
        run, holds, ends = await begin()
        order: list[str] = []
        try:
            while able := await run.able():
                depth = len(order)
                if depth == len(choices):
                    choices.append((able, 0))
                known, at = choices[depth]
                assert known == able, f"{order} does not always lead to the same: {known}, {able}"
                order.append(able[at])
                run.step(able[at])
                await run.able()
                await holds(order)
            await ends()
        except AssertionError as error:
            raise AssertionError(f"{' '.join(order)}: {error}") from error
        finally:
            await run.close()
        number += 1
        while choices and choices[-1][1] + 1 == len(choices[-1][0]):
            choices.pop()
        if not choices:
            return number
        able, at = choices[-1]
        choices[-1] = (able, at + 1)
