"""A worker: one process, one loop, one open store, and its share of the connections."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from lightmail.config import Config
from lightmail.errors import LightMailError
from lightmail.net.listeners import Listener
from lightmail.net.tls import Identity
from lightmail.obs.metrics import counts, families
from lightmail.serving import machine
from lightmail.serving.certificate import renew
from lightmail.serving.channel import Failed, Numbers, Ready, Renew, Report, Retire, WorkerChannel
from lightmail.serving.server import Server
from lightmail.serving.store import OpenStore, Prepare

HANG_S = 15
"""So much longer than `drain_timeout_s` may the end take; then the kernel makes one."""

_log = structlog.get_logger("lightmail.serving")


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker is given."""

    config: Config
    listeners: Sequence[Listener]
    identity: Identity | None
    channel: socket.socket
    open_store: OpenStore
    prepare: Prepare


def work(post: Post) -> int:
    """The exit code. SIGTERM, or the supervisor's end, is the signal to drain."""
    counts.started_s = time.time()
    with asyncio.Runner(loop_factory=machine.loop_factory(post.config.server.event_loop)) as runner:
        return runner.run(_work(post))


async def _work(post: Post) -> int:
    channel = await WorkerChannel.open(post.channel)
    worker = _Worker(post, channel)
    listening = asyncio.create_task(worker.listen())
    try:
        await worker.run()
    except LightMailError as error:
        channel.send(Failed(str(error)))
        return 1
    except Exception as error:
        _log.exception("worker failed")
        channel.send(Failed(f"{type(error).__name__}: {error}"))
        return 1
    finally:
        listening.cancel()
        await channel.close()
    return 0


class _Worker:
    def __init__(self, post: Post, channel: WorkerChannel) -> None:
        self._post = post
        self._channel = channel
        self._ready = False
        self._stop = asyncio.Event()
        self._retire = asyncio.Event()

    async def run(self) -> None:
        post = self._post
        async with post.open_store(post.config) as store:
            prepared = tuple(await post.prepare(store))
            server = Server(post.config, store, post.identity)
            await server.start(post.listeners)
            machine.settle_memory()
            # Before this a SIGTERM ends the process at once: nobody has been served.
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop.set)
            self._ready = True
            self._channel.send(Ready(prepared))
            await _first(self._stop, self._retire)
            if not self._stop.is_set():
                await self._outlive(server)
            _end_within(post.config.server.drain_timeout_s + HANG_S)
            await server.close()
            self._tell_numbers(0)

    async def listen(self) -> None:
        """To the supervisor, until it is gone."""
        while (order := await self._channel.receive()) is not None:
            match order:
                case Renew():
                    renew(self._post.identity)
                case Report(number):
                    self._tell_numbers(number)
                case Retire():
                    self._retire.set()
        if not self._ready:
            os.kill(os.getpid(), signal.SIGTERM)
        _log.warning("the supervisor is gone")
        self._stop.set()

    def _tell_numbers(self, number: int) -> None:
        try:
            told = tuple(families())
        except Exception:
            _log.exception("numbers not told")
        else:
            self._channel.send(Numbers(number, told))

    async def _outlive(self, server: Server) -> None:
        """The configuration is no longer this one: others take new connections."""
        last = asyncio.create_task(server.retire())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait(
            (last, stopped), timeout=self._post.config.server.reload_drain_s, return_when=asyncio.FIRST_COMPLETED
        )
        for task in (last, stopped):
            task.cancel()
        await asyncio.gather(last, stopped, return_exceptions=True)


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def _end_within(seconds: float) -> None:
    """SIGALRM is not handled: whoever hangs at the end is ended by it, also when no supervisor is there to do so."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
