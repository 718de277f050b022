"""The verbs on mailboxes (RFC 9051 §6.3)."""

from __future__ import annotations

import json
import sqlite3

from lightmail.backends.mailbox_change import EVERYTHING
from lightmail.backends.quotas import require_mailboxes
from lightmail.backends.records import MAILBOX_ROOM, STATUS_COLUMNS, USAGE_COLUMNS, mailbox, mailbox_columns
from lightmail.backends.sqlite.acl import INHERIT
from lightmail.backends.sqlite.annotating import COPY_ANNOTATIONS
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.copy_move import move
from lightmail.errors import (
    MailboxExists,
    MailboxHasChildren,
    MailboxNameInvalid,
    MailboxNotFound,
    UserNotFound,
)
from lightmail.model import (
    DELIMITER,
    INBOX,
    Mailbox,
    MailboxId,
    MoveOutcome,
    Rights,
    UidValidity,
    UserId,
)

_MAILBOX = f"SELECT {mailbox_columns('name')} FROM mailboxes AS m"
SELECT_MAILBOX_LIST = f"{_MAILBOX} WHERE m.user_id = :user ORDER BY m.name"
SELECT_MAILBOX_BY_NAME = f"{_MAILBOX} WHERE m.user_id = :user AND m.name = :name"
SELECT_MAILBOXES_BY_NAME = f"""
    {_MAILBOX} WHERE m.user_id IN (SELECT value FROM json_each(:users)) AND m.name = :name
"""
SELECT_MAILBOX_BY_ID = f"{_MAILBOX} WHERE m.id = :mailbox"
SELECT_SUBSCRIPTIONS = "SELECT name FROM subscriptions WHERE user_id = :user"
SELECT_STATUS = f"SELECT {STATUS_COLUMNS} FROM mailboxes WHERE user_id = :user AND name = :name"
SELECT_QUOTA = f"""
    SELECT u.quota_octets, u.quota_messages, u.quota_mailboxes, {USAGE_COLUMNS}
    FROM users AS u LEFT JOIN mailboxes AS o ON o.user_id = u.id WHERE u.id = :user GROUP BY u.id
"""
SELECT_DELETED_OCTETS = """
    SELECT mailbox_id, sum(size_octets) FROM messages INDEXED BY messages_deleted
    WHERE mailbox_id IN (SELECT value FROM json_each(:mailboxes)) AND flags & 4 GROUP BY mailbox_id
"""
SELECT_RECENT = "SELECT recent_from, min(uid_next, :up_to) FROM mailboxes WHERE id = :mailbox AND selectable"

SELECT_PLACE = "SELECT id, selectable FROM mailboxes WHERE user_id = :user AND name = :name"
_PLACE = "FROM mailboxes WHERE user_id = :user AND name = :name"
SELECT_PLACE_WITH_ROOM = f"""
    SELECT (SELECT id {_PLACE}), (SELECT selectable {_PLACE}), {MAILBOX_ROOM.format(user=":user")}
"""
SELECT_ROOM = f"SELECT {MAILBOX_ROOM.format(user=':user')}"
# "/" is followed by "0": what is below a name is one range of the index on names.
_BELOW = f"name > :name || '{DELIMITER}' AND name < :name || '{chr(ord(DELIMITER) + 1)}'"
SELECT_BELOW = f"SELECT 1 FROM mailboxes WHERE user_id = :user AND {_BELOW} LIMIT 1"

