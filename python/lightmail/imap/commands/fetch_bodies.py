"""FETCH responses with octets of bodies: one message at a time, in order, small ones read ahead side by side.

No octet of a response is sent before its first octets of the body are here, so that a body that cannot be read is
NO [UNAVAILABLE] (law 10); should a large one fail in its midst, only the end of the connection can say so.
A message that cannot be read does not keep the client from the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing

from lightmail._core.index import BodySlot, FetchRun, SlotDecoder
from lightmail._core.mime import UnknownEncoding
from lightmail.errors import BodyCorrupt, BodyMissing, LightMailError
from lightmail.imap.commands.fetch_windows import WINDOW_MESSAGES, render
from lightmail.imap.errors import ResponseBroken
from lightmail.imap.session import Session
from lightmail.mail.bodies import Bodies

_AHEAD_MESSAGES = 16
_AHEAD_OCTETS = 524_288
"""Bounds on what is read ahead for one command; a message with more octets than this is streamed at its turn."""


async def send_with_bodies(session: Session, run: FetchRun, body_ids: Sequence[int]) -> None:
    """body_ids: of the messages of the run, in its order.

    Raises BodyMissing or BodyCorrupt after all other messages have been sent, UnknownEncoding after those before it,
    Unavailable at once, ResponseBroken when the connection is of no more use.
    """
    bodies = session.mail.bodies
    assert session.user is not None
    account = session.user.id
    ahead: deque[_Message] = deque()
    ahead_octets = 0
    rendered = 0
    failure: Exception | None = None
    over = False
    try:
        while ahead or not (over or run.done):
            while not (over or run.done) and len(ahead) < _AHEAD_MESSAGES and ahead_octets < _AHEAD_OCTETS:
                try:
                    if rendered % WINDOW_MESSAGES == 0:
                        await bodies.locate(body_ids[rendered : rendered + WINDOW_MESSAGES])
                    pieces = await render(session.mail, run, messages=1, account=account)
                except (LightMailError, UnknownEncoding) as error:
                    # There is no way past this message, but those before it are still owed.
                    failure, over = failure or error, True
                    break
                message = _Message(pieces, bodies, account)
                rendered += 1
                ahead.append(message)
                ahead_octets += message.octets
                if len(ahead) == 1 and message.here:
                    break
            if ahead:
                message = ahead[0]
                try:
                    await message.send(session)
                except (BodyMissing, BodyCorrupt) as error:
                    failure = failure or error
                    await message.give_up()
                ahead.popleft()
                ahead_octets -= message.octets
                await session.drain()
    finally:
        for message in ahead:
            await message.give_up()
    if failure is not None:
        raise failure


class _Message:
    """One message's response, with the octets of its slots here or on their way."""

    __slots__ = ("_account", "_bodies", "_pieces", "_reads", "here", "octets")

    def __init__(self, pieces: Sequence[bytes | BodySlot], bodies: Bodies, account: int) -> None:
        self._pieces = pieces
        self._bodies = bodies
        self._account = account
        self._reads: list[bytes | asyncio.Task[bytes]] = []
        self.octets = 0
        """Octets of bodies held for it; 0 when it is to be streamed."""
        self.here = True
        """Nothing has to be waited for."""
        slots = [piece for piece in pieces if isinstance(piece, BodySlot)]
        octets = sum(slot.raw_octets for slot in slots)
        if octets > _AHEAD_OCTETS:
            self.here = False
            return
        self.octets = octets
        for slot in slots:
            read: bytes | asyncio.Task[bytes] | None
            try:
                read = bodies.read_nowait(slot.body_id, slot.start, slot.raw_octets)
            except BodyCorrupt:
                # Found again, and reported, at this message's turn.
                read = None
            if read is None:
                self.here = False
                read = asyncio.get_running_loop().create_task(
                    bodies.read(slot.body_id, slot.start, slot.raw_octets, account=account)
                )
            self._reads.append(read)

    async def send(self, session: Session) -> None:
        if self._reads or not any(isinstance(piece, BodySlot) for piece in self._pieces):
            await self._send_held(session)
        else:
            await self._stream(session)

    async def _send_held(self, session: Session) -> None:
        octets = [read if isinstance(read, bytes) else await read for read in self._reads]
        contents = iter(octets)
        filled = [piece if isinstance(piece, bytes) else _content(piece, next(contents)) for piece in self._pieces]
        for part in filled:
            session.send(part)

    async def _stream(self, session: Session) -> None:
        held: list[bytes] = []
        begun = False
        for piece in self._pieces:
            if isinstance(piece, bytes):
                held.append(piece)
                continue
            decoder = SlotDecoder(piece) if piece.decode is not None else None
            sent = 0
            try:
                stream = self._bodies.stream(piece.body_id, piece.start, piece.raw_octets, account=self._account)
                async with aclosing(stream) as chunks:
                    async for chunk in chunks:
                        for part in held:
                            session.send(part)
                        held.clear()
                        begun = True
                        octets = chunk if decoder is None else decoder.feed(chunk)
                        sent += len(octets)
                        session.send(octets)
                        await session.drain()
                if decoder is not None:
                    octets = decoder.finish()
                    sent += len(octets)
                    session.send(octets)
                if sent != piece.octets:
                    raise BodyCorrupt(piece.body_id, f"{sent} octets where {piece.octets} were announced")
            except LightMailError as error:
                if begun:
                    raise ResponseBroken("a body could not be read to its end") from error
                raise
        for part in held:
            session.send(part)

    async def give_up(self) -> None:
        tasks = [read for read in self._reads if not isinstance(read, bytes)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _content(slot: BodySlot, raw: bytes) -> bytes:
    """What goes onto the wire for a slot. Raises BodyCorrupt when it is not as long as announced."""
    octets = raw
    if slot.decode is not None:
        decoder = SlotDecoder(slot)
        octets = decoder.feed(raw) + decoder.finish()
    if len(octets) != slot.octets:
        raise BodyCorrupt(slot.body_id, f"{len(octets)} octets where {slot.octets} were announced")
    return octets
