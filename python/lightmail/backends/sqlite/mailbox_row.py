"""The row of a mailbox inside a write transaction: read first, changed once at the end, with its keywords.

mailbox = MailboxRow.get(statements, mailbox_id)     # UIDs and MODSEQ are safe: SQLite has one writer
... mailbox.take_uids(n), mailbox.modseq, mailbox.count(...) ...
delta = mailbox.save(statements, rows)               # counters, UIDNEXT and HIGHESTMODSEQ in one statement
"""

from __future__ import annotations

from collections.abc import Sequence

from lightmail._core.index import UidSet
from lightmail.backends.keywords import DELETED, SEEN, Keywords
from lightmail.backends.sqlite.connection import Row, Statements
from lightmail.errors import LimitExceeded, MailboxNotFound
from lightmail.model import Delta, MailboxId, ModSeq, UidValidity

MAX_UID = 2**32 - 1

KEYWORDS = (
    "(SELECT group_concat(keyword, ' ') FROM"
    " (SELECT keyword FROM mailbox_keywords WHERE mailbox_id = m.id ORDER BY bit))"
)

MAILBOX_COLUMNS = f"m.id, m.uid_validity, m.uid_next, m.highest_modseq, m.recent_from, {KEYWORDS}"

SELECT_MAILBOX = f"""
    SELECT {MAILBOX_COLUMNS}
    FROM mailboxes AS m WHERE m.id = :mailbox AND m.selectable
"""

SELECT_MAILBOXES = f"""
    SELECT {MAILBOX_COLUMNS}
    FROM mailboxes AS m WHERE m.id IN (SELECT value FROM json_each(:mailboxes)) AND m.selectable
"""

UPDATE_MAILBOX = """
    UPDATE mailboxes
    SET uid_next = :uid_next, highest_modseq = :modseq, messages = messages + :messages, unseen = unseen + :unseen,
        deleted = deleted + :deleted, size_octets = size_octets + :octets, recent = recent + :recent
    WHERE id = :mailbox
"""

INSERT_KEYWORD = "INSERT INTO mailbox_keywords (mailbox_id, bit, keyword) VALUES (?, ?, ?)"


def split_words(words: str | None) -> tuple[str, ...]:
    return tuple(words.split(" ")) if words else ()


class MailboxRow:
    __slots__ = (
        "_counts",
        "_recent",
        "_uid_next",
        "highest_modseq",
        "id",
        "keywords",
        "modseq",
        "recent_from",
        "uid_validity",
    )

    def __init__(self, row: Row) -> None:
        """row: begins with MAILBOX_COLUMNS."""
        self.id = MailboxId(row[0])
        self.uid_validity = UidValidity(row[1])
        self._uid_next: int = row[2]
        self.highest_modseq = ModSeq(row[3])
        """Before this transaction's change."""
        self.modseq = ModSeq(row[3] + 1)
        """What all messages changed by it get."""
        self.recent_from: int = row[4]
        self.keywords = Keywords(split_words(row[5]))
        self._counts = [0, 0, 0, 0]
        self._recent = 0

    @classmethod
    def get(cls, statements: Statements, mailbox_id: MailboxId) -> MailboxRow:
        """Raises MailboxNotFound."""
        row = statements.one(SELECT_MAILBOX, {"mailbox": mailbox_id})
        if row is None:
            raise MailboxNotFound(str(mailbox_id))
        return cls(row)

    @classmethod
    def get_many(cls, statements: Statements, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, MailboxRow]:
        """In the order given. Raises MailboxNotFound unless all are there."""
        if len(mailbox_ids) == 1:
            return {mailbox_ids[0]: cls.get(statements, mailbox_ids[0])}
        rows = statements.all(SELECT_MAILBOXES, {"mailboxes": f"[{','.join(map(str, mailbox_ids))}]"})
        found = {MailboxId(row[0]): cls(row) for row in rows}
        for mailbox_id in mailbox_ids:
            if mailbox_id not in found:
                raise MailboxNotFound(str(mailbox_id))
        return {mailbox_id: found[mailbox_id] for mailbox_id in mailbox_ids}

    def take_uids(self, count: int) -> int:
        """The first of `count` new UIDs. Raises LimitExceeded when they are used up (RFC 9051 §2.3.1.1)."""
        first = self._uid_next
        if first + count > MAX_UID:
            raise LimitExceeded("UIDs of a mailbox", MAX_UID)
        self._uid_next += count
        self._recent += count
        return first

    def count(self, flags: int, messages: int, octets: int) -> None:
        """So many messages with these flags have come; negative: they have gone."""
        counts = self._counts
        counts[0] += messages
        if not flags & SEEN:
            counts[1] += messages
        if flags & DELETED:
            counts[2] += messages
        counts[3] += octets

    def count_reflagged(self, before: int, after: int, messages: int) -> None:
        """So many messages have other flags now."""
        self.count(before, -messages, 0)
        self.count(after, messages, 0)

    def count_gone(self, uids: UidSet) -> None:
        """These UIDs are no longer among the recent ones."""
        if uids and uids.last >= self.recent_from:
            self._recent -= len(uids & UidSet.from_ranges([(self.recent_from, MAX_UID)]))

    def save(self, statements: Statements, rows: Sequence[str], expunged: UidSet | None = None) -> Delta:
        """Write the row, which ends the change of this mailbox; rows and expunged: what the Delta tells of it."""
        if self.keywords.added:
            statements.many(INSERT_KEYWORD, [(self.id, bit, keyword) for bit, keyword in self.keywords.added])
        messages, unseen, deleted, octets = self._counts
        statements.run(
            UPDATE_MAILBOX,
            {
                "mailbox": self.id,
                "uid_next": self._uid_next,
                "modseq": self.modseq,
                "messages": messages,
                "unseen": unseen,
                "deleted": deleted,
                "octets": octets,
                "recent": self._recent,
            },
        )
        return Delta(
            mailbox_id=self.id,
            base_modseq=self.highest_modseq,
            highest_modseq=self.modseq,
            uid_next=self._uid_next,
            rows=rows,
            expunged=UidSet() if expunged is None else expunged,
            keywords=self.keywords.names,
        )