NEXT_UID_VALIDITY = """
    INSERT INTO uid_validities (address, last) SELECT address, :now_s FROM users WHERE id = :user
    ON CONFLICT (address) DO UPDATE SET last = max(last + 1, excluded.last)
    RETURNING last
"""
INSERT_MAILBOX = """
    INSERT INTO mailboxes (user_id, name, uid_validity, special_use, selectable)
    VALUES (:user, :name, :uid_validity, :special_use, :selectable)
"""
MAKE_SELECTABLE = """
    UPDATE mailboxes SET selectable = 1, uid_validity = :uid_validity, special_use = :special_use WHERE id = :mailbox
"""
RENAME_MAILBOX = "UPDATE mailboxes SET name = :target WHERE user_id = :user AND name = :name"
RENAME_BELOW = f"""
    UPDATE mailboxes SET name = :target || substr(name, :length + 1) WHERE user_id = :user AND {_BELOW}
"""
SUBSCRIBE = "INSERT INTO subscriptions (user_id, name) VALUES (:user, :name) ON CONFLICT DO NOTHING"
UNSUBSCRIBE = "DELETE FROM subscriptions WHERE user_id = :user AND name = :name"
UPDATE_RECENT = """
    UPDATE mailboxes
    SET recent_from = min(:up_to, uid_next),
        recent = CASE WHEN :up_to >= uid_next THEN 0 ELSE
            (SELECT count(*) FROM messages WHERE mailbox_id = mailboxes.id AND uid >= :up_to) END
    WHERE id = :mailbox
"""

UNREFER_ALL = """
    UPDATE message_bodies
    SET reference_count = reference_count - gone.messages,
        unreferenced_s = CASE WHEN reference_count = gone.messages THEN :now_s ELSE unreferenced_s END
    FROM (SELECT body_id, count(*) AS messages FROM messages WHERE mailbox_id = :mailbox GROUP BY body_id) AS gone
    WHERE id = gone.body_id
"""
DELETE_ALL_MESSAGES = "DELETE FROM messages WHERE mailbox_id = :mailbox"
DELETE_ALL_EXPUNGES = "DELETE FROM expunges WHERE mailbox_id = :mailbox"
DELETE_ALL_KEYWORDS = "DELETE FROM mailbox_keywords WHERE mailbox_id = :mailbox"
DELETE_ALL_ANNOTATIONS = "DELETE FROM annotations WHERE mailbox_id = :mailbox"
DELETE_MAILBOX = "DELETE FROM mailboxes WHERE id = :mailbox"


def set_subscribed(statements: Statements, user_id: UserId, name: str, subscribed: bool) -> None:
    try:
        statements.run(SUBSCRIBE if subscribed else UNSUBSCRIBE, {"user": user_id, "name": name})
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            raise UserNotFound(str(user_id)) from error
        raise


def create_mailbox(
    statements: Statements,
    user_id: UserId,
    name: str,
    special_use: tuple[str, ...],
    subscribe: bool,
    within_quota: bool,
    now_s: int,
) -> Mailbox:
    row = statements.one(SELECT_PLACE_WITH_ROOM, {"user": user_id, "name": name})
    mailbox_id, selectable, left = row if row is not None else (None, None, None)
    if selectable:
        raise MailboxExists(name)
    above, parents = _parents(statements, user_id, name)
    if mailbox_id is None:
        require_mailboxes(left if within_quota else None, 1 + len(parents))
        for parent in parents:
            _add(statements, user_id, parent, now_s)
        mailbox_id = _add(statements, user_id, name, now_s, special_use=special_use)
    else:
        require_mailboxes(left if within_quota else None, 1)
        statements.run(
            MAKE_SELECTABLE,
            {
                "mailbox": mailbox_id,
                "uid_validity": _next_uid_validity(statements, user_id, now_s),
                "special_use": " ".join(special_use),
            },
        )
    _inherit(statements, user_id, above, [*parents, name])
    if subscribe:
        statements.run(SUBSCRIBE, {"user": user_id, "name": name})
    return mailbox(statements.all(SELECT_MAILBOX_BY_ID, {"mailbox": mailbox_id})[0])


def rename_mailbox(statements: Statements, user_id: UserId, source: str, target: str, now_s: int) -> None:
    _find(statements, user_id, source)
    if target.startswith(source + DELIMITER):
        raise MailboxNameInvalid(target, f"is below {source!r} itself")
    if statements.one(SELECT_PLACE, {"user": user_id, "name": target}) is not None:
        raise MailboxExists(target)
    above, parents = _parents(statements, user_id, target)
    if parents:
        row = statements.one(SELECT_ROOM, {"user": user_id})
        require_mailboxes(row[0] if row is not None else None, len(parents))
    for parent in parents:
        _add(statements, user_id, parent, now_s)
    _inherit(statements, user_id, above, parents)
    values = {"user": user_id, "name": source, "target": target}
    statements.run(RENAME_MAILBOX, values)
    statements.run(RENAME_BELOW, {**values, "length": len(source)})


