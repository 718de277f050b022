"""EXPUNGE, and what else removes messages; each leaves its UIDs in the expunge log (RFC 9051 §6.4.3, RFC 7162 §3.2)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lightmail._core.index import UidSet
from lightmail.backends.groups import Group, count_gone, union
from lightmail.backends.mailbox_change import EVERYTHING
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.mailbox_row import MailboxRow
from lightmail.backends.sqlite.selection import Chosen, OnChosen, census
from lightmail.model import ExpungeOutcome, MailboxId

UNREFER = OnChosen.of("""
    UPDATE message_bodies
    SET reference_count = reference_count - gone.messages,
        unreferenced_s = CASE WHEN reference_count = gone.messages THEN :now_s ELSE unreferenced_s END
    FROM (SELECT body_id, count(*) AS messages FROM messages WHERE mailbox_id = :mailbox AND {chosen}
          GROUP BY body_id) AS gone
    WHERE id = gone.body_id
""")

DELETE_MESSAGES = OnChosen.of("DELETE FROM messages WHERE mailbox_id = :mailbox AND {chosen}")

LOG_RANGE = "INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid) VALUES (:mailbox, :modseq, :first, :last)"

LOG_RANGES = """
    INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid)
    SELECT :mailbox, :modseq, value ->> 0, value ->> 1 FROM json_each(:ranges)
"""


def expunge(statements: Statements, mailbox_id: MailboxId, uids: UidSet | None, now_s: int) -> ExpungeOutcome:
    mailbox = MailboxRow.get(statements, mailbox_id)
    groups = census(statements, mailbox_id, EVERYTHING if uids is None else uids, deleted=True)
    if not groups:
        return ExpungeOutcome(UidSet(), mailbox.highest_modseq, None)
    gone = union(groups)
    UNREFER.run(statements, Chosen.of(gone, mailbox=mailbox_id, now_s=now_s))
    remove_rows(statements, mailbox, groups, gone)
    log_expunged(statements, mailbox, gone)
    mailbox.save(statements)
    return ExpungeOutcome(gone, mailbox.modseq, mailbox.delta([], gone))


def remove_rows(statements: Statements, mailbox: MailboxRow, groups: Sequence[Group], gone: UidSet) -> None:
    """Delete the rows and count them off; the references of their bodies are the caller's."""
    DELETE_MESSAGES.run(statements, Chosen.of(gone, mailbox=mailbox.id))
    count_gone(mailbox, groups, gone)


def log_expunged(statements: Statements, mailbox: MailboxRow, gone: UidSet) -> None:
    ranges = gone.ranges()
    values = {"mailbox": mailbox.id, "modseq": mailbox.modseq}
    if len(ranges) == 1:
        statements.run(LOG_RANGE, {**values, "first": ranges[0][0], "last": ranges[0][1]})
    else:
        statements.run(LOG_RANGES, {**values, "ranges": json.dumps(ranges)})
