"""What supervisor and worker say to each other."""

from __future__ import annotations

import asyncio
import math
import socket

from lightmail.obs.families import Family
from lightmail.serving.channel import (
    Channel,
    Failed,
    Numbers,
    Order,
    Ready,
    Renew,
    Report,
    Retire,
    Word,
    WorkerChannel,
    _packed,
)
from tests.support.aio import run
from tests.support.eventually import eventually


def test_words_arrive_whole_in_order_and_then_the_end() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    family = Family("octets", "Octets", "counter", ("direction",), ((("in",), 7.0), (("out",), math.inf)))
    said: list[Word] = [Ready(("a", "b")), Failed("no port ☹"), Numbers(3, (family,) * 2000)]
    octets = b"".join(map(_packed, said))
    assert channel.receive() == []
    heard: list[Word] = []
    for at in range(0, len(octets), 50_000):
        theirs.sendall(octets[at : at + 50_000])
        heard += channel.receive()
    assert heard == said and not channel.ended
    theirs.sendall(_packed(Ready(())) + b"\x00\x00")
    theirs.close()
    assert channel.receive() == [Ready(())]
    assert channel.ended
    assert not channel.send(Renew())
    channel.close()


def test_orders_do_not_wait_for_a_worker_that_hangs() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        channel = Channel(ours)
        assert channel.send(Report(1))
        assert eventually(lambda: not channel.send(Report(2)))
        channel.close()


def test_both_ends() -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        supervisor, worker = Channel(ours), await WorkerChannel.open(theirs)
        orders: list[Order] = [Renew(), Report(12), Retire()]
        for order in orders:
            assert supervisor.send(order)
        assert [await worker.receive() for _ in orders] == orders
        worker.send(Ready(("x",)))
        await asyncio.sleep(0)
        assert supervisor.receive() == [Ready(("x",))]
        supervisor.close()
        assert await worker.receive() is None
        worker.send(Numbers(0, ()))  # to nobody
        await worker.close()

    run(scenario())
