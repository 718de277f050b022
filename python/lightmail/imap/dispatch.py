"""From events to answers: the decoder's events in, handlers run one after another, tagged responses out.

    dispatcher.feed(octets)
    await dispatcher.run()          # everything that can be answered; returns when more octets are needed

A command that needs more of the client (a SASL response, DONE, the octets of a message) leaves what it waits for here
and returns, so that a connection that waits owns no task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter

from lightmail._core import imap
from lightmail.config import Limits
from lightmail.imap import registry, state
from lightmail.imap.commands.append import AppendRun
from lightmail.imap.commands.replace import ReplaceRun
from lightmail.imap.commands.sets import uses_sequence_numbers
from lightmail.imap.errors import ConnectionLost, ResponseBroken
from lightmail.imap.registry import Expunges, Row
from lightmail.imap.replies import UID_REQUIRED, Ask, Done, Outcome
from lightmail.imap.response_codes import TOO_BIG, CostsConnection, printable, refusal
from lightmail.imap.session import Session
from lightmail.imap.state import State
from lightmail.imap.sync import explained, renew_rights, synchronize
from lightmail.obs.metrics import Counts

COMMANDS_IN_A_ROW = 64
"""So many commands that one connection has pipelined are run before others get their turn."""
BEFORE_LOGIN_OCTETS = 17_408
"""A line, and a command, of a peer who is nobody yet. The longest SASL response is shorter."""
BEFORE_LOGIN_LITERALS = 4

_UTF8_FIRST = Done("ENABLE UTF8=ACCEPT comes first", code=b"CANNOT", status=b"NO")
"""RFC 6855 §6."""
_ANY_SIZE = 2**63 - 1
_CONTINUE = b"+ OK\r\n"


def limits(config: Limits, *, authenticated: bool) -> imap.Limits:
    """Bounds on a connection's input (law 7)."""
    if authenticated:
        return imap.Limits(
            line_octets=config.line_octets,
            command_octets=config.command_octets,
            literals=config.literals,
            # AppendRun answers NO [TOOBIG] (RFC 7889 §4), and whatever octets come all the same are swallowed.
            message_octets=_ANY_SIZE,
            nesting=config.nesting,
            set_ranges=config.set_ranges,
        )
    return imap.Limits(
        line_octets=min(BEFORE_LOGIN_OCTETS, config.line_octets),
        command_octets=min(BEFORE_LOGIN_OCTETS, config.command_octets),
        literals=min(BEFORE_LOGIN_LITERALS, config.literals),
        message_octets=config.message_octets,
        nesting=config.nesting,
        set_ranges=config.set_ranges,
    )


@dataclass(frozen=True, slots=True)
class _Append:
    """A command whose messages are on their way."""

    row: Row
    tag: str
    name: str
    run: AppendRun


