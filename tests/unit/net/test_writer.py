"""Output: gathered into few writes, bounded by what the client reads (law 7)."""

from __future__ import annotations

import asyncio

import pytest

from lightmail.imap.errors import ConnectionLost
from lightmail.net.writer import GATHER_OCTETS, Writer
from lightmail.obs.metrics import Counts
from tests.support.aio import run


class Pipe(asyncio.Transport):
    """A transport that remembers its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.limits: tuple[int | None, int | None] = (None, None)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = (high, low)


def writer(pipe: Pipe, counts: Counts | None = None) -> Writer:
    return Writer(pipe, asyncio.get_running_loop(), 1000, counts or Counts())


def test_pieces_leave_together() -> None:
    async def scenario() -> None:
        pipe, counts = Pipe(), Counts()
        out = writer(pipe, counts)
        for piece in (b"* 1 EXISTS\r\n", b"a OK\r\n"):
            out.write(piece)
            await out.drain()
        assert pipe.writes == []
        out.flush()
        out.flush()
        assert pipe.writes == [b"* 1 EXISTS\r\na OK\r\n"]
        assert counts.octets_out == 18 and pipe.limits == (1000, 500)

    run(scenario())


def test_much_is_not_held_back() -> None:
    async def scenario() -> None:
        pipe = Pipe()
        out = writer(pipe)
        out.write(b"x" * GATHER_OCTETS)
        await out.drain()
        assert pipe.writes == [b"x" * GATHER_OCTETS]

    run(scenario())


def test_a_slow_reader_is_waited_for() -> None:
    async def scenario() -> None:
        out = writer(Pipe())
        out.pause()
        waiting = [asyncio.get_running_loop().create_task(out.drain()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert not waiting[1].done()
        out.resume()
        await waiting[1]
        await out.drain()

    run(scenario())


def test_by_turns() -> None:
    """While a task runs nobody flushes: what one turn has written leaves in the next."""

    async def scenario() -> None:
        pipe = Pipe()
        out = writer(pipe)
        out.by_turns = True
        out.write(b"a")
        out.write(b"b")
        assert pipe.writes == []
        await asyncio.sleep(0)
        assert pipe.writes == [b"ab"]
        out.write(b"c")
        await asyncio.sleep(0)
        assert pipe.writes == [b"ab", b"c"]

    run(scenario())


def test_who_waits_for_a_lost_client_is_told() -> None:
    async def scenario() -> None:
        pipe = Pipe()
        out = writer(pipe)
        out.pause()
        waiting = asyncio.get_running_loop().create_task(out.drain())
        await asyncio.sleep(0)
        out.write(b"x")
        out.lost()
        with pytest.raises(ConnectionLost):
            await waiting
        with pytest.raises(ConnectionLost):
            await out.drain()
        out.write(b"y")
        out.flush()
        assert pipe.writes == []

    run(scenario())


def test_when_writable() -> None:
    async def scenario() -> None:
        out = writer(Pipe())
        called: list[str] = []
        out.pause()
        out.when_writable(lambda: called.append("now"))
        assert called == []
        out.resume()
        out.resume()
        assert called == ["now"]

    run(scenario())
