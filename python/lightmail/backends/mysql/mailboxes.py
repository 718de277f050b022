"""The verbs on mailboxes (RFC 9051 §6.3).

What creates, renames or deletes locks the row of the account first: the tree of an account changes in one place at a
time, and what a verb has read of it stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lightmail.backends.groups import union
from lightmail.backends.mailbox_change import EVERYTHING
from lightmail.backends.mysql.acl import INHERIT
from lightmail.backends.mysql.annotating import COPY_ANNOTATIONS
from lightmail.backends.mysql.copy_move import move
from lightmail.backends.mysql.errors import NO_PARENT, Refused
from lightmail.backends.mysql.expunge import DELETE_MESSAGES, UNREFER
from lightmail.backends.mysql.literals import Sql
from lightmail.backends.mysql.seal import NOT_SEALED, SEAL, changed_or_unsealed, unsealed
from lightmail.backends.mysql.selection import PART, census, parts
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.quotas import require_mailboxes
from lightmail.backends.records import MAILBOX_ROOM, STATUS_COLUMNS, USAGE_COLUMNS, mailbox, mailbox_columns
from lightmail.errors import (
    MailboxExists,
    MailboxHasChildren,
    MailboxNameInvalid,
    MailboxNotFound,
    UserNotFound,
)
from lightmail.model import DELIMITER, INBOX, Mailbox, MailboxId, MoveOutcome, Rights, UserId

_MAILBOX = f"SELECT {mailbox_columns('name_octets')} FROM mailboxes AS m"
SELECT_MAILBOX_LIST = f"{_MAILBOX} WHERE m.user_id = %(user)s ORDER BY m.name_octets"
SELECT_MAILBOX_BY_NAME = f"{_MAILBOX} WHERE m.user_id = %(user)s AND m.name_octets = %(name)s"
SELECT_MAILBOXES_BY_NAME = f"{_MAILBOX} WHERE m.user_id IN %(users)s AND m.name_octets = %(name)s"
SELECT_SUBSCRIPTIONS = "SELECT name FROM subscriptions WHERE user_id = %(user)s"
SELECT_STATUS = f"SELECT {STATUS_COLUMNS} FROM mailboxes WHERE user_id = %(user)s AND name_octets = %(name)s"
SELECT_QUOTA = f"""
    SELECT u.quota_octets, u.quota_messages, u.quota_mailboxes, {USAGE_COLUMNS}
    FROM users AS u LEFT JOIN mailboxes AS o ON o.user_id = u.id WHERE u.id = %(user)s GROUP BY u.id
"""
SELECT_DELETED_OCTETS = """
    SELECT mailbox_id, SUM(size_octets) FROM messages FORCE INDEX (messages_deleted)
    WHERE mailbox_id IN %(mailboxes)s AND deleted = 1 GROUP BY mailbox_id ORDER BY NULL
"""
_RECENT_FROM = "FROM mailboxes WHERE id = %(mailbox)s AND selectable"
SELECT_RECENT = f"SELECT recent_from, LEAST(uid_next, %(up_to)s) {_RECENT_FROM}"
LOCK_RECENT = f"SELECT recent_from, LEAST(uid_next, %(up_to)s), {SEAL} {_RECENT_FROM} FOR UPDATE"

LOCK_USER = f"SELECT id, {SEAL} FROM users WHERE id = %(user)s FOR UPDATE"
LOCK_USER_WITH_ROOM = f"""
    SELECT id, {SEAL}, {MAILBOX_ROOM.format(user="%(user)s")} FROM users WHERE id = %(user)s FOR UPDATE
"""
SELECT_PLACES = """
    SELECT name, id, selectable FROM mailboxes WHERE user_id = %(user)s AND name_octets IN %(names)s
