"""LMTP as a machine without I/O (RFC 2033 over RFC 5321, with the extensions that `_extensions` lists).

    machine.feed(octets)                       whatever the socket brought
    event = machine.next_event()               what the shell has to do; None: nothing until more octets come
    machine.take_output()                      replies to send

Some events are questions, and the machine stands still until they are answered:

    event               the shell                                  then
    RecipientOffered    looks the address up                       accept_recipient() or refuse_recipient(reply)
    MessageEnded        stores and delivers                        delivered([a reply per accepted recipient, in order])

The others are news: MessageStarted, MessageOctets, MessageAborted, Closing. `fail_message(reply)` may be called at any
time between MessageStarted and MessageEnded; the rest of the message is then swallowed, and the reply is given where
the protocol wants one. Every call is linear in what it is given; at most one chunk and one command line are held.

    state               commands that change it
    not greeted         LHLO -> idle
    idle                MAIL -> envelope; XCLIENT -> not greeted
    envelope            RCPT; DATA -> data; BDAT -> chunk; RSET, LHLO -> idle
    data                CR LF . CR LF -> idle
    chunk               all octets: LAST -> idle, otherwise -> between chunks
    between chunks      BDAT -> chunk; RSET, LHLO -> idle
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from lightmail.lmtp import replies
from lightmail.lmtp.events import (
    Breather,
    Closing,
    Event,
    Limits,
    MessageAborted,
    MessageEnded,
    MessageOctets,
    MessageStarted,
    RecipientOffered,
    Sender,
)
from lightmail.lmtp.grammar import NULL_PATH, BadArgument, parse_bdat, parse_lhlo, parse_path
from lightmail.lmtp.replies import Reply
from lightmail.lmtp.unstuff import DotUnstuffer
from lightmail.lmtp.xclient import ATTRIBUTES, Client

MAX_LINE_OCTETS = 4096
"""With CR LF. RFC 5321 §4.5.3.1.4 asks for 512, and its extensions for some more; UTF-8 addresses can be long."""
MAX_ERRORS = 20
"""Syntax and sequence errors on one connection; refused recipients are none."""
COMMANDS_IN_A_ROW = 500
"""After so many the loop gets back to other connections (law 7)."""


@dataclass(slots=True)
class _Transaction:
    """From MAIL to the replies after the message."""

    sender: Sender
    recipients: int = 0
    """Accepted ones."""
    octets: int = 0
    """Of the message, so far."""
    chunked: bool = False
    """BDAT has begun the message."""
    open: bool = False
    """MessageStarted has been said, and the shell still takes octets."""
    failure: Reply | None = None
    """What every recipient will be told instead of a delivery."""


@dataclass(slots=True)
class _Chunk:
    """One BDAT. refusal: its octets are swallowed, then this is said."""

    octets: int
    left: int
    last: bool
    refusal: Reply | None = None


class _Mode(Enum):
    COMMANDS = "commands"
    REST_OF_LINE = "the rest of a line that was too long"
    DATA = "message octets up to the dot"
    CHUNK = "message octets, counted"
    END = "all message octets seen"
    CLOSED = "closed"


class _Question(Enum):
    RECIPIENT = "recipient"
    DELIVERY = "delivery"


class OutOfTurn(Exception):
    """The shell's mistake: an answer to a question that was not asked, or a question left open."""


