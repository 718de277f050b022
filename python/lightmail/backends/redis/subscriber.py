"""One connection that is subscribed to channels: what it has asked for, what has been confirmed, what is heard on it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from redis import exceptions
from redis.asyncio import Redis

Heard = Callable[[bytes, bytes], None]
"""Channel and message; must not block."""

CHANNELS_AT_ONCE = 500
"""In one command, so that none is large."""
SILENCE_S = 2.0
"""Then the server is asked whether it is still there."""
_TURN = 200
"""Messages taken without giving others a turn."""


class Subscriber:
    """Subscribe to something, then `run`; it runs once."""

    def __init__(self, bus: Redis, heard: Heard, *, timeout_s: float) -> None:
        self._bus = bus
        self._heard = heard
        self._timeout_s = timeout_s
        self._wanted: dict[bytes, asyncio.Future[None]] = {}
        """Channels asked for, each with what is set when the server has confirmed it."""
        self._orders: list[tuple[str, bytes]] = []
        """In the order they were given: what is left may be wanted again before that was said."""
        self._something_to_say = asyncio.Event()
        self._stopped = asyncio.Event()
        self.ended = False

    def subscribe(self, channel: bytes) -> asyncio.Future[None]:
        """Done when the server has confirmed it, or when this connection has ended."""
        future = self._wanted.get(channel)
        if future is None:
            future = self._wanted[channel] = asyncio.get_running_loop().create_future()
            if self.ended:
                future.set_result(None)
            self._orders.append(("SUBSCRIBE", channel))
            self._something_to_say.set()
        return future

    def unsubscribe(self, channel: bytes) -> None:
        """It was subscribed to."""
        future = self._wanted.pop(channel)
        if not future.done():
            future.set_result(None)
        self._orders.append(("UNSUBSCRIBE", channel))
        self._something_to_say.set()

    async def settled(self) -> None:
        """Until all that is wanted is confirmed, or this has ended."""
        while waiting := [future for future in self._wanted.values() if not future.done()]:
            await asyncio.wait(waiting)

    def stop(self) -> None:
        """`run` returns soon. Cancel its task as well, for what the library waits for. That alone is not enough: the
        library sends under `asyncio.wait_for`, which up to Python 3.11 may swallow a cancellation.
        """
        self._stopped.set()
        self._something_to_say.set()

    async def run(self) -> None:
        """Until it is stopped, or fails: raises what the library raises when the server does not answer."""
        try:
            pool: Any = self._bus.connection_pool  # half typed
            connection = await pool.get_connection()
            try:
                await self._converse(connection)
            finally:
                # It has subscriptions, so nobody else may have it.
                await connection.disconnect(nowait=True)
                await pool.release(connection)
        finally:
            self.ended = True
            for future in self._wanted.values():
                if not future.done():
                    future.set_result(None)

    async def _converse(self, connection: Any) -> None:
        loop = asyncio.get_running_loop()
        parts = (self._stopped.wait(), self._talk(connection), self._listen(connection))
        tasks = [loop.create_task(part) for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            self.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _talk(self, connection: Any) -> None:
        while not self._stopped.is_set():
            await self._something_to_say.wait()
            self._something_to_say.clear()
            orders, self._orders = self._orders, []
            for verb, group in itertools.groupby(orders, key=itemgetter(0)):
                channels = [channel for _, channel in group]
                for start in range(0, len(channels), CHANNELS_AT_ONCE):
                    some = channels[start : start + CHANNELS_AT_ONCE]
                    await connection.send_command(verb, *some, check_health=False)

    async def _listen(self, connection: Any) -> None:
        asked = False
        taken = 0
        while not self._stopped.is_set():
            answer = await connection.read_response(timeout=self._timeout_s if asked else SILENCE_S)
            if answer is not None:
                asked = False
                self._take(answer)
            elif asked:
                raise exceptions.TimeoutError(f"no answer within {self._timeout_s:g} s")
            else:
                asked = True
                await connection.send_command("PING", check_health=False)
            taken += 1
            if taken % _TURN == 0:
                await asyncio.sleep(0)

    def _take(self, answer: Any) -> None:
        kind, channel, *rest = answer
        if kind == b"message":
            self._heard(channel, rest[0])
        elif kind == b"subscribe":
            future = self._wanted.get(channel)
            if future is not None and not future.done():
                future.set_result(None)
