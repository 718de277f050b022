"""What can be wrong with stored mail, and what a check of it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from lightmail._core.index import UidSet
from lightmail.model import BodyId, MailboxId

MOST_KEPT = 10_000
"""Of each kind of damage are told one by one; the others are counted."""


class Kind(Enum):
    """By names that programs may rely on."""

    COUNTERS = "counters"
    UID_NEXT = "uid-next"
    UID_VALIDITY = "uid-validity"
    MODSEQ = "modseq"
    UID_REUSED = "uid-reused"
    BODILESS = "message-without-body"
    MESSAGE_SIZE = "message-size"
    UNNAMED_FLAG = "flag-without-name"
    REFERENCES = "reference-count"
    SUMMARY = "summary-missing"
    OBJECT_MISSING = "object-missing"
    OBJECT_SIZE = "object-size"
    OBJECT_DAMAGED = "object-damaged"
    KEY_MISSING = "key-missing"
    ORPHAN_RIGHTS = "orphan-rights"
    ORPHAN_ANNOTATION = "orphan-annotation"
    ORPHAN = "orphan-object"


TITLES = {
    Kind.COUNTERS: "mailboxes whose counters are not what their messages come to",
    Kind.UID_NEXT: "mailboxes that would give a UID a second time",
    Kind.UID_VALIDITY: "mailboxes whose UIDVALIDITY could be given a second time",
    Kind.MODSEQ: "mailboxes whose MODSEQ has gone back",
    Kind.UID_REUSED: "mailboxes with messages whose UID an expunged message had before",
    Kind.BODILESS: "mailboxes with messages that name no body",
    Kind.MESSAGE_SIZE: "mailboxes with messages whose size is not their body's",
    Kind.UNNAMED_FLAG: "mailboxes with messages that have a flag without a name",
    Kind.REFERENCES: "bodies whose reference count is wrong",
    Kind.SUMMARY: "bodies without a summary",
    Kind.OBJECT_MISSING: "bodies whose object is missing",
    Kind.OBJECT_SIZE: "bodies whose object is cut off or too long",
    Kind.OBJECT_DAMAGED: "bodies whose octets are not those that were stored",
    Kind.KEY_MISSING: "bodies that are encrypted by a key that is not there",
    Kind.ORPHAN_RIGHTS: "rights to mailboxes, or of accounts, that are gone",
    Kind.ORPHAN_ANNOTATION: "annotations of mailboxes, or of accounts, that are gone",
    Kind.ORPHAN: "objects that no body names",
}

REPAIRS = {
    Kind.COUNTERS: "count again",
    Kind.UID_NEXT: "raise the next UID",
    Kind.UID_VALIDITY: "remember the greatest UIDVALIDITY of the account",
    Kind.MODSEQ: "raise the mailbox's MODSEQ",
    Kind.UID_REUSED: "give the messages new UIDs",
    Kind.MESSAGE_SIZE: "give the messages the sizes of their bodies",
    Kind.UNNAMED_FLAG: "take the flag away",
    Kind.BODILESS: "look for their bodies among the objects that no body names, and remove messages that have none there",
    Kind.REFERENCES: "count again",
    Kind.SUMMARY: "make it again from the octets",
    Kind.ORPHAN_RIGHTS: "delete them",
    Kind.ORPHAN_ANNOTATION: "delete them",
}
"""What `lightmail repair` does about it."""

ADVICE = {
    Kind.OBJECT_MISSING: "restore the object from a copy of the body store; nothing else has these octets",
    Kind.OBJECT_SIZE: "restore the object from a copy of the body store; nothing else has these octets",
    Kind.OBJECT_DAMAGED: "restore the object from a copy of the body store; nothing else has these octets",
    Kind.KEY_MISSING: "name the file of the key in encryption.keys; without it nobody can read these bodies",
    Kind.ORPHAN: (
        "`lightmail gc --sweep` deletes them; in a database that was restored from a copy they are the mail that came after "
        "the copy, see docs/checking.md"
    ),
}
"""What to do about what `lightmail repair` leaves alone."""


@dataclass(frozen=True, slots=True)
class Place:
    """A message, or a mailbox when `uid` is 0."""

    mailbox_id: MailboxId
    account: str
    mailbox: str
    uid: int = 0


@dataclass(slots=True)
class Damage:
    """One mailbox, body or object, and what is wrong with it."""

    kind: Kind
    text: str
    """Facts without names: "5 messages instead of 4"."""
    place: Place | None = None
    """The mailbox; None: it is about a body, an object, or what is left of a mailbox or of an account."""
    uids: UidSet = field(default_factory=UidSet)
    """The messages of that mailbox; empty: the mailbox as a whole."""
    body_id: BodyId | None = None
    key: str = ""
    """Of the object; "": there is none."""
    messages: list[Place] = field(default_factory=list)
    """Some that have this body."""


@dataclass(slots=True)
class CheckReport:
    mailboxes: int = 0
    messages: int = 0
    bodies: int = 0
    objects: int = 0
    objects_octets: int = 0
    young_objects: int = 0
    """That no body names, younger than the grace period: mail on its way in, as far as anybody can tell."""
    read_bodies: int = 0
    """Read back and compared with their digests."""
    read_octets: int = 0
    seconds: float = 0.0
    counts: Counter[Kind] = field(default_factory=Counter)
    damages: list[Damage] = field(default_factory=list)
    """At most MOST_KEPT of each kind."""

    @property
    def sound(self) -> bool:
        return not self.counts

    @property
    def none_there(self) -> bool:
        """No body has its object: rather the wrong body store than so much loss."""
        return self.bodies > 1 and self.counts[Kind.OBJECT_MISSING] == self.bodies

    def tell(self, damage: Damage) -> None:
        self.counts[damage.kind] += 1
        if self.counts[damage.kind] <= MOST_KEPT:
            self.damages.append(damage)


Progress = Callable[[str, int, int], None]
"""What is being looked at, how many have been, how many there are (0: nobody knows)."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress for nobody."""
