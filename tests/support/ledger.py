"""What a server has promised to all clients of a load together, and whether it has kept it (laws 1 and 2)."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.support.view import Message

_TRUE = re.compile(r"\[(EXPUNGEISSUED|MODIFIED [\d:,]+)\]")

Box = tuple[str, str, int]
"""A mailbox: account, name, UIDVALIDITY."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """at_s: by time.monotonic(). command: its first word, "UID" left out; "DATA" for a delivery. answer: as it came."""

    at_s: float
    command: str
    answer: str


@dataclass
class Ledger:
    """Every method that takes an answer raises AssertionError when it contradicts an earlier one."""

    counts: Counter[str] = field(default_factory=Counter)
    """Commands answered OK, by their first word."""
    refusals: list[Refusal] = field(default_factory=list)
    stored: dict[Box, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    """UID to subject of each message that APPENDUID or COPYUID has promised."""
    kept_flags: dict[Box, dict[int, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    """Flags that a STORE was answered OK for and that nobody ever takes away."""
    delivered: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """(account, mailbox) to subjects that LMTP has promised; nobody knows their UIDs yet."""
    perhaps: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """(account, mailbox) to subjects that someone has tried to put there, and how often, without an OK: the answer was NO,
    or never came. They may be there.
    """
    doomed: dict[Box, set[int]] = field(default_factory=lambda: defaultdict(set))
    """UIDs that someone has asked, or tried to ask, to be removed."""
    doomed_subjects: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """(account, mailbox) to the subjects of those."""
    _subjects: dict[tuple[Box, int], str] = field(default_factory=dict)
    _states: dict[tuple[Box, int, int], frozenset[str]] = field(default_factory=dict)
    _highest: dict[Box, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def faults(self) -> list[Refusal]:
        """Refusals that are not simply true: messages that another client has removed or changed are."""
        return [each for each in self.refusals if not _TRUE.search(each.answer)]

    def answered(self, command: str) -> None:
        self.counts[command] += 1

    def refused(self, command: str, answer: str) -> None:
        self.refusals.append(Refusal(time.monotonic(), command, answer))

    def store(self, box: Box, uids: Iterable[int], subjects: Iterable[str]) -> None:
        """An APPEND or COPY was answered: these UIDs are new, and are these messages."""
        for uid, subject in zip(uids, subjects, strict=True):
            assert uid not in self.stored[box], (
                f"UID {uid} of {box} was given twice: {self.stored[box][uid]}, {subject}"
            )
            self.stored[box][uid] = subject
            self._is(box, uid, subject)

    def tries(self, mailbox: tuple[str, str], subjects: Iterable[str]) -> None:
        """To be called before a command is sent that puts these there."""
        self.perhaps[mailbox].update(subjects)

    def has_done(self, mailbox: tuple[str, str], subjects: Iterable[str]) -> None:
        """It was answered OK: how often they are there is known."""
        self.perhaps[mailbox].subtract(subjects)

    def doom(self, box: Box, messages: Iterable[Message]) -> None:
        """To be called before the command is sent."""
        for message in messages:
            if message.uid is not None:
                self.doomed[box].add(message.uid)
            if message.subject is not None:
                self.doomed_subjects[box[:2]].add(message.subject)

    def copied(self, source: Box, target: Box, pairs: Iterable[tuple[int, int]]) -> None:
        """COPYUID: (UID in source, UID in target). A copy of a message that someone removes may have been marked already."""
        for old, new in pairs:
            subject = self._subjects[(source, old)]
            self.store(target, [new], [subject])
            if old in self.doomed[source]:
                self.doomed[target].add(new)
                self.doomed_subjects[target[:2]].add(subject)

    def told(self, box: Box, message: Message, *, whole: bool) -> None:
        """A client knows this of a message now. whole: its flags and its MODSEQ were told together."""
        if message.uid is None:
            return
        if message.subject is not None:
            self._is(box, message.uid, message.subject)
        if message.modseq is not None:
            self._highest[box] = max(self._highest[box], message.modseq)
            if whole and message.flags is not None:
                flags = self._states.setdefault((box, message.uid, message.modseq), message.flags)
                assert flags == message.flags, (
                    f"two states of UID {message.uid} of {box} have MODSEQ {message.modseq}: {flags}, {message.flags}"
                )

    def highest(self, box: Box) -> int:
        """The greatest MODSEQ that any client has been told; whoever asks from now on must not hear of a lower one."""
        return self._highest[box]

    def check(self, box: Box, final: list[Message]) -> None:
        """final: what a fresh session sees of a mailbox once all is quiet, everything told of each message."""
        there = {message.uid: message for message in final}
        for uid, subject in self.stored[box].items():
            if uid not in self.doomed[box]:
                assert uid in there, f"UID {uid} of {box} ({subject}) was promised and is not there"
                assert there[uid].subject == subject
        for uid, flags in self.kept_flags[box].items():
            if uid in there:
                found = there[uid].flags
                assert found is not None and flags <= found, f"UID {uid} of {box} lacks {flags - (found or set())}"
        missing = self.delivered[box[:2]] - self.doomed_subjects[box[:2]] - {message.subject for message in final}
        assert not missing, f"{len(missing)} messages delivered to {box} are not there: {sorted(missing)[:5]}"
        surplus = Counter(message.subject or "" for message in final if message.uid not in self.stored[box])
        twice = surplus - Counter(self.delivered[box[:2]]) - self.perhaps[box[:2]]
        assert not twice, f"stored in {box}, and nobody was told: {sorted(twice.items())[:5]}"
        for message in final:
            self.told(box, message, whole=True)

    def _is(self, box: Box, uid: int, subject: str) -> None:
        known = self._subjects.setdefault((box, uid), subject)
        assert known == subject, f"UID {uid} of {box} is {known} and {subject}"
