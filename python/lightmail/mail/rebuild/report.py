"""What rebuilding has found and done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MOST_TOLD = 1_000
"""Of single messages and objects; the rest is counted."""

Progress = Callable[[str, int, int], None]
"""(what is done, how many, of how many; 0: nobody knows)."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A message that had been there, and cannot be brought back."""

    account: str
    mailbox: str
    uid: int
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Guessed:
    """Messages that were placed by what their objects say."""

    account: str
    mailbox: str
    messages: int


@dataclass(slots=True)
class RebuildReport:
    store: str = ""
    """Whose manifests were used; "": none."""
    manifests: int = 0
    told_until_s: int = 0
    """What was committed before stands in manifests; 0: nothing does."""
    unreadable: list[str] = field(default_factory=list)
    """Manifests, each with what is wrong."""
    objects: int = 0
    accounts: int = 0
    mailboxes: int = 0
    messages: int = 0
    """All that manifests have, with their UIDs."""
    guessed: list[Guessed] = field(default_factory=list)
    new_accounts: list[str] = field(default_factory=list)
    """Without a password: no manifest knows them."""
    new_mailboxes: list[tuple[str, str]] = field(default_factory=list)
    """(account, name), with a UIDVALIDITY of their own."""
    lost: list[Lost] = field(default_factory=list)
    lost_messages: int = 0
    unplaced: list[str] = field(default_factory=list)
    """Keys of objects that nobody is named for."""
    unplaced_objects: int = 0
    unnamed_recipients: int = 0
    """Of messages to many, whose addresses had no room in the object."""
    bodies: int = 0
    octets: int = 0
    """Of bodies, raw."""
    seconds: float = 0.0

    @property
    def guessed_messages(self) -> int:
        return sum(each.messages for each in self.guessed)

    @property
    def whole(self) -> bool:
        """Nothing that is known of is missing."""
        return not (self.lost_messages or self.unplaced_objects or self.unreadable)

    def add_lost(self, lost: Lost) -> None:
        self.lost_messages += 1
        if len(self.lost) < MOST_TOLD:
            self.lost.append(lost)

    def add_guessed(self, account: str, mailbox: str, messages: int) -> None:
        """Called for one mailbox after the other."""
        if self.guessed and (self.guessed[-1].account, self.guessed[-1].mailbox) == (account, mailbox):
            messages += self.guessed.pop().messages
        if messages:
            self.guessed.append(Guessed(account, mailbox, messages))

    def add_unplaced(self, key: str) -> None:
        self.unplaced_objects += 1
        if len(self.unplaced) < MOST_TOLD:
            self.unplaced.append(key)
