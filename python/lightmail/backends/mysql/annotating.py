"""Annotations (RFC 5464). What writes them holds the row of the account, and that of the mailbox."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.annotations import given, mark
from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.mysql.answers import Row
from lightmail.backends.mysql.mailbox_row import lock, save
from lightmail.backends.mysql.seal import SEAL, unsealed
from lightmail.backends.mysql.statements import Statements
from lightmail.errors import MailboxNotFound, TooManyAnnotations, UserNotFound
from lightmail.model import NOBODY, PRIVATE, SERVER, Annotation, Delta, MailboxId, UserId

_FROM = "FROM annotations FORCE INDEX (PRIMARY) WHERE mailbox_id IN %(mailboxes)s AND user_id IN (0, %(user)s)"
_SELECT = f"SELECT mailbox_id, entry, value {_FROM}"
SELECT_ANNOTATIONS = _SELECT
SELECT_MARKS = f"SELECT mailbox_id, entry, mark {_FROM}"
SELECT_ENTRIES = f"{_SELECT} AND entry IN %(entries)s"
LOCK_USER = f"SELECT id, {SEAL} FROM users WHERE id = %(user)s FOR UPDATE"
READ_SEAL = f"SELECT 0, {SEAL}"
LOCK_MAILBOX = "SELECT id FROM mailboxes WHERE id = %(mailbox)s FOR UPDATE"
PUT_ANNOTATION = """
    REPLACE INTO annotations (mailbox_id, user_id, entry, mark, account_id, value) VALUES (%s, %s, %s, %s, %s, %s)
"""
DELETE_ENTRIES = """
    DELETE FROM annotations WHERE mailbox_id = %(mailbox)s AND user_id = %(user)s AND entry IN %(entries)s
"""
COUNT_ANNOTATIONS = "SELECT COUNT(*) FROM annotations WHERE mailbox_id = %(mailbox)s AND user_id = %(user)s"
SELECT_SPECIAL_USES = "SELECT id, special_use FROM mailboxes WHERE user_id = %(owner)s AND special_use <> ''"
SET_SPECIAL_USE = "UPDATE mailboxes SET special_use = %(uses)s WHERE id = %(mailbox)s"
COPY_ANNOTATIONS = """
    INSERT INTO annotations (mailbox_id, user_id, entry, mark, account_id, value)
    SELECT %(target)s, user_id, entry, mark, account_id, value FROM annotations AS a WHERE a.mailbox_id = %(mailbox)s
"""


def select(
    user_id: UserId, mailbox_ids: Sequence[MailboxId], entries: Sequence[str] | None
) -> tuple[str, dict[str, object]]:
    """The statement and its values. mailbox_ids, entries: not empty."""
    values: dict[str, object] = {"user": user_id, "mailboxes": list(mailbox_ids)}
    if entries is None:
        return SELECT_ANNOTATIONS, values
    return SELECT_ENTRIES, values | {"entries": list(entries)}


def annotation(row: Row) -> Annotation:
    return Annotation(MailboxId(row[0]), row[1], bytes(row[2]))


async def annotate(
    statements: Statements,
    user_id: UserId,
    mailbox_id: MailboxId,
    values: Sequence[tuple[str, bytes | None]],
    owner_id: UserId,
    most: int,
    special_use: tuple[str, ...] | None,
) -> Delta | None:
    row = await statements.one(LOCK_USER if user_id != NOBODY else READ_SEAL, {"user": user_id})
    if row is None:
        raise UserNotFound(str(user_id))
    unsealed(row[1])
    mailbox = await _locked(statements, mailbox_id)
    for user, account, private in ((user_id, user_id, True), (NOBODY, owner_id, False)):
        chosen = [(entry, value) for entry, value in values if entry.startswith(PRIVATE) is private]
        put = [(mailbox_id, user, entry, mark(value), account, value) for entry, value in chosen if value is not None]
        gone = [entry for entry, value in chosen if value is None]
        where = {"mailbox": mailbox_id, "user": user}
        if gone:
            await statements.run(DELETE_ENTRIES, {**where, "entries": gone})
        if put:
            await statements.many(PUT_ANNOTATION, put)
            ((count,),) = await statements.all(COUNT_ANNOTATIONS, where)
            if count > most:
                raise TooManyAnnotations(most)
    if special_use is not None:
        there = [(MailboxId(row[0]), row[1]) for row in await statements.all(SELECT_SPECIAL_USES, {"owner": owner_id})]
        for uses, one_id in given(special_use, mailbox_id, there):
            await statements.later(SET_SPECIAL_USE, {"uses": uses, "mailbox": one_id})
    if mailbox is None:
        return None
    await save(statements, [mailbox])
    return mailbox.delta([])


async def _locked(statements: Statements, mailbox_id: MailboxId) -> MailboxChange | None:
    """None: the server, or a mailbox that holds no messages. Raises MailboxNotFound."""
    if mailbox_id == SERVER:
        return None
    try:
        return (await lock(statements, mailbox_id))[mailbox_id]
    except MailboxNotFound:
        if await statements.one(LOCK_MAILBOX, {"mailbox": mailbox_id}) is None:
            raise
        return None