"""
_BELOW = "name_octets > %(after)s AND name_octets < %(before)s"
SELECT_BELOW = f"SELECT id FROM mailboxes WHERE user_id = %(user)s AND {_BELOW} LIMIT 1"
LOCK_MESSAGES = "SELECT messages FROM mailboxes WHERE id = %(mailbox)s FOR UPDATE"

# `more`: how many are taken beside the first.
TAKE_UID_VALIDITIES = """
    INSERT INTO uid_validities (address, last) SELECT address, %(now_s)s + %(more)s FROM users WHERE id = %(user)s
    ON DUPLICATE KEY UPDATE last = GREATEST(uid_validities.last + 1, %(now_s)s) + %(more)s
"""
SELECT_UID_VALIDITY = """
    SELECT v.last FROM users AS u JOIN uid_validities AS v ON v.address = u.address WHERE u.id = %(user)s
"""
INSERT_MAILBOX = """
    INSERT INTO mailboxes (user_id, name, uid_validity, special_use, selectable) VALUES (%s, %s, %s, %s, %s)
"""
MAKE_SELECTABLE = """
    UPDATE mailboxes SET selectable = 1, uid_validity = %(uid_validity)s, special_use = %(special_use)s
    WHERE id = %(mailbox)s
"""
RENAME_MAILBOXES = f"""
    UPDATE mailboxes SET name = CONCAT(%(target)s, SUBSTRING(name, %(rest)s))
    WHERE user_id = %(user)s AND (name_octets = %(name)s OR {_BELOW})
"""
SUBSCRIBE = "INSERT INTO subscriptions (user_id, name) VALUES (%(user)s, %(name)s) ON DUPLICATE KEY UPDATE name = name"
SUBSCRIBE_UNLESS_SEALED = f"""
    INSERT INTO subscriptions (user_id, name) SELECT %(user)s, %(name)s FROM DUAL WHERE {NOT_SEALED}
    ON DUPLICATE KEY UPDATE subscriptions.name = subscriptions.name
"""
UNSUBSCRIBE = f"DELETE FROM subscriptions WHERE user_id = %(user)s AND name_octets = %(name)s AND {NOT_SEALED}"
UPDATE_RECENT = """
    UPDATE mailboxes
    SET recent_from = LEAST(%(up_to)s, uid_next),
        recent = CASE WHEN %(up_to)s >= uid_next THEN 0 ELSE
            (SELECT COUNT(*) FROM messages FORCE INDEX (PRIMARY)
             WHERE mailbox_id = %(mailbox)s AND uid >= %(up_to)s) END
    WHERE id = %(mailbox)s
