"""Who is connected stays known while the first table is away, and nobody is told twice when it is back."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.either_sessions import EitherSessions
from lightmail.backends.memory import MemorySessions, MemoryState
from lightmail.errors import Unavailable
from lightmail.model import ClientSession
from tests.contracts.test_sessions import says, session
from tests.support.aio import run
from tests.support.backends import HandClock


class AwaySessions(MemorySessions):
    away = False

    async def beat(
        self, process: str, opened: Sequence[ClientSession], closed: Sequence[str], *, all_ids: Sequence[str]
    ) -> bool:
        self._check()
        return await super().beat(process, opened, closed, all_ids=all_ids)

    async def list(self, *, address: str | None = None) -> list[ClientSession]:
        self._check()
        return await super().list(address=address)

    async def forget(self, process: str) -> None:
        self._check()
        await super().forget(process)

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the first table")


def test_the_second_table_stands_in_for_the_first_and_is_left_when_that_is_back() -> None:
    async def scenario() -> None:
        first, second = AwaySessions(MemoryState(HandClock())), MemorySessions(MemoryState(HandClock()))
        table = EitherSessions(first, second)
        one, two, elsewhere = session(1), session(2), session(3, process="q")
        assert await says(table, "p", one)
        assert await says(table, "q", elsewhere)
        assert await second.list() == []
        first.away = True
        assert not await says(table, "p", one, two, opened=(two,)), "it has to be told all"
        assert await says(table, "p", one, two)
        assert await table.list() == await second.list() == [one, two]
        first.away = False
        assert await table.list() == [one, two, elsewhere], "told by both, and there once"
        assert not await table.beat("p", [], [], all_ids=[one.id, two.id]), "the first has not heard of all"
        assert await says(table, "p", two)
        assert await second.list() == []
        assert await table.list() == [two, elsewhere]
        await table.forget("p")
        await table.forget("q")
        assert await table.list() == []
        await table.close()

    run(scenario())
