"""APPEND and MULTIAPPEND (RFC 9051 §6.3.12, RFC 3502, RFC 7889), as octets come: an `AppendRun` per command.

    run = AppendRun(session)
    for each message:   if await run.message(event): accept its literal; await run.data(octets) as they come;
                        await run.message_end() after the last; else: refuse it
        of CATENATE:    for each part: await run.text(event) and the octets of its literal, or await run.url(event)
    then:               done = await run.finish()        # always, also after a refusal; or await run.abort()

Leniency: RFC 6855 §4 would refuse 8-bit header fields from a client that has not enabled UTF8=ACCEPT. Much of the mail
that exists has them and every client that copies mail sends it as it is, so that octets are kept as they come.

What goes wrong is remembered and told by `finish`: octets of a message that a client has begun to send still come,
and its next command is found only behind them.
"""

from __future__ import annotations

from contextlib import aclosing

from lightmail._core.imap import AppendMessage, AppendText, AppendUrl
from lightmail._core.index import BadSet, BodySlot, UidSet
from lightmail.errors import (
    BodyCorrupt,
    EmptyMessage,
    LightMailError,
    LimitExceeded,
    MailboxNotFound,
    TooBig,
    TooManyMessages,
)
from lightmail.imap.commands.catenate import Sources
from lightmail.imap.commands.copy import NO_TARGET
from lightmail.imap.commands.flags import kept
from lightmail.imap.message_limits import most_saved
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.mail.about import put_into
from lightmail.mail.access import Found
from lightmail.mail.incoming import Incoming
from lightmail.model import BodyRecord, NewMessage, Rights

_MOST_MESSAGES = 1_000
_MOST_SUMMARY_OCTETS = 16_777_216
"""Bounds on what one MULTIAPPEND holds until all its messages are there (law 7)."""
_MOST_PARTS = 1_000
_MOST_LARGEST_BY_URL = 4
"""Bounds on what one command may have read by short URLs: so many parts, and so many of the largest messages."""


