"""Output of one connection: pieces are gathered and leave in one write; a slow reader makes the sender wait.

At most `high_water_octets`, one gathered write and the piece just written wait in memory for one client (law 7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lightmail.imap.errors import ConnectionLost
from lightmail.obs.metrics import Counts

GATHER_OCTETS = 65_536
"""More than this is not held back until the command is answered."""


class Writer:
    __slots__ = (
        "_counts",
        "_encode",
        "_gathered",
        "_high_water_octets",
        "_loop",
        "_octets",
        "_resumed",
        "_transport",
        "_when_writable",
        "by_turns",
        "paused",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        high_water_octets: int,
        counts: Counts,
    ) -> None:
        self.paused = False
        """The client does not read fast enough."""
        self.by_turns = False
        """Nobody is there to flush: what is written in one turn of the loop leaves in the next."""
        self._loop = loop
        self._counts = counts
        self._gathered: list[bytes] = []
        self._octets = 0
        self._high_water_octets = high_water_octets
        self._resumed: asyncio.Future[None] | None = None
        self._when_writable: Callable[[], None] | None = None
        self._encode: Callable[[bytes], bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self.attach(transport)

    def attach(self, transport: asyncio.Transport) -> None:
        """Write to this one from now on (STARTTLS)."""
        self._transport = transport
        self.paused = False
        transport.set_write_buffer_limits(high=self._high_water_octets, low=self._high_water_octets // 2)

    def encode(self, encode: Callable[[bytes], bytes] | None, *, last: Callable[[bytes], bytes] | None = None) -> None:
        """What is written from now on goes through `encode` (COMPRESS), in pieces that can be read as they come. last:
        what is still waiting goes through this.
        """
        if last is not None:
            self._encode = last
        self.flush()
        self._encode = encode

    def write(self, octets: bytes) -> None:
        self._gathered.append(octets)
        self._octets += len(octets)
        if self.by_turns and len(self._gathered) == 1:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hand everything gathered to the transport, in one call."""
        gathered = self._gathered
        if gathered:
            octets = gathered[0] if len(gathered) == 1 else b"".join(gathered)
            gathered.clear()
            self._octets = 0
            if self._transport is not None:
                if self._encode is not None:
                    octets = self._encode(octets)
                self._counts.octets_out += len(octets)
                self._transport.write(octets)

    async def drain(self) -> None:
        """Does not suspend while the client reads. Raises ConnectionLost."""
        if self._octets >= GATHER_OCTETS:
            self.flush()
        if self._transport is None:
            raise ConnectionLost
        if self.paused:
            # Shared by all who wait, and not ended by the cancellation of one of them.
            if self._resumed is None:
                self._resumed = self._loop.create_future()
            await asyncio.shield(self._resumed)
            if self._transport is None:
                raise ConnectionLost

    def when_writable(self, callback: Callable[[], None]) -> None:
        """While paused: call back, once, when it is over. One callback at a time."""
        self._when_writable = callback

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        resumed, self._resumed = self._resumed, None
        if resumed is not None and not resumed.done():
            resumed.set_result(None)
        callback, self._when_writable = self._when_writable, None
        if callback is not None:
            callback()

    def lost(self) -> None:
        """The transport is gone; who waits is told."""
        self._transport = None
        self._gathered.clear()
        self._octets = 0
        self._when_writable = None
        self.resume()
