"""One change of a mailbox inside a write transaction: the UIDs and the MODSEQ it takes, what it counts, its Delta.

Made from the row of `mailboxes`, which the transaction has locked; a backend writes the row back once, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from lightmail._core.index import UidSet
from lightmail.backends.keywords import DELETED, SEEN, Keywords
from lightmail.backends.packing import split_words
from lightmail.backends.quotas import Room
from lightmail.errors import LimitExceeded, MailboxNotFound
from lightmail.model import Delta, MailboxId, ModSeq, UidValidity, UserId

MAX_UID = 2**32 - 1

EVERYTHING = UidSet.from_ranges([(1, MAX_UID)])


class MailboxChange:
    __slots__ = (
        "deleted",
        "highest_modseq",
        "id",
        "keywords",
        "limited",
        "messages",
        "modseq",
        "octets",
        "recent",
        "recent_from",
        "room",
        "taken",
        "uid_next",
        "uid_validity",
        "unseen",
        "user_id",
    )

    def __init__(self, row: Sequence[Any]) -> None:
        """row: begins with id, uid_validity, uid_next, highest_modseq, recent_from, keywords separated by blanks,
        user_id.
        """
        self.id = MailboxId(row[0])
        self.uid_validity = UidValidity(row[1])
        self.uid_next: int = row[2]
        self.highest_modseq = ModSeq(row[3])
        """Before this transaction's change."""
        self.modseq = ModSeq(row[3] + 1)
        """What all messages changed by it get."""
        self.recent_from: int = row[4]
        self.keywords = Keywords(split_words(row[5]))
        self.user_id = UserId(row[6])
        self.limited = False
        """Whether messages arrive, and its account has a limit."""
        self.room: Room | None = None
        """Of its account; None: no limit, or nothing arrives."""
        self.taken = 0
        """UIDs, by `take_uids`."""
        # By how much the counters of the row grow.
        self.messages = 0
        self.unseen = 0
        self.deleted = 0
        self.octets = 0
        self.recent = 0

    @classmethod
    def in_order(cls, mailbox_ids: Sequence[MailboxId], rows: Iterable[Sequence[Any]]) -> dict[MailboxId, Self]:
        """Raises MailboxNotFound unless there is a row for each of these."""
        found = {MailboxId(row[0]): row for row in rows}
        for mailbox_id in mailbox_ids:
            if mailbox_id not in found:
                raise MailboxNotFound(str(mailbox_id))
        return {mailbox_id: cls(found[mailbox_id]) for mailbox_id in mailbox_ids}

    def take_uids(self, count: int) -> int:
        """The first of `count` new UIDs. Raises LimitExceeded when they are used up (RFC 9051 §2.3.1.1)."""
        first = self.uid_next
        if first + count > MAX_UID:
            raise LimitExceeded("UIDs of a mailbox", MAX_UID)
        self.uid_next += count
        self.taken += count
        self.recent += count
        return first

    def count(self, flags: int, messages: int, octets: int) -> None:
        """So many messages with these flags have come; negative: they have gone."""
        self.messages += messages
        if not flags & SEEN:
            self.unseen += messages
        if flags & DELETED:
            self.deleted += messages
        self.octets += octets

    def count_reflagged(self, before: int, after: int, messages: int) -> None:
        """So many messages have other flags now."""
        self.count(before, -messages, 0)
        self.count(after, messages, 0)

    def count_gone(self, uids: UidSet) -> None:
        """These UIDs are no longer among the recent ones."""
        if uids and uids.last >= self.recent_from:
            self.recent -= len(uids & UidSet.from_ranges([(self.recent_from, MAX_UID)]))

    def counted(self) -> dict[str, int]:
        """By how much the counters grow, as statements name them."""
        return {
            "messages": self.messages,
            "unseen": self.unseen,
            "deleted": self.deleted,
            "octets": self.octets,
            "recent": self.recent,
        }

    def delta(self, rows: Sequence[str], expunged: UidSet | None = None) -> Delta:
        """rows: blocks of the messages that are new or changed; expunged: those that are gone."""
        return Delta(
            mailbox_id=self.id,
            base_modseq=self.highest_modseq,
            highest_modseq=self.modseq,
            uid_next=self.uid_next,
            rows=rows,
            expunged=UidSet() if expunged is None else expunged,
            keywords=self.keywords.names,
        )
