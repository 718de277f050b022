"""What a client that believes only what it is told knows of its selected mailbox (RFC 9051 §5.2, §7.5.1; RFC 7162)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_COUNT = re.compile(r"\* (\d+) (EXISTS|EXPUNGE)$")
_VANISHED = re.compile(r"\* VANISHED (\(EARLIER\) )?([\d:,]+)$")
_FETCH = re.compile(r"\* (\d+) FETCH \((.*)\)$", re.DOTALL)
_UID = re.compile(r"\bUID (\d+)")
_FLAGS = re.compile(r"\bFLAGS \(([^)]*)\)")
_MODSEQ = re.compile(r"\bMODSEQ \((\d+)\)")
_SUBJECT = re.compile(r"\bBODY\[HEADER\.FIELDS \(SUBJECT\)\] \{\d+\}\r\nSubject: (.*)\r\n\r\n")


@dataclass(eq=False, slots=True)
class Message:
    """None: not told yet. flags: without \\Recent."""

    uid: int | None = None
    flags: frozenset[str] | None = None
    modseq: int | None = None
    subject: str | None = None


@dataclass
class View:
    """Messages in sequence order, changed by responses alone."""

    messages: list[Message] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    """UIDs of which it was told that they are no longer there."""
    _known: dict[int, Message] | None = None
    """While coming back: by UID what was known before and has not vanished."""
    _counted: bool = False
    _late: int = 0
    """While coming back: messages told of after the mailbox had been described."""

    def hear(self, line: str) -> Message | None:
        """Take one untagged response in; the message that a FETCH is about.

        Raises AssertionError when it contradicts what was told before.
        """
        if fetch := _FETCH.match(line):
            message = self.messages[int(fetch[1]) - 1]
            self._fetched(message, fetch[2])
            return message
        if count := _COUNT.match(line):
            number = int(count[1])
            if count[2] == "EXPUNGE":
                if (uid := self.messages.pop(number - 1).uid) is not None:
                    self.gone.add(uid)
            else:
                self._exist(number)
        elif vanished := _VANISHED.match(line):
            self._vanished(numbers(vanished[2]), earlier=vanished[1] is not None)
        elif self._known is not None and line.startswith("* OK [CLOSED]"):
            self.messages = []
        return None

    def come_back(self, *, anew: bool = False) -> None:
        """The mailbox is selected again, and what is known has been told to the server (RFC 7162 §3.2.5).

        anew: on another connection, which has told of nothing yet. May be called again when that was lost as well.
        """
        known = {message.uid: message for message in self.messages if message.uid is not None}
        self._known = {**known, **(self._known or {})}
        self._counted, self._late = False, 0
        if anew:
            self.messages = []

    def came_back(self) -> None:
        """What was known and has not vanished, and what was fetched, are all the messages there were, in order."""
        assert self._known is not None
        known, self._known = self._known, None
        uids = sorted(known.keys() | {message.uid for message in self.messages if message.uid is not None})
        missing = len(self.messages) - len(uids)
        assert 0 <= missing <= self._late, f"{len(self.messages)} exist, {len(uids)} are known, {self._late} came late"
        for uid, message in zip(uids, self.messages, strict=False):
            assert message.uid in (None, uid), f"{message.uid} stands where {uid} should"
            old = known.get(uid)
            if message.uid is None:
                assert old is not None
                message.uid, message.flags, message.modseq = uid, old.flags, old.modseq
            if old is not None:
                message.subject = old.subject

    def unknown(self) -> list[int]:
        """Sequence numbers of messages that nothing is known of but that they exist."""
        return [
            seq for seq, message in enumerate(self.messages, start=1) if message.uid is None or message.flags is None
        ]

    def state(self) -> list[tuple[int | None, frozenset[str] | None]]:
        """(UID, flags) of each message."""
        return [(message.uid, message.flags) for message in self.messages]

    def _fetched(self, message: Message, items: str) -> None:
        if uid := _UID.search(items):
            assert message.uid in (None, int(uid[1])), f"a message keeps its UID, {message.uid}: {items!r}"
            message.uid = int(uid[1])
        if flags := _FLAGS.search(items):
            message.flags = frozenset(flags[1].split()) - {"\\Recent"}
        if modseq := _MODSEQ.search(items):
            assert int(modseq[1]) >= (message.modseq or 0), f"MODSEQ never decreases, {message.modseq}: {items!r}"
            message.modseq = int(modseq[1])
        if subject := _SUBJECT.search(items):
            assert message.subject in (None, subject[1]), f"a message keeps its subject, {message.subject}: {items!r}"
            message.subject = subject[1]

    def _exist(self, number: int) -> None:
        more = number - len(self.messages)
        assert more >= 0, "EXISTS takes nothing away"
        self.messages += [Message() for _ in range(more)]
        if self._known is not None:
            self._late += more if self._counted else 0
            self._counted = True

    def _vanished(self, gone: list[int], *, earlier: bool) -> None:
        self.gone.update(gone)
        if self._known is not None:
            for uid in gone:
                self._known.pop(uid, None)
        if earlier:
            return
        known = {message.uid for message in self.messages}
        for uid in gone:
            if uid not in known:
                self._one_unknown_vanished(uid)
        left = set(gone)
        self.messages = [message for message in self.messages if message.uid not in left]

    def _one_unknown_vanished(self, uid: int) -> None:
        """It is one of those whose UIDs have not been told, between the nearest that have."""
        candidate = None
        for at, message in enumerate(self.messages):
            if message.uid is None:
                candidate = at if candidate is None else candidate
            elif message.uid < uid:
                candidate = None
            else:
                break
        assert candidate is not None, f"only messages that this client knows of vanish, not {uid}"
        del self.messages[candidate]


def numbers(text: str) -> list[int]:
    """The elements of a set without "*", in the order written."""
    found: list[int] = []
    for item in text.split(","):
        first, _, last = item.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


def spelled(uids: list[int]) -> str:
    """As a set, in the order given."""
    return ",".join(map(str, uids))