class AppendRun:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._place: Found | None = None
        self._messages: list[NewMessage] = []
        self._summary_octets = 0
        self._event: AppendMessage | None = None
        self._incoming: Incoming | None = None
        self._internaldate = (0, 0)
        self._failure: Exception | None = None
        self._sources = Sources(session)
        self._parts = 0
        self._octets_by_url = 0

    @property
    def catenates(self) -> bool:
        """The message under way has parts: the end of a literal is not its end."""
        return self._event is not None and self._event.catenate

    async def message(self, event: AppendMessage) -> bool:
        """May its octets come? All that can be known before is checked before (RFC 9051 §6.3.12: TRYCREATE)."""
        if self._failure is not None:
            return False
        try:
            await self._admit(event)
        except (LightMailError, BadSet) as error:
            await self._fail(error)
            return False
        self._event = event
        user, place = self._session.user, self._place
        assert user is not None and place is not None
        internaldate, zone = self._internaldate = event.internaldate or (self._session.mail.clock.now_s(), 0)
        about = put_into(
            place.mailbox, place.account, internaldate=internaldate, zone=zone, flags=kept(event.flags, place.rights)
        )
        self._incoming = self._session.mail.bodies.receive(about=about, account=user.id)
        return True

    async def data(self, octets: bytes) -> None:
        """Octets of the literal accepted last."""
        if self._incoming is None:
            return
        try:
            await self._incoming.write(octets)
        except LightMailError as error:
            await self._fail(error)

    async def text(self, event: AppendText) -> bool:
        """May the octets of this part come? They do as `data`."""
        if self._failure is not None:
            return False
        try:
            self._admit_part(event.octets)
        except LightMailError as error:
            await self._fail(error)
            return False
        return True

    async def url(self, event: AppendUrl) -> bool:
        """Octets of another message become part of this one, some at a time. False: they cannot."""
        if self._failure is not None:
            return False
        try:
            await self._copy(event)
        except LightMailError as error:
            await self._fail(error)
            return False
        return True

    async def message_end(self) -> None:
        """The message is complete: its body becomes durable, and waits for the others (law 3)."""
        incoming, event, place = self._incoming, self._event, self._place
        if incoming is None or event is None or place is None:
            return
        self._incoming = None
        try:
            body = await incoming.finish()
        except LightMailError as error:
            await self._fail(error)
            return
        internaldate, zone = self._internaldate
        self._messages.append(
            NewMessage(
                mailbox_id=place.mailbox.id,
                body=body,
                flags=kept(event.flags, place.rights),
                internaldate=internaldate,
                internaldate_zone=zone,
                savedate=self._session.mail.clock.now_s(),
            )
        )
        self._summary_octets += _summary_octets(body)
        if self._summary_octets > _MOST_SUMMARY_OCTETS:
            await self._fail(LimitExceeded("octets of headers in one APPEND", _MOST_SUMMARY_OCTETS))

    async def finish(self) -> Done:
        """All messages are added in one transaction, or none (RFC 3502 §6.3.11). Raises what went wrong."""
        failure, place = self._failure, self._place
        if failure is None and place is not None:
            try:
                appended = await self._session.mail.append(self._messages)
            except MailboxNotFound as error:
                failure = error
            else:
                uids = UidSet([message.uid for message in appended])
                self._session.added(place.mailbox.id, uids)
                return Done("Appended", code=b"APPENDUID %d %s" % (appended[0].uid_validity, bytes(uids)))
        if isinstance(failure, MailboxNotFound) or failure is None:
            return NO_TARGET
        raise failure

    async def abort(self) -> None:
        """The connection is gone, or the command was malformed after all: nothing is added."""
        self._messages.clear()
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.abort()

    async def _admit(self, event: AppendMessage) -> None:
        if self._place is None:
            self._place = await self._session.mailbox(event.mailbox, Rights.INSERT)
        if not event.octets and not event.catenate:
            # RFC 3502 §6.3.11: this is how a client cancels the whole of it.
            raise EmptyMessage()
        limit = self._session.config.limits.message_octets
        if event.octets > limit:
            raise TooBig(event.octets, limit)
        most = most_saved(self._session.config.limits)
        if most and len(self._messages) >= most:
            raise TooManyMessages(most)
        if len(self._messages) >= _MOST_MESSAGES:
            raise LimitExceeded("messages in one APPEND", _MOST_MESSAGES)

    def _admit_part(self, octets: int) -> None:
        """Raises TooBig before anything is read that could not be kept (RFC 4469 §4.2), LimitExceeded."""
        incoming = self._incoming
        assert incoming is not None
        limit = self._session.config.limits.message_octets
        if incoming.octets + octets > limit:
            raise TooBig(incoming.octets + octets, limit)
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise LimitExceeded("parts in one APPEND", _MOST_PARTS)

    async def _copy(self, event: AppendUrl) -> None:
        """Raises UrlRefused, TooBig, LimitExceeded, BodyMissing, BodyCorrupt, Unavailable."""
        user, incoming = self._session.user, self._incoming
        assert user is not None and incoming is not None
        pieces = await self._sources.pieces(event)
        octets = sum(piece.octets if isinstance(piece, BodySlot) else len(piece) for piece in pieces)
        self._admit_part(octets)
        self._octets_by_url += octets
        most = _MOST_LARGEST_BY_URL * self._session.config.limits.message_octets
        if self._octets_by_url > most:
            raise LimitExceeded("octets named by URLs in one APPEND", most)
        bodies = self._session.mail.bodies
        for piece in pieces:
            if isinstance(piece, bytes):
                await incoming.write(piece)
                continue
            copied = 0
            stream = bodies.stream(piece.body_id, piece.start, piece.octets, account=user.id)
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    copied += len(chunk)
                    await incoming.write(chunk)
            if copied != piece.octets:
                raise BodyCorrupt(piece.body_id, f"{copied} octets where {piece.octets} were stored")

    async def _fail(self, error: Exception) -> None:
        self._failure = error
        await self.abort()


def _summary_octets(body: BodyRecord) -> int:
    summary = body.summary
    return len(summary.header) + len(summary.envelope) + len(summary.bodystructure) + len(summary.parts)
