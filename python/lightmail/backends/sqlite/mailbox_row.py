"""The row of a mailbox inside a write transaction: read first, changed once at the end, with its keywords.

mailbox = MailboxRow.get(statements, mailbox_id)     # UIDs and MODSEQ are safe: SQLite has one writer
... mailbox.take_uids(n), mailbox.modseq, mailbox.count(...) ...
mailbox.save(statements)                             # counters, UIDNEXT and HIGHESTMODSEQ in one statement
"""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.quotas import room
from lightmail.backends.records import room_column
from lightmail.backends.sqlite.connection import Statements
from lightmail.errors import MailboxNotFound
from lightmail.model import MailboxId

KEYWORDS = (
    "(SELECT group_concat(keyword, ' ') FROM"
    " (SELECT keyword FROM mailbox_keywords WHERE mailbox_id = m.id ORDER BY bit))"
)

MAILBOX_COLUMNS = f"m.id, m.uid_validity, m.uid_next, m.highest_modseq, m.recent_from, {KEYWORDS}, m.user_id"

_ROOM = room_column(" || ' ' || ".join)

SELECT_MAILBOX = f"""
    SELECT {MAILBOX_COLUMNS}
    FROM mailboxes AS m WHERE m.id = :mailbox AND m.selectable
"""

SELECT_TARGET = f"""
    SELECT {MAILBOX_COLUMNS}, {_ROOM}
    FROM mailboxes AS m WHERE m.id = :mailbox AND m.selectable
"""

SELECT_TARGETS = f"""
    SELECT {MAILBOX_COLUMNS}, {_ROOM}
    FROM mailboxes AS m WHERE m.id IN (SELECT value FROM json_each(:mailboxes)) AND m.selectable
"""

UPDATE_MAILBOX = """
    UPDATE mailboxes
    SET uid_next = :uid_next, highest_modseq = :modseq, messages = messages + :messages, unseen = unseen + :unseen,
        deleted = deleted + :deleted, size_octets = size_octets + :octets, recent = recent + :recent
    WHERE id = :mailbox
"""

INSERT_KEYWORD = "INSERT INTO mailbox_keywords (mailbox_id, bit, keyword) VALUES (?, ?, ?)"


class MailboxRow(MailboxChange):
    __slots__ = ()

    @classmethod
    def get(cls, statements: Statements, mailbox_id: MailboxId) -> MailboxRow:
        """Raises MailboxNotFound."""
        row = statements.one(SELECT_MAILBOX, {"mailbox": mailbox_id})
        if row is None:
            raise MailboxNotFound(str(mailbox_id))
        return cls(row)

    @classmethod
    def get_target(cls, statements: Statements, mailbox_id: MailboxId) -> MailboxRow:
        """One that messages arrive in. Raises MailboxNotFound."""
        return cls.get_targets(statements, [mailbox_id])[mailbox_id]

    @classmethod
    def get_targets(cls, statements: Statements, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, MailboxRow]:
        """In the order given. Raises MailboxNotFound unless all are there."""
        if len(mailbox_ids) == 1:
            rows = statements.all(SELECT_TARGET, {"mailbox": mailbox_ids[0]})
        else:
            rows = statements.all(SELECT_TARGETS, {"mailboxes": f"[{','.join(map(str, mailbox_ids))}]"})
        mailboxes = cls.in_order(mailbox_ids, rows)
        for row in rows:
            mailboxes[MailboxId(row[0])].room = room(row[-1])
        return mailboxes

    def save(self, statements: Statements) -> None:
        """Write the row, which ends the change of this mailbox."""
        if self.keywords.added:
            statements.many(INSERT_KEYWORD, [(self.id, bit, keyword) for bit, keyword in self.keywords.added])
        self.save_as(statements, self.uid_next, self.modseq)

    def save_as(self, statements: Statements, uid_next: int, highest_modseq: int) -> None:
        """What is counted, beside these."""
        values = {"mailbox": self.id, "uid_next": uid_next, "modseq": highest_modseq}
        statements.run(UPDATE_MAILBOX, values | self.counted())
