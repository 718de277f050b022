"""Annotations (RFC 5464)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lightmail.backends.annotations import given, mark
from lightmail.backends.sqlite.connection import Row, Statements
from lightmail.backends.sqlite.mailbox_row import SELECT_MAILBOX, MailboxRow
from lightmail.errors import MailboxNotFound, TooManyAnnotations, UserNotFound
from lightmail.model import NOBODY, PRIVATE, SERVER, Annotation, Delta, MailboxId, UserId

_WHERE = "WHERE mailbox_id IN (SELECT value FROM json_each(:mailboxes)) AND user_id IN (0, :user)"
_SELECT = f"SELECT mailbox_id, entry, value FROM annotations {_WHERE}"
SELECT_ANNOTATIONS = f"{_SELECT} ORDER BY mailbox_id, entry"
SELECT_MARKS = f"SELECT mailbox_id, entry, mark FROM annotations {_WHERE}"
SELECT_ENTRIES = f"{_SELECT} AND entry IN (SELECT value FROM json_each(:entries)) ORDER BY mailbox_id, entry"
SELECT_THERE = """
    SELECT EXISTS (SELECT 1 FROM users WHERE id = :user), EXISTS (SELECT 1 FROM mailboxes WHERE id = :mailbox)
"""
PUT_ANNOTATION = """
    INSERT INTO annotations (mailbox_id, user_id, entry, mark, account_id, value) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET mark = excluded.mark, account_id = excluded.account_id, value = excluded.value
"""
DELETE_ANNOTATION = "DELETE FROM annotations WHERE mailbox_id = ? AND user_id = ? AND entry = ?"
COUNT_ANNOTATIONS = "SELECT count(*) FROM annotations WHERE mailbox_id = :mailbox AND user_id = :user"
SELECT_SPECIAL_USES = "SELECT id, special_use FROM mailboxes WHERE user_id = :owner AND special_use <> ''"
SET_SPECIAL_USE = "UPDATE mailboxes SET special_use = ? WHERE id = ?"
COPY_ANNOTATIONS = """
    INSERT INTO annotations (mailbox_id, user_id, entry, mark, account_id, value)
    SELECT :target, user_id, entry, mark, account_id, value FROM annotations WHERE mailbox_id = :mailbox
"""


def select(
    user_id: UserId, mailbox_ids: Sequence[MailboxId], entries: Sequence[str] | None
) -> tuple[str, dict[str, object]]:
    """The statement and its values."""
    values: dict[str, object] = {"user": user_id, "mailboxes": json.dumps(list(mailbox_ids))}
    if entries is None:
        return SELECT_ANNOTATIONS, values
    return SELECT_ENTRIES, values | {"entries": json.dumps(list(entries))}


def annotation(row: Row) -> Annotation:
    return Annotation(MailboxId(row[0]), row[1], bytes(row[2]))


def annotate(
    statements: Statements,
    user_id: UserId,
    mailbox_id: MailboxId,
    values: Sequence[tuple[str, bytes | None]],
    owner_id: UserId,
    most: int,
    special_use: tuple[str, ...] | None,
) -> Delta | None:
    row = statements.one(SELECT_THERE, {"user": user_id, "mailbox": mailbox_id})
    if (row is None or not row[0]) and user_id != NOBODY:
        raise UserNotFound(str(user_id))
    if (row is None or not row[1]) and mailbox_id != SERVER:
        raise MailboxNotFound(str(mailbox_id))
    scopes = {True: (user_id, user_id), False: (NOBODY, owner_id)}
    placed = [(*scopes[entry.startswith(PRIVATE)], entry, value) for entry, value in values]
    statements.many(
        PUT_ANNOTATION,
        [
            (mailbox_id, user, entry, mark(value), account, value)
            for user, account, entry, value in placed
            if value is not None
        ],
    )
    statements.many(DELETE_ANNOTATION, [(mailbox_id, user, entry) for user, _, entry, value in placed if value is None])
    for user in sorted({user for user, _, _, value in placed if value is not None}):
        count = statements.one(COUNT_ANNOTATIONS, {"mailbox": mailbox_id, "user": user})
        if count is not None and count[0] > most:
            raise TooManyAnnotations(most)
    if special_use is not None:
        there = [(MailboxId(row[0]), row[1]) for row in statements.all(SELECT_SPECIAL_USES, {"owner": owner_id})]
        statements.many(SET_SPECIAL_USE, given(special_use, mailbox_id, there))
    changed = statements.one(SELECT_MAILBOX, {"mailbox": mailbox_id}) if mailbox_id != SERVER else None
    if changed is None:
        return None
    mailbox = MailboxRow(changed)
    mailbox.save(statements)
    return mailbox.delta([])