"""

DELETE_ALL_EXPUNGES = "DELETE FROM expunges WHERE mailbox_id = %(mailbox)s"
DELETE_ALL_KEYWORDS = "DELETE FROM mailbox_keywords WHERE mailbox_id = %(mailbox)s"
DELETE_ALL_ANNOTATIONS = "DELETE FROM annotations WHERE mailbox_id = %(mailbox)s"
DELETE_MAILBOX = "DELETE FROM mailboxes WHERE id = %(mailbox)s"


async def create_mailbox(
    statements: Statements,
    user_id: UserId,
    name: str,
    special_use: tuple[str, ...],
    subscribe: bool,
    within_quota: bool,
    now_s: int,
) -> Mailbox:
    left = await _lock_user_with_room(statements, user_id)
    if not within_quota:
        left = None
    places = await _places(statements, user_id, [name, *_parents(name)])
    attributes = " ".join(special_use)
    missing = [parent for parent in _parents(name) if parent not in places]
    if name not in places:
        require_mailboxes(left, 1 + len(missing))
        await _add(statements, user_id, [*((parent, "") for parent in missing), (name, attributes)], now_s)
    else:
        mailbox_id, selectable = places[name]
        if selectable:
            raise MailboxExists(name)
        require_mailboxes(left, 1)
        (uid_validity,) = await _take_uid_validities(statements, user_id, 1, now_s)
        values = {"mailbox": mailbox_id, "uid_validity": uid_validity, "special_use": attributes}
        await statements.later(MAKE_SELECTABLE, values)
    await _inherit(statements, user_id, name, places, [*missing, name])
    if subscribe:
        await statements.later(SUBSCRIBE, {"user": user_id, "name": name})
    return mailbox((await statements.all(SELECT_MAILBOX_BY_NAME, named(user_id, name)))[0])


async def rename_mailbox(statements: Statements, user_id: UserId, source: str, target: str, now_s: int) -> None:
    left = await _lock_user_with_room(statements, user_id)
    places = await _places(statements, user_id, [source, target, *_parents(target)])
    if source not in places:
        raise MailboxNotFound(source)
    if target.startswith(source + DELIMITER):
        raise MailboxNameInvalid(target, f"is below {source!r} itself")
    if target in places:
        raise MailboxExists(target)
    missing = [parent for parent in _parents(target) if parent not in places]
    if missing:
        require_mailboxes(left, len(missing))
        await _add(statements, user_id, [(parent, "") for parent in missing], now_s)
        await _inherit(statements, user_id, target, places, missing)
    values = {**_below(user_id, source), **named(user_id, source), "target": target, "rest": len(source) + 1}
    await statements.later(RENAME_MAILBOXES, values)


async def rename_inbox(statements: Statements, user_id: UserId, target: str, now_s: int) -> MoveOutcome:
    await lock_user(statements, user_id)
    places = await _places(statements, user_id, [INBOX, target])
    if INBOX not in places:
        raise MailboxNotFound(INBOX)
    if target in places:
        raise MailboxExists(target)
    created = await create_mailbox(statements, user_id, target, (), False, True, now_s)
    await statements.later(COPY_ANNOTATIONS, {"mailbox": places[INBOX][0], "target": created.id})
    return await move(statements, places[INBOX][0], EVERYTHING, created.id, Rights.ALL, now_s)


async def delete_mailbox(statements: Statements, user_id: UserId, name: str, now_s: int) -> None:
    await lock_user(statements, user_id)
    places = await _places(statements, user_id, [name])
    if name not in places:
        raise MailboxNotFound(name)
    mailbox_id, selectable = places[name]
    has_children = await statements.one(SELECT_BELOW, _below(user_id, name)) is not None
    if has_children and not selectable:
        raise MailboxHasChildren(name)
    await remove_mailbox(statements, mailbox_id)
    if has_children:
        # Under a new id, so that sessions that have it open see their mailbox gone.
        await _add(statements, user_id, [(name, "")], now_s, selectable=False)


async def remove_mailbox(statements: Statements, mailbox_id: MailboxId) -> None:
    """With all that hangs on it; its bodies lose their references."""
    values = {"mailbox": mailbox_id}
    ((messages,),) = await statements.all(LOCK_MESSAGES, values)
    if messages > PART:
        every = [chosen for chosen, _ in parts(union(await census(statements, mailbox_id, EVERYTHING)))]
    else:
        every = [Sql(b"TRUE")] if messages else []
    for chosen in every:
        await statements.run(UNREFER, {**values, "chosen": chosen, "now_s": statements.now_s})
        await statements.run(DELETE_MESSAGES, {**values, "chosen": chosen})
    await statements.run(DELETE_ALL_EXPUNGES, values)
    await statements.later(DELETE_ALL_KEYWORDS, values)
    await statements.later(DELETE_ALL_ANNOTATIONS, values)
    await statements.later(DELETE_MAILBOX, values)


async def set_subscribed(statements: Statements, user_id: UserId, name: str, subscribed: bool) -> None:
    if subscribed:
        try:
            changed = await statements.run(SUBSCRIBE_UNLESS_SEALED, {"user": user_id, "name": name})
        except Refused as error:
            if error.number == NO_PARENT:
                raise UserNotFound(str(user_id)) from error
            raise
    else:
        changed = await statements.run(UNSUBSCRIBE, named(user_id, name))
    await changed_or_unsealed(statements, changed)


async def claim_recent(statements: Statements, mailbox_id: MailboxId, up_to: int) -> int:
    values = {"mailbox": mailbox_id, "up_to": up_to}
    row = await statements.one(LOCK_RECENT, values)
    if row is None:
        raise MailboxNotFound(str(mailbox_id))
    before, after, seal = row
    unsealed(seal)
    if after > before:
        await statements.later(UPDATE_RECENT, values)
    return int(before)


async def lock_user(statements: Statements, user_id: UserId) -> bool:
    """Whether there is one. Raises StoreSealed."""
    row = await statements.one(LOCK_USER, {"user": user_id})
    if row is not None:
        unsealed(row[1])
    return row is not None


async def _lock_user_with_room(statements: Statements, user_id: UserId) -> int | None:
    """How many mailboxes it may still make; None: as many as it likes. Raises UserNotFound, StoreSealed."""
    row = await statements.one(LOCK_USER_WITH_ROOM, {"user": user_id})
    if row is None:
        raise UserNotFound(str(user_id))
    unsealed(row[1])
    return None if row[2] is None else int(row[2])


def named(user_id: UserId, name: str) -> dict[str, object]:
    """The values of a statement that finds a name by its octets."""
    return {"user": user_id, "name": name.encode()}


def _below(user_id: UserId, name: str) -> dict[str, object]:
    """What is below a name is one range of the index on names: "/" is followed by "0"."""
    return {
        "user": user_id,
        "after": f"{name}{DELIMITER}".encode(),
        "before": f"{name}{chr(ord(DELIMITER) + 1)}".encode(),
    }


def _parents(name: str) -> list[str]:
    """Highest first."""
    levels = name.split(DELIMITER)
    return [DELIMITER.join(levels[:depth]) for depth in range(1, len(levels))]


async def _places(statements: Statements, user_id: UserId, names: Iterable[str]) -> dict[str, tuple[MailboxId, bool]]:
    """Those of these names that are taken: by which mailbox, and whether it can be selected."""
    values = {"user": user_id, "names": [name.encode() for name in names]}
    rows = await statements.all(SELECT_PLACES, values)
    return {name: (MailboxId(mailbox_id), bool(selectable)) for name, mailbox_id, selectable in rows}


async def _add(
    statements: Statements,
    user_id: UserId,
    mailboxes: Sequence[tuple[str, str]],
    now_s: int,
    *,
    selectable: bool = True,
) -> None:
    """mailboxes: name and special use."""
    validities = await _take_uid_validities(statements, user_id, len(mailboxes), now_s)
    rows = [
        (user_id, name, uid_validity, special_use, selectable)
        for (name, special_use), uid_validity in zip(mailboxes, validities, strict=True)
    ]
    await statements.many(INSERT_MAILBOX, rows, later=True)


async def _inherit(
    statements: Statements,
    user_id: UserId,
    name: str,
    places: Mapping[str, tuple[MailboxId, bool]],
    created: Sequence[str],
) -> None:
    """New mailboxes get the rights that the nearest one above `name` has (RFC 4314 §4, CREATE)."""
    above = [places[parent][0] for parent in _parents(name) if parent in places]
    if above:
        names = [one.encode() for one in created]
        await statements.later(INHERIT, {"user": user_id, "parent": above[-1], "names": names})


async def _take_uid_validities(statements: Statements, user_id: UserId, count: int, now_s: int) -> range:
    """Greater than any this address has had, also under an account that is gone (law 2)."""
    await statements.later(TAKE_UID_VALIDITIES, {"user": user_id, "now_s": now_s, "more": count - 1})
    ((last,),) = await statements.all(SELECT_UID_VALIDITY, {"user": user_id})
    return range(last - count + 1, last + 1)