class Machine:
    """One connection."""

    def __init__(self, hostname: str, limits: Limits) -> None:
        self.peer_name = ""
        """From LHLO; "" before it."""
        self.may_speak_for_others = False
        """The client is trusted with XCLIENT."""
        self.client = Client()
        """What it has said there."""
        self._hostname = hostname
        self._limits = limits
        self._mode = _Mode.COMMANDS
        self._input = b""
        self._at = 0
        self._searched = 0
        self._output = bytearray()
        self._question: _Question | None = None
        self._errors = 0
        self._transaction: _Transaction | None = None
        self._chunk = _Chunk(0, 0, last=False)
        self._unstuffer = DotUnstuffer()
        self._say(Reply(220, "", f"{hostname} LMTP"))

    # ---- the shell's side

    def feed(self, octets: bytes) -> None:
        """Octets after Closing are ignored."""
        if self._mode is _Mode.CLOSED:
            return
        if self._at < len(self._input):
            self._input = self._input[self._at :] + octets
            self._searched -= self._at
        else:
            self._input = octets
            self._searched = 0
        self._at = 0

    @property
    def buffered_octets(self) -> int:
        """Fed, and not yet looked at. Stop reading from the socket while it is large."""
        return len(self._input) - self._at

    @property
    def is_idle(self) -> bool:
        """Nothing is lost when the connection is closed now: no message on its way, no question open."""
        return self._mode is _Mode.COMMANDS and self._question is None and not self._has_begun

    def take_output(self) -> bytes:
        output = bytes(self._output)
        self._output.clear()
        return output

    def next_event(self) -> Event | None:
        """None: feed more. Raises OutOfTurn while a question is open."""
        if self._question is not None:
            raise OutOfTurn(f"the question for {self._question.value} has no answer yet")
        commands = 0
        while True:
            match self._mode:
                case _Mode.COMMANDS:
                    if commands == COMMANDS_IN_A_ROW:
                        return Breather()
                    commands += 1
                    line = self._take_line()
                    if line is None:
                        return None
                    event = self._wrong(line) if isinstance(line, Reply) else self._obey(line)
                case _Mode.DATA:
                    if self.buffered_octets == 0:
                        return None
                    event = self._take_data()
                case _Mode.CHUNK:
                    if self.buffered_octets == 0 and self._chunk.left > 0:
                        return None
                    event = self._take_chunk()
                case _Mode.END:
                    event = self._end_message()
                case _Mode.REST_OF_LINE:
                    if not self._skip_line():
                        return None
                    continue
                case _Mode.CLOSED:
                    return None
            if event is not None:
                return event

    def accept_recipient(self) -> int:
        """How many recipients the transaction has now."""
        transaction = self._answer(_Question.RECIPIENT)
        transaction.recipients += 1
        self._say(replies.RECIPIENT_OK)
        return transaction.recipients

    def refuse_recipient(self, reply: Reply) -> None:
        self._answer(_Question.RECIPIENT)
        self._say(reply)

    def fail_message(self, reply: Reply) -> None:
        """The message cannot be stored. MessageEnded will not come; MessageAborted neither."""
        transaction = self._transaction
        if transaction is not None and transaction.open:
            transaction.open = False
            transaction.failure = reply

    def delivered(self, outcomes: Sequence[Reply]) -> None:
        """One reply for each accepted recipient, in the order of RCPT, duplicates too (RFC 2033 §4.2)."""
        recipients = self._answer(_Question.DELIVERY).recipients
        if len(outcomes) != recipients:
            raise OutOfTurn(f"{len(outcomes)} replies for {recipients} recipients")
        for outcome in outcomes:
            self._say(outcome)
        self._transaction = None

    def close(self, reply: Reply) -> None:
        """The server ends the connection: a reply with code 421, then nothing more."""
        if self._mode is not _Mode.CLOSED:
            self._say(reply)
            self._mode = _Mode.CLOSED
            self._input = b""
            self._at = 0

    # ---- lines

    def _take_line(self) -> bytes | Reply | None:
        """One command line without its end; a Reply: what is wrong with it; None: it is not complete."""
        end = self._input.find(b"\n", max(self._searched, self._at))
        if end < 0:
            self._searched = len(self._input)
            if self.buffered_octets < MAX_LINE_OCTETS:
                return None
            self._at = len(self._input)
            self._mode = _Mode.REST_OF_LINE
            return replies.LINE_TOO_LONG
        line = self._input[self._at : end + 1]
        self._at = end + 1
        if len(line) > MAX_LINE_OCTETS:
            return replies.LINE_TOO_LONG
        if not line.endswith(b"\r\n"):
            return replies.BARE_LINE_FEED
        return line[:-2]

    def _skip_line(self) -> bool:
        """Whether the end of the line was found."""
        end = self._input.find(b"\n", self._at)
        self._at = end + 1 if end >= 0 else len(self._input)
        if end >= 0:
            self._mode = _Mode.COMMANDS
        return end >= 0

    # ---- commands

    def _obey(self, line: bytes) -> Event | None:
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        command = _COMMANDS.get(verb)
        try:
            if command is not None:
                return command(self, argument)
        except BadArgument as error:
            return self._wrong(Reply(501, error.status, error.text))
        if verb in _HTTP:
            return self._shut(replies.TOO_MANY_ERRORS)
        return self._wrong(replies.UNKNOWN_COMMAND)

    def _lhlo(self, argument: bytes) -> Event | None:
        """RFC 2033 §4.1; RFC 5321 §4.1.4: also resets."""
        self.peer_name = parse_lhlo(argument)
        event = self._abort()
        lines = [self._hostname, *self._extensions()]
        for line in lines[:-1]:
            self._output += f"250-{line}\r\n".encode()
        self._say(Reply(250, "", lines[-1]))
        return event

    def _extensions(self) -> list[str]:
        return [
            "PIPELINING",  # RFC 2920
            "ENHANCEDSTATUSCODES",  # RFC 2034
            "8BITMIME",  # RFC 6152
            f"SIZE {self._limits.message_octets}",  # RFC 1870
            "CHUNKING",  # RFC 3030
            "SMTPUTF8",  # RFC 6531
            *([f"XCLIENT {' '.join(ATTRIBUTES)}"] if self.may_speak_for_others else []),
        ]

    def _xclient(self, argument: bytes) -> Event | None:
        """Postfix's XCLIENT_README: afterwards everything is as right after the connection was made."""
        if not self.may_speak_for_others:
            return self._wrong(replies.NOT_TRUSTED)
        if self._transaction is not None:
            return self._wrong(replies.sequence("a transaction is open: RSET ends it"))
        self.client = self.client.told(argument)
        self.peer_name = ""
        self._say(Reply(220, "", f"{self._hostname} LMTP"))
        return None

    def _mail(self, argument: bytes) -> Event | None:
        """RFC 5321 §4.1.1.2."""
        if not self.peer_name:
            return self._wrong(replies.sequence("say LHLO first"))
        if self._transaction is not None:
            return self._wrong(replies.sequence("a transaction is open: RSET ends it"))
        path, parameters = parse_path(argument, b"FROM")
        size_octets = _size(parameters.pop("SIZE", "0"))
        if parameters.pop("BODY", "8BITMIME").upper() not in ("7BIT", "8BITMIME"):
            raise BadArgument("expected BODY=7BIT or BODY=8BITMIME")
        utf8 = "SMTPUTF8" in parameters
        if parameters.pop("SMTPUTF8", ""):
            raise BadArgument("SMTPUTF8 takes no value")
        if parameters:
            return self._wrong(Reply(555, "5.5.4", f"unknown parameter {next(iter(parameters))[:40]}"))
        if not (path.ascii or utf8):
            return self._wrong(Reply(550, "5.6.7", "a sender beyond ASCII needs SMTPUTF8"))
        if size_octets > self._limits.message_octets:
            self._say(replies.TOO_BIG)
            return None
        self._transaction = _Transaction(Sender(path, size_octets, utf8))
        self._say(replies.SENDER_OK)
        return None

    def _rcpt(self, argument: bytes) -> Event | None:
        """RFC 5321 §4.1.1.3."""
        transaction = self._transaction
        if transaction is None:
            return self._wrong(replies.sequence("say MAIL first"))
        if transaction.chunked:
            return self._wrong(replies.sequence("the message has begun"))
        path, parameters = parse_path(argument, b"TO")
        if path is NULL_PATH:
            raise BadArgument("expected TO:<local-part@domain>", "5.1.3")
        if parameters:
            return self._wrong(Reply(555, "5.5.4", f"unknown parameter {next(iter(parameters))[:40]}"))
        if not (path.ascii or transaction.sender.utf8):
            self._say(Reply(553, "5.6.7", "a recipient beyond ASCII needs SMTPUTF8"))
            return None
        if transaction.recipients >= self._limits.recipients:
            self._say(replies.TOO_MANY_RECIPIENTS)
            return None
        self._question = _Question.RECIPIENT
        return RecipientOffered(path)

    def _data(self, argument: bytes) -> Event | None:
        """RFC 5321 §4.1.1.4; RFC 2033 §4.2: 503 without a recipient; RFC 3030 §2: not after BDAT."""
        if argument.strip():
            raise BadArgument("DATA takes no argument")
        transaction = self._transaction
        if transaction is None:
            return self._wrong(replies.sequence("say MAIL first"))
        if transaction.chunked:
            return self._wrong(replies.sequence("the message has begun with BDAT"))
        if not transaction.recipients:
            return self._wrong(replies.NO_RECIPIENTS)
        self._say(replies.START_MAIL_INPUT)
        self._unstuffer = DotUnstuffer()
        self._mode = _Mode.DATA
        transaction.open = True
        return MessageStarted(transaction.sender)

    def _bdat(self, argument: bytes) -> Event | None:
        """RFC 3030 §2. The octets are on their way whatever we say: a chunk that is refused is swallowed first.

        A size that cannot be read ends the connection, since nobody can tell what follows from commands.
        """
        try:
            octets, last = parse_bdat(argument)
        except BadArgument as error:
            self._say(Reply(501, error.status, error.text))
            return self._shut(replies.TOO_MANY_ERRORS)
        self._chunk = _Chunk(octets, octets, last)
        self._mode = _Mode.CHUNK
        transaction = self._transaction
        if transaction is None:
            self._chunk.refusal = replies.sequence("say MAIL first")
        elif not transaction.recipients:
            self._chunk.refusal = replies.NO_RECIPIENTS
        elif not transaction.chunked:
            transaction.chunked = transaction.open = True
            return MessageStarted(transaction.sender)
        return None

    def _rset(self, argument: bytes) -> Event | None:
        if argument.strip():
            raise BadArgument("RSET takes no argument")
        event = self._abort()
        self._say(replies.OK)
        return event

    def _quit(self, argument: bytes) -> Event | None:
        if argument.strip():
            raise BadArgument("QUIT takes no argument")
        return self._shut(replies.BYE)

    def _noop(self, argument: bytes) -> Event | None:
        self._say(replies.OK)
        return None

    def _vrfy(self, argument: bytes) -> Event | None:
        """RFC 5321 §3.5.3: 252 says neither yes nor no."""
        if not argument.strip():
            raise BadArgument("expected VRFY and a name")
        self._say(replies.CANNOT_VERIFY)
        return None

    def _help(self, argument: bytes) -> Event | None:
        self._say(Reply(214, "2.0.0", " ".join(verb.decode() for verb in _COMMANDS)))
        return None

    def _expn(self, argument: bytes) -> Event | None:
        return self._wrong(replies.NOT_IMPLEMENTED)

    def _not_lmtp(self, argument: bytes) -> Event | None:
        """RFC 2033 §4.1: HELO and EHLO are never answered positively."""
        return self._wrong(replies.NOT_LMTP)

    # ---- message octets

    def _take_data(self) -> Event | None:
        octets = self._input[self._at :] if self._at else self._input
        content, used = self._unstuffer.feed(octets)
        self._at += used
        if self._unstuffer.ended:
            self._mode = _Mode.END
        return self._pass_on(content) if content else None

    def _take_chunk(self) -> Event | None:
        chunk = self._chunk
        if chunk.left > 0:
            take = min(chunk.left, self.buffered_octets)
            octets = self._input[self._at : self._at + take]
            self._at += take
            chunk.left -= take
            return self._pass_on(octets) if chunk.refusal is None else None
        self._mode = _Mode.COMMANDS
        if chunk.refusal is not None:
            return self._wrong(chunk.refusal)
        if chunk.last:
            self._mode = _Mode.END
        else:
            failure = self._transaction.failure if self._transaction is not None else None
            self._say(failure or Reply(250, "2.0.0", f"{chunk.octets} octets received"))
        return None

    def _pass_on(self, octets: bytes) -> Event | None:
        transaction = self._transaction
        if transaction is None or not transaction.open:
            return None
        transaction.octets += len(octets)
        if transaction.octets > self._limits.message_octets:
            self.fail_message(replies.TOO_BIG)
            return MessageAborted()
        return MessageOctets(octets)

    def _end_message(self) -> Event | None:
        self._mode = _Mode.COMMANDS
        transaction = self._transaction
        if transaction is None:
            return None
        event: Event | None = None
        if transaction.open and transaction.octets == 0:
            self.fail_message(replies.EMPTY)
            event = MessageAborted()
        if transaction.failure is not None:
            for _ in range(transaction.recipients):
                self._say(transaction.failure)
            self._transaction = None
            return event
        transaction.open = False
        self._question = _Question.DELIVERY
        return MessageEnded()

    # ---- helpers

    @property
    def _has_begun(self) -> bool:
        return self._transaction is not None and self._transaction.chunked

    def _abort(self) -> Event | None:
        """No transaction any more."""
        was_open = self._transaction is not None and self._transaction.open
        self._transaction = None
        return MessageAborted() if was_open else None

    def _say(self, reply: Reply) -> None:
        self._output += bytes(reply)

    def _wrong(self, reply: Reply) -> Event | None:
        """The client's mistake; after too many of them it is not worth listening to.

        A message after recipients that were all refused is none: whoever pipelines could not know (RFC 2920 §3.1).
        """
        self._say(reply)
        if reply is not replies.NO_RECIPIENTS:
            self._errors += 1
        return self._shut(replies.TOO_MANY_ERRORS) if self._errors > MAX_ERRORS else None

    def _shut(self, reply: Reply) -> Event:
        self.close(reply)
        return Closing()

    def _answer(self, question: _Question) -> _Transaction:
        if self._question is not question or self._transaction is None:
            raise OutOfTurn(f"no question for {question.value} is open")
        self._question = None
        return self._transaction


def _size(value: str) -> int:
    """size-value = 1*20DIGIT (RFC 1870 §3)."""
    if not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise BadArgument("expected SIZE=octets")
    return int(value)


_COMMANDS: dict[bytes, Callable[[Machine, bytes], Event | None]] = {
    b"LHLO": Machine._lhlo,
    b"MAIL": Machine._mail,
    b"RCPT": Machine._rcpt,
    b"DATA": Machine._data,
    b"BDAT": Machine._bdat,
    b"RSET": Machine._rset,
    b"NOOP": Machine._noop,
    b"QUIT": Machine._quit,
    b"VRFY": Machine._vrfy,
    b"HELP": Machine._help,
    b"EXPN": Machine._expn,
    b"XCLIENT": Machine._xclient,
    b"HELO": Machine._not_lmtp,
    b"EHLO": Machine._not_lmtp,
}
_HTTP = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"CONNECT", b"OPTIONS"))
"""A browser has been talked into speaking to this port; the lines after these may be commands by design."""
