"""Telling who is connected: in batches, by one timer, and again when it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog.testing

from lightmail.backends.memory import MemorySessions, MemoryState
from lightmail.errors import Unavailable
from lightmail.mail.sessions import ClientSessions
from lightmail.model import ClientSession, User, UserId
from tests.support.aio import run
from tests.support.backends import HandClock

ANN = User(UserId(1), "ann@example.org", "", True, 0)
BOB = User(UserId(2), "bob@example.org", "", True, 0)
Beat = tuple[list[str], list[str], list[str]]


class Table(MemorySessions):
    """Notes each beat; may be away, or slow."""

    def __init__(self) -> None:
        super().__init__(MemoryState(HandClock()))
        self.beats: list[Beat] = []
        self.away = False
        self.slow: asyncio.Event | None = None
        self._came = asyncio.Event()

    async def beat(
        self, process: str, opened: Sequence[ClientSession], closed: Sequence[str], *, all_ids: Sequence[str]
    ) -> bool:
        self.beats.append(([each.id for each in opened], sorted(closed), list(all_ids)))
        self._came.set()
        if self.slow is not None:
            await self.slow.wait()
        if self.away:
            raise Unavailable("the table")
        return await super().beat(process, opened, closed, all_ids=all_ids)

    async def comes(self) -> Beat:
        """The next beat."""
        self._came.clear()
        await asyncio.wait_for(self._came.wait(), 60)
        return self.beats[-1]


def _sessions(table: Table | None, *, beat_s: float = 60.0, retry_s: float = 60.0) -> ClientSessions:
    return ClientSessions(
        table, clock=HandClock(), node="mail.example.org", beat_s=beat_s, gather_s=0.01, retry_s=retry_s
    )


def test_what_happens_within_a_second_is_told_together() -> None:
    async def test() -> None:
        table = Table()
        sessions = _sessions(table)
        first = sessions.opened(ANN, protocol="imap", peer="192.0.2.1")
        second = sessions.opened(BOB, protocol="imaps", peer=None)
        sessions.closed(sessions.opened(BOB, protocol="imaps", peer=None))
        assert table.beats == []
        assert await table.comes() == ([first, second], [], [first, second])
        assert len(sessions) == 2
        assert [(each.id, each.address, each.peer) for each in await sessions.list()] == [
            (first, "ann@example.org", "192.0.2.1"),
            (second, "bob@example.org", ""),
        ]
        (of_ann,) = await sessions.list(address="ann@example.org")
        assert of_ann == ClientSession(
            id=first,
            user_id=ANN.id,
            address="ann@example.org",
            protocol="imap",
            peer="192.0.2.1",
            node="mail.example.org",
            process=sessions.process,
            since_s=HandClock().now_s(),
        )
        sessions.closed(first)
        assert await table.comes() == ([], [first], [second])
        await sessions.close()
        assert await table.list() == []

    run(test())


def test_those_that_stay_are_told_of_now_and_then_and_nobody_is_not() -> None:
    async def test() -> None:
        table = Table()
        sessions = _sessions(table, beat_s=0.01)
        name = sessions.opened(ANN, protocol="imap", peer=None)
        for _ in range(3):
            await table.comes()
        assert table.beats[1:] == [([], [], [name])] * 2
        sessions.closed(name)
        while table.beats[-1][1] != [name]:
            await table.comes()
        count = len(table.beats)
        await asyncio.sleep(0.05)
        assert len(table.beats) == count
        await sessions.close()

    run(test())


def test_without_a_login_nothing_is_told() -> None:
    async def test() -> None:
        table = Table()
        sessions = _sessions(table)
        sessions.closed("")
        sessions.closed("never seen")
        await asyncio.sleep(0.05)
        await sessions.close()
        assert table.beats == []

    run(test())


def test_what_happens_during_a_beat_is_told_with_the_next() -> None:
    async def test() -> None:
        table = Table()
        sessions = _sessions(table)
        first = sessions.opened(ANN, protocol="imap", peer=None)
        table.slow = asyncio.Event()
        await table.comes()
        second = sessions.opened(ANN, protocol="imap", peer=None)
        sessions.closed(first)
        table.slow.set()
        table.slow = None
        assert await table.comes() == ([second], [first], [second])
        await sessions.close()

    run(test())


def test_after_an_outage_everything_is_told_again() -> None:
    async def test() -> None:
        table = Table()
        sessions = _sessions(table, retry_s=0.01)
        first, second = (sessions.opened(ANN, protocol="imap", peer=None) for _ in range(2))
        await table.comes()
        table.away = True
        with structlog.testing.capture_logs() as lines:
            sessions.closed(first)
            for _ in range(3):
                await table.comes()
            table.away = False
            assert await table.comes() == ([second], [], [second])
            await asyncio.sleep(0)
        assert [line["log_level"] for line in lines] == ["warning"]
        assert [each.id for each in await table.list()] == [second]
        await sessions.close()

    run(test())


def test_a_table_that_has_forgotten_is_told_again() -> None:
    async def test() -> None:
        table = Table()
        sessions = _sessions(table, beat_s=0.01, retry_s=0.01)
        name = sessions.opened(ANN, protocol="imap", peer=None)
        await table.comes()
        await table.forget(sessions.process)
        while not await table.list():
            await table.comes()
        assert [each.id for each in await table.list()] == [name]
        await sessions.close()

    run(test())


def test_closing_does_not_need_the_table() -> None:
    async def test() -> None:
        class Gone(Table):
            async def forget(self, process: str) -> None:
                raise Unavailable("the table")

        table = Gone()
        sessions = _sessions(table)
        sessions.opened(ANN, protocol="imap", peer=None)
        await table.comes()
        await sessions.close()
        assert len(sessions) == 0

    run(test())


def test_without_a_table_sessions_have_names_all_the_same() -> None:
    async def test() -> None:
        sessions = _sessions(None)
        names = {sessions.opened(ANN, protocol="imap", peer=None) for _ in range(3)}
        assert len(names) == 3
        assert await sessions.list() == []
        await sessions.close()

    run(test())