class Dispatcher:
    """One per connection. `run` is never called while an earlier call has not returned."""

    __slots__ = (
        "_append",
        "_ask",
        "_capabilities",
        "_counts",
        "_decoder",
        "_malformed",
        "_rows",
        "ending",
        "session",
    )

    def __init__(self, session: Session, decoder_limits: imap.Limits, counts: Counts) -> None:
        """decoder_limits: those before login."""
        self.session = session
        self.ending = False
        """The server shuts down: no further command is begun."""
        self._capabilities = session.capabilities
        self._rows = registry.rows(session.capabilities)
        self._decoder = imap.Decoder(decoder_limits)
        self._counts = counts
        self._ask: tuple[Ask, Row, imap.Command] | None = None
        self._append: _Append | None = None
        self._malformed = 0
        """Malformed commands in a row."""

    # ---- for the connection

    def feed(self, octets: bytes) -> None:
        self._decoder.feed(octets)

    @property
    def buffered_octets(self) -> int:
        """Input that has not been looked at."""
        return self._decoder.buffered_octets

    @property
    def between_commands(self) -> bool:
        """Nothing is half done: no APPEND, no AUTHENTICATE. IDLE counts as nothing."""
        return self._append is None and (self._ask is None or type(self._ask[2]) is imap.Idle)

    @property
    def within_append(self) -> bool:
        """A message is on its way, or the line end behind it."""
        return self._append is not None

    async def run(self) -> None:
        """Answer what has come. Raises nothing but CancelledError."""
        session = self.session
        decoder = self._decoder
        in_a_row = 0
        try:
            while session.state is not State.LOGOUT and not (self.ending and self.between_commands):
                event = decoder.next()
                if event is None:
                    return
                row = self._rows.get(type(event))
                if row is not None and isinstance(event, imap.Command):
                    self._malformed = 0
                    seat = session.seat
                    if seat is not None and seat.metered:
                        await seat.command()
                    await self._run(row, event.tag, event.name, event, row.handler)
                    await session.output.drain()
                    in_a_row += 1
                    if in_a_row % COMMANDS_IN_A_ROW == 0:
                        await asyncio.sleep(0)
                else:
                    await self._other(event)
        except ConnectionLost:
            return
        except ResponseBroken:
            session.output.abort()
        except Exception as error:
            self.failed(error)

    async def between_runs(self, work: Callable[[], Awaitable[None]]) -> None:
        """Telling of changes that nobody asked for now; never while `run` runs. Raises nothing but CancelledError."""
        try:
            await work()
        except ConnectionLost:
            return
        except ResponseBroken:
            self.session.output.abort()
        except Exception as error:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Something outside of any command has failed: it costs the connection, nothing else (law 8)."""
        try:
            text = refusal(error, command="connection", user=self._user()).text
        except CostsConnection as cost:
            text = cost.text
        self.session.end(text, b"SERVERBUG")

    async def lost(self) -> None:
        """The connection is gone, and `run` has returned."""
        self._give_up_ask()
        append, self._append = self._append, None
        self.session.close()
        if append is not None:
            await append.run.abort()

    # ---- commands

    async def _run(
        self, row: Row, tag: str, name: str, argument: object, handler: Callable[[Session, object], Awaitable[Outcome]]
    ) -> None:
        """One step of a command: its handler, or what follows an Ask. argument: what the handler takes."""
        session = self.session
        began = perf_counter()
        try:
            selected = session.selected
            if selected is not None and not selected.own:
                await renew_rights(session, selected, needed=row.states is state.SELECTED)
                if session.state is State.LOGOUT:
                    return
            outcome: Outcome
            if session.uid_only and uses_sequence_numbers(argument):
                outcome = UID_REQUIRED
            elif session.state in row.states and self._lacks_utf8(row):
                outcome = _UTF8_FIRST
            elif session.state in row.states:
                notify = session.notify
                if notify is not None:
                    notify.begin(argument)
                try:
                    outcome = await handler(session, argument)
                finally:
                    if notify is not None:
                        await notify.end()
            else:
                outcome = _not_now(name, row)
            if type(outcome) is Ask:
                self._start_asking(outcome, row, argument)
                return
            assert type(outcome) is Done
            selected = session.selected
            if selected is not None and selected.behind:
                uid = getattr(argument, "uid", False)
                await synchronize(
                    session,
                    selected,
                    expunge=(row.expunges is Expunges.YES or uid) and not outcome.keeps_numbers,
                    uid=uid,
                    silent=outcome.silent,
                    whole=row.answers_changes,
                )
        except (ConnectionLost, ResponseBroken):
            raise
        except Exception as error:
            try:
                outcome = refusal(await explained(session, error), command=name, user=self._user())
            except CostsConnection as cost:
                session.end(cost.text, cost.code)
                return
        session.output.write(tag.encode() + b" " + outcome.wire)
        counts, name = self._counts, name.removeprefix("UID ")
        counts.commands[name] += 1
        counts.command_seconds[name] += perf_counter() - began
        if row.changes_connection:
            await self._connection_changed(outcome)

    async def _connection_changed(self, outcome: Done) -> None:
        """After a command of which the registry says that the connection may be another one now."""
        session = self.session
        if session.state is State.LOGOUT:
            session.output.close()
            return
        if outcome.starts_tls:
            # RFC 9051 §6.2.1: nothing sent in clear text behind it may count as sent under TLS.
            self._decoder.discard()
            await session.output.start_tls()
        elif outcome.starts_compression:
            # RFC 4978 §3: the client sends nothing behind the command until it has read the answer.
            self._decoder.discard()
            session.output.start_compression()
        elif outcome.starts_over:
            session.output.start_over()
        elif session.failed_logins >= session.config.limits.failed_logins:
            session.end("Too many failed logins")
            return
        if session.capabilities is not self._capabilities:
            self._capabilities = session.capabilities
            self._rows = registry.rows(session.capabilities)
        self._decoder.set_limits(limits(session.config.limits, authenticated=session.user is not None))
        self._decoder.set_utf8(session.names_are_utf8)

    def _start_asking(self, ask: Ask, row: Row, command: object) -> None:
        assert isinstance(command, imap.Command)
        self.session.output.write(b"+ %s\r\n" % ask.prompt)
        self._ask = (ask, row, command)
        self._decoder.expect_line()

    def _give_up_ask(self) -> None:
        asked, self._ask = self._ask, None
        if asked is not None and asked[0].give_up is not None:
            asked[0].give_up()

    # ---- other events

    async def _other(self, event: imap.Event) -> None:
        if isinstance(event, imap.LiteralData):
            if self._append is not None:
                run = self._append.run
                await run.data(event.data)
                if event.last and not run.catenates:
                    await run.message_end()
        elif isinstance(event, imap.AppendMessage):
            await self._append_message(event)
        elif isinstance(event, (imap.AppendUrl, imap.AppendText, imap.AppendMessageEnd)):
            await self._append_part(event)
        elif isinstance(event, imap.AppendEnd):
            await self._append_end()
        elif isinstance(event, imap.Continue):
            self.session.output.write(_CONTINUE)
        elif isinstance(event, imap.Line):
            await self._line(event)
        elif isinstance(event, imap.Malformed):
            await self._refuse_malformed(event)
        else:
            # A command without a row: its capability is hidden here.
            self._unknown(event.tag, event.name)

    def _unknown(self, tag: str, name: str) -> None:
        self.session.output.write(b"%s BAD Unknown command %s\r\n" % (tag.encode(), name.encode()))

    async def _line(self, event: imap.Line) -> None:
        asked, self._ask = self._ask, None
        if asked is not None:
            ask, row, command = asked
            await self._run(row, command.tag, command.name, command, lambda _session, _command: ask.then(event.data))

    async def _append_message(self, event: imap.AppendMessage) -> None:
        """May its octets come? Asked before a client waits for "+", or right before they come all the same."""
        row = self._rows.get(type(event))
        if event.catenate and not self.session.capabilities.has_command("CATENATE"):
            self._decoder.refuse_literal()
            append, self._append = self._append, None
            if append is not None:
                await append.run.abort()
            self._unknown(event.tag, _append_name(event) + " CATENATE")
            return
        refused = row is not None and (
            (self.session.uid_only and uses_sequence_numbers(event)) or self._lacks_utf8(row)
        )
        if row is None or refused or self.session.state not in row.states:
            self._decoder.refuse_literal()
            if row is None:
                self._unknown(event.tag, _append_name(event))
            else:
                await self._run(row, event.tag, _append_name(event), event, row.handler)
            return
        if self._append is None:
            run = AppendRun(self.session) if type(event) is imap.AppendMessage else ReplaceRun(self.session)
            self._append = _Append(row, event.tag, _append_name(event), run)
        await self._go_on(await self._append.run.message(event), literal=not event.catenate, waits=event.synchronizing)

    async def _append_part(self, event: imap.AppendUrl | imap.AppendText | imap.AppendMessageEnd) -> None:
        """A part of a CATENATE (RFC 4469), or the end of one."""
        assert self._append is not None
        run = self._append.run
        if isinstance(event, imap.AppendUrl):
            await self._go_on(await run.url(event), literal=False)
        elif isinstance(event, imap.AppendText):
            await self._go_on(await run.text(event), literal=True, waits=event.synchronizing)
        else:
            await run.message_end()

    async def _go_on(self, accepted: bool, *, literal: bool, waits: bool = False) -> None:
        """With the APPEND that is under way, or to its end. waits: the client sends no literal before it is asked to."""
        if not accepted:
            self._decoder.refuse_literal()
            await self._append_end()
        elif literal:
            self._decoder.accept_literal()
            if waits:
                self.session.output.write(_CONTINUE)

    async def _append_end(self) -> None:
        append, self._append = self._append, None
        if append is not None:
            self._malformed = 0
            await self._run(append.row, append.tag, append.name, append.run, append.row.handler)

    async def _refuse_malformed(self, event: imap.Malformed) -> None:
        """BAD says what was expected and where (RFC 9051 §7.1.3); a peer who goes on and on is sent away."""
        session = self.session
        append, self._append = self._append, None
        if append is not None:
            await append.run.abort()
        tag = event.tag
        if self._ask is not None:
            # A SASL response or DONE that was too long.
            tag = self._ask[2].tag
            self._give_up_ask()
        self._malformed += 1
        self._counts.malformed += 1
        done = Done(printable(event.message), code=TOO_BIG if event.too_big else b"", status=b"BAD")
        session.output.write((tag.encode() if tag else b"*") + b" " + done.wire)
        bounds = session.config.limits
        most = bounds.malformed_commands if session.user is not None else bounds.malformed_before_login
        if event.fatal:
            session.end("The next command cannot be found", TOO_BIG)
        elif self._malformed >= most:
            session.end("Too many malformed commands")
        await session.output.drain()

    def _lacks_utf8(self, row: Row) -> bool:
        session = self.session
        return session.capabilities.utf8_only and not session.utf8 and not row.without_utf8

    def _user(self) -> str | None:
        return self.session.user.address if self.session.user is not None else None


def _append_name(event: imap.AppendMessage) -> str:
    if isinstance(event, imap.ReplaceMessage):
        return "UID REPLACE" if event.uid else "REPLACE"
    return "APPEND"


def _not_now(name: str, row: Row) -> Done:
    if row.states == state.NOT_AUTHENTICATED:
        return Done(f"{name} comes before the login", status=b"BAD")
    need = "selected mailbox" if row.states == state.SELECTED else "login"
    return Done(f"{name} needs a {need} first", status=b"BAD")