def rename_inbox(statements: Statements, user_id: UserId, target: str, now_s: int) -> MoveOutcome:
    inbox, _ = _find(statements, user_id, INBOX)
    if statements.one(SELECT_PLACE, {"user": user_id, "name": target}) is not None:
        raise MailboxExists(target)
    created = create_mailbox(statements, user_id, target, (), False, True, now_s)
    statements.run(COPY_ANNOTATIONS, {"mailbox": inbox, "target": created.id})
    return move(statements, inbox, EVERYTHING, created.id, Rights.ALL, now_s)


def delete_mailbox(statements: Statements, user_id: UserId, name: str, now_s: int) -> None:
    mailbox_id, selectable = _find(statements, user_id, name)
    has_children = statements.one(SELECT_BELOW, {"user": user_id, "name": name}) is not None
    if has_children and not selectable:
        raise MailboxHasChildren(name)
    remove_mailbox(statements, mailbox_id, now_s)
    if has_children:
        # Under a new id, so that sessions that have it open see their mailbox gone.
        _add(statements, user_id, name, now_s, selectable=False)


def remove_mailbox(statements: Statements, mailbox_id: MailboxId, now_s: int) -> None:
    """With all that hangs on it; its bodies lose their references."""
    values = {"mailbox": mailbox_id}
    statements.run(UNREFER_ALL, {**values, "now_s": now_s})
    for statement in (
        DELETE_ALL_MESSAGES,
        DELETE_ALL_EXPUNGES,
        DELETE_ALL_KEYWORDS,
        DELETE_ALL_ANNOTATIONS,
        DELETE_MAILBOX,
    ):
        statements.run(statement, values)


def claim_recent(statements: Statements, mailbox_id: MailboxId, up_to: int) -> int:
    row = statements.one(SELECT_RECENT, {"mailbox": mailbox_id, "up_to": up_to})
    if row is None:
        raise MailboxNotFound(str(mailbox_id))
    before, after = row
    if after > before:
        statements.run(UPDATE_RECENT, {"mailbox": mailbox_id, "up_to": up_to})
    return int(before)


def _find(statements: Statements, user_id: UserId, name: str) -> tuple[MailboxId, bool]:
    place = statements.one(SELECT_PLACE, {"user": user_id, "name": name})
    if place is None:
        raise MailboxNotFound(name)
    return MailboxId(place[0]), bool(place[1])


def _parents(statements: Statements, user_id: UserId, name: str) -> tuple[MailboxId | None, list[str]]:
    """The nearest mailbox above, and the names of those that are missing between, highest first."""
    levels = name.split(DELIMITER)
    above, missing = None, []
    for depth in range(1, len(levels)):
        parent = DELIMITER.join(levels[:depth])
        place = statements.one(SELECT_PLACE, {"user": user_id, "name": parent})
        if place is None:
            missing.append(parent)
        else:
            above = MailboxId(place[0])
    return above, missing


def _inherit(statements: Statements, user_id: UserId, above: MailboxId | None, created: list[str]) -> None:
    """New mailboxes get the rights that the one above them has (RFC 4314 §4, CREATE)."""
    if above is not None and created:
        statements.run(INHERIT, {"user": user_id, "parent": above, "names": json.dumps(created)})


def _add(
    statements: Statements,
    user_id: UserId,
    name: str,
    now_s: int,
    *,
    special_use: tuple[str, ...] = (),
    selectable: bool = True,
) -> MailboxId:
    rowid = statements.insert(
        INSERT_MAILBOX,
        {
            "user": user_id,
            "name": name,
            "uid_validity": _next_uid_validity(statements, user_id, now_s),
            "special_use": " ".join(special_use),
            "selectable": selectable,
        },
    )
    return MailboxId(rowid)


def _next_uid_validity(statements: Statements, user_id: UserId, now_s: int) -> UidValidity:
    """Greater than any this address has had, also under an account that is gone (law 2)."""
    row = statements.one(NEXT_UID_VALIDITY, {"user": user_id, "now_s": now_s})
    if row is None:
        raise UserNotFound(str(user_id))
    return UidValidity(row[0])
