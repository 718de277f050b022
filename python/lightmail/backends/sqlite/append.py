"""APPEND and delivery: bodies, then the messages that name them, in one transaction (laws 1, 2 and 3)."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.arrivals import MESSAGE_COLUMNS, Arrivals
from lightmail.backends.records import SUMMARY_COLUMNS, body_row, summary_row
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.mailbox_row import MailboxRow
from lightmail.model import Appended, Delta, NewMessage

INSERT_BODY = """
    INSERT INTO message_bodies (id, object_key, raw_octets, stored_octets, digest, reference_count)
    VALUES (?, ?, ?, ?, ?, ?)
"""
INSERT_SUMMARY = f"INSERT INTO message_summaries ({SUMMARY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_MESSAGE = f"INSERT INTO messages ({MESSAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
SELECT_LAST_BODY = "SELECT seq FROM sqlite_sequence WHERE name = 'message_bodies'"


def append(statements: Statements, messages: Sequence[NewMessage]) -> tuple[list[Appended], list[Delta]]:
    """Raises MailboxNotFound, LimitExceeded, OverQuota; one statement per table and mailbox, whatever the number of messages."""
    arrivals = Arrivals(messages)
    mailboxes = MailboxRow.get_targets(statements, arrivals.mailbox_ids)
    arrivals.place(mailboxes, add_bodies(statements, arrivals))
    if len(arrivals.rows) == 1:
        statements.run(INSERT_MESSAGE, arrivals.rows[0])
    else:
        statements.many(INSERT_MESSAGE, arrivals.rows)
    for mailbox in mailboxes.values():
        mailbox.save(statements)
    return arrivals.answer()


def add_bodies(statements: Statements, arrivals: Arrivals) -> dict[str, int]:
    """Body ids by object key; ids are never used twice, since caches go by them."""
    bodies, references = arrivals.bodies, arrivals.references
    if len(bodies) == 1:
        ((key, body),) = bodies.items()
        body_id = statements.insert(INSERT_BODY, (None, *body_row(body, references[key])))
        statements.run(INSERT_SUMMARY, summary_row(body_id, body))
        return {key: body_id}
    last = statements.one(SELECT_LAST_BODY)
    ids = {key: at for at, key in enumerate(bodies, 1 + (last[0] if last else 0))}
    statements.many(INSERT_BODY, [(ids[key], *body_row(body, references[key])) for key, body in bodies.items()])
    statements.many(INSERT_SUMMARY, [summary_row(ids[key], body) for key, body in bodies.items()])
    return ids
