"""Accounts, mailboxes, the expunge log and bodies as they are, out and in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from lightmail.backends.acl import by_mailbox
from lightmail.backends.annotations import mark
from lightmail.backends.mysql import acl, mailboxes
from lightmail.backends.mysql.annotating import PUT_ANNOTATION
from lightmail.backends.mysql.app_passwords import INSERT_APP_PASSWORD
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.literals import table
from lightmail.backends.mysql.mailbox_row import KEYWORDS
from lightmail.backends.mysql.reading import log_lines
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.packing import split_words
from lightmail.backends.records import (
    APP_PASSWORD_COLUMNS,
    STORED_BODY_COLUMNS,
    USER_COLUMNS,
    app_password,
    app_password_row,
    mailbox,
    mailbox_columns,
    stored_body,
    user,
    user_row,
)
from lightmail.errors import MailboxExists, UserExists, UserNotFound
from lightmail.model import (
    NOBODY,
    AccountRecord,
    Annotation,
    AppPassword,
    BodyId,
    Entries,
    ExpungeRange,
    Mailbox,
    MailboxId,
    MailboxRecord,
    ModSeq,
    StoredBodyRecord,
    User,
    UserId,
)
from lightmail.model.rights import own_identifiers

TOGETHER = 500
"""Rows that one statement puts in or changes."""

SELECT_USER_PAGE = f"SELECT {USER_COLUMNS} FROM users WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"
SELECT_ALIASES = "SELECT user_id, address FROM aliases WHERE user_id IN %(users)s"
SELECT_SUBSCRIBED = "SELECT user_id, name FROM subscriptions WHERE user_id IN %(users)s"
SELECT_ANNOTATED = "SELECT account_id, mailbox_id, entry, value FROM annotations WHERE account_id IN %(users)s"
SELECT_APP_PASSWORDS_OF = f"SELECT {APP_PASSWORD_COLUMNS} FROM app_passwords WHERE user_id IN %(users)s"
SELECT_LAST_VALIDITIES = """
    SELECT address, last FROM uid_validities FORCE INDEX (PRIMARY) WHERE address IN %(addresses)s
"""
SELECT_MAILBOX_RECORDS = f"""
    SELECT {mailbox_columns("name_octets")}, {KEYWORDS}
    FROM mailboxes AS m WHERE m.id > %(after)s ORDER BY m.id LIMIT %(limit)s
"""
SELECT_BODIES = f"""
    SELECT {STORED_BODY_COLUMNS}
    FROM message_bodies AS b FORCE INDEX (PRIMARY)
    STRAIGHT_JOIN message_summaries AS s FORCE INDEX (PRIMARY) ON s.body_id = b.id
    WHERE b.id IN %(bodies)s ORDER BY b.id
"""

LOCK_USERS = f"""
    SELECT {USER_COLUMNS} FROM users FORCE INDEX (PRIMARY) WHERE id IN %(users)s ORDER BY id FOR UPDATE
"""
SELECT_TAKEN_ADDRESS = """
    SELECT address FROM users WHERE address IN %(addresses)s AND id NOT IN %(users)s
    UNION ALL
    SELECT address FROM aliases WHERE address IN %(addresses)s AND user_id NOT IN %(users)s
    LIMIT 1
"""
# Addresses may be exchanged among those given: for the time being none of them has one. No address begins with a blank.
FREE_ADDRESSES = "UPDATE users SET address = CONCAT(' ', id) WHERE id IN %(users)s"
PUT_USERS = f"""
    INSERT INTO users ({USER_COLUMNS}) SELECT c.id, c.address, c.password_hash, c.enabled, c.created_s,
        c.administrator, c.quota_octets, c.quota_messages, c.quota_mailboxes, c.challenge_secrets
    FROM (%(rows)s) AS c
    ON DUPLICATE KEY UPDATE address = c.address, password_hash = c.password_hash, enabled = c.enabled,
        created_s = c.created_s, administrator = c.administrator, quota_octets = c.quota_octets,
        quota_messages = c.quota_messages, quota_mailboxes = c.quota_mailboxes,
        challenge_secrets = c.challenge_secrets
"""
DELETE_ALIASES = "DELETE FROM aliases WHERE user_id IN %(users)s"
DELETE_APP_PASSWORDS = "DELETE FROM app_passwords WHERE user_id IN %(users)s"
DELETE_ANNOTATIONS = "DELETE FROM annotations WHERE account_id IN %(users)s"
DELETE_SUBSCRIPTIONS = "DELETE FROM subscriptions WHERE user_id IN %(users)s"
INSERT_ALIAS = "INSERT INTO aliases (address, user_id) VALUES (%s, %s)"
INSERT_SUBSCRIPTION = "INSERT INTO subscriptions (user_id, name) VALUES (%s, %s)"
RAISE_UID_VALIDITIES = """
    INSERT INTO uid_validities (address, last) SELECT c.address, c.last FROM (%(rows)s) AS c
    ON DUPLICATE KEY UPDATE last = GREATEST(uid_validities.last, c.last)
"""

SELECT_MAILBOXES_OF = "SELECT id FROM mailboxes WHERE user_id IN %(users)s"
DELETE_USERS = "DELETE FROM users WHERE id IN %(users)s"

LOCK_THESE = """
    SELECT id, user_id, name, uid_validity, special_use, selectable, recent_from FROM mailboxes FORCE INDEX (PRIMARY)
    WHERE id IN %(mailboxes)s ORDER BY id FOR UPDATE
"""
SELECT_TAKEN_NAME = """
    SELECT m.name FROM (%(rows)s) AS c STRAIGHT_JOIN mailboxes AS m
        ON m.user_id = c.user_id AND m.name_octets = c.name_octets
    WHERE m.id NOT IN %(mailboxes)s LIMIT 1
"""
# As with addresses. No name has a control character.
FREE_NAMES = "UPDATE mailboxes SET name = CONCAT(CHAR(1 USING utf8mb4), id) WHERE id IN %(mailboxes)s"
PUT_MAILBOXES = """
    INSERT INTO mailboxes (id, user_id, name, uid_validity, special_use, selectable, recent_from)
    SELECT c.id, c.user_id, c.name, c.uid_validity, c.special_use, c.selectable, c.recent_from FROM (%(rows)s) AS c
    ON DUPLICATE KEY UPDATE user_id = c.user_id, name = c.name, uid_validity = c.uid_validity,
        special_use = c.special_use, selectable = c.selectable, recent_from = c.recent_from
"""
COUNT_RECENT = """
    UPDATE mailboxes AS m
    SET m.recent = (SELECT COUNT(*) FROM messages AS s FORCE INDEX (PRIMARY)
                    WHERE s.mailbox_id = m.id AND s.uid >= m.recent_from)
    WHERE m.id IN %(mailboxes)s
"""


# ---- out


async def account_records(database: MysqlDatabase, after: UserId, limit: int) -> list[AccountRecord]:
    async def read(statements: Statements) -> list[AccountRecord]:
        rows = await statements.all(SELECT_USER_PAGE, {"after": after, "limit": limit})
        return await _accounts(statements, [user(row, "") for row in rows])

    return await database.read(read)


async def _accounts(statements: Statements, users: Sequence[User]) -> list[AccountRecord]:
    """With what hangs on them."""
    if not users:
        return []
    values = {"users": [one.id for one in users], "addresses": [one.address for one in users]}
    aliases, subscriptions = defaultdict(list), defaultdict(list)
    annotations: defaultdict[int, list[Annotation]] = defaultdict(list)
    for account_id, mailbox_id, entry, value in await statements.all(SELECT_ANNOTATED, values):
        annotations[account_id].append(Annotation(MailboxId(mailbox_id), entry, bytes(value)))
    for user_id, address in await statements.all(SELECT_ALIASES, values):
        aliases[user_id].append(address)
    for user_id, name in await statements.all(SELECT_SUBSCRIBED, values):
        subscriptions[user_id].append(name)
    app_passwords: defaultdict[int, list[AppPassword]] = defaultdict(list)
    for password in map(app_password, await statements.all(SELECT_APP_PASSWORDS_OF, values)):
        app_passwords[password.user_id].append(password)
    last: dict[str, int] = dict(await statements.all(SELECT_LAST_VALIDITIES, values))
    return [
        AccountRecord(
            user=one,
            aliases=tuple(sorted(aliases[one.id])),
            subscriptions=tuple(sorted(subscriptions[one.id])),
            last_uid_validity=last.get(one.address, 0),
            annotations=tuple(sorted(annotations[one.id])),
            app_passwords=tuple(sorted(app_passwords[one.id])),
        )
        for one in users
    ]


async def mailbox_records(database: MysqlDatabase, after: MailboxId, limit: int) -> list[MailboxRecord]:
    async def read(statements: Statements) -> list[MailboxRecord]:
        rows = await statements.all(SELECT_MAILBOX_RECORDS, {"after": after, "limit": limit})
        given = {"mailboxes": [row[0] for row in rows]}
        acls = by_mailbox(await statements.all(acl.SELECT_ACLS, given)) if rows else {}
        return [MailboxRecord(mailbox(row), split_words(row[-1]), acls.get(row[0], ())) for row in rows]

    return await database.read(read)


async def account_acls(database: MysqlDatabase, user_id: UserId) -> dict[MailboxId, Entries]:
    return by_mailbox(await database.all(acl.SELECT_ACLS_OF, {"user": user_id}))


async def expunge_ranges(database: MysqlDatabase, mailbox_id: MailboxId, after: ModSeq) -> list[ExpungeRange]:
    lines = await database.read(lambda statements: log_lines(statements, mailbox_id, after))
    return [ExpungeRange(ModSeq(modseq), first_uid, last_uid) for modseq, first_uid, last_uid in lines]


async def body_records(database: MysqlDatabase, body_ids: Sequence[BodyId]) -> list[StoredBodyRecord]:
    if not body_ids:
        return []
    return [stored_body(row) for row in await database.all(SELECT_BODIES, {"bodies": sorted(set(body_ids))})]


# ---- in


async def put_accounts(statements: Statements, accounts: Sequence[AccountRecord]) -> None:
    """Those that are as they should be are left alone. Raises UserExists."""
    if not accounts:
        return
    owners: dict[str, UserId] = {}
    for account in accounts:
        for address in (account.user.address, *account.aliases):
            if owners.setdefault(address, account.user.id) != account.user.id:
                raise UserExists(address)
    given = {"users": sorted(account.user.id for account in accounts)}
    locked = [user(row, "") for row in await statements.all(LOCK_USERS, given)]
    taken = await statements.one(SELECT_TAKEN_ADDRESS, {**given, "addresses": list(owners)})
    if taken is not None:
        raise UserExists(taken[0])
    present = {record.user.id: record for record in await _accounts(statements, locked)}
    changed = [account for account in accounts if present.get(account.user.id) != account]
    renamed = [
        one.user.id
        for one in changed
        if one.user.id in present and present[one.user.id].user.address != one.user.address
    ]
    if renamed:
        await statements.run(FREE_ADDRESSES, {"users": renamed})
    ids = {"users": [account.user.id for account in changed]}
    await statements.later(DELETE_ALIASES, ids)
    await statements.later(DELETE_SUBSCRIPTIONS, ids)
    await statements.later(DELETE_ANNOTATIONS, ids)
    await statements.later(DELETE_APP_PASSWORDS, ids)
    await _put(statements, PUT_USERS, USER_COLUMNS.split(", "), [user_row(account.user) for account in changed])
    await statements.many(INSERT_ALIAS, [(alias, one.user.id) for one in changed for alias in one.aliases])
    await statements.many(INSERT_SUBSCRIPTION, [(one.user.id, name) for one in changed for name in one.subscriptions])
    passwords = [app_password_row(password) for one in changed for password in one.app_passwords]
    await statements.many(INSERT_APP_PASSWORD, passwords)
    annotated = [
        (
            each.mailbox_id,
            one.user.id if each.private else NOBODY,
            each.entry,
            mark(each.value),
            one.user.id,
            each.value,
        )
        for one in changed
        for each in one.annotations
    ]
    await statements.many(PUT_ANNOTATION, annotated)
    await _raise_uid_validities(statements, [(one.user.address, one.last_uid_validity) for one in changed])


async def drop_accounts(statements: Statements, user_ids: Sequence[UserId]) -> None:
    users = {"users": sorted(set(user_ids))}
    locked = await statements.all(LOCK_USERS, users)
    found = {"users": [row[0] for row in locked]}
    for mailbox_id in sorted(row[0] for row in await statements.all(SELECT_MAILBOXES_OF, found)):
        await mailboxes.remove_mailbox(statements, MailboxId(mailbox_id))
    identifiers = [identifier for row in locked for identifier in own_identifiers(row[1])]
    await statements.run(acl.DELETE_IDENTIFIERS, {"identifiers": identifiers})
    await statements.run(DELETE_ANNOTATIONS, found)
    # Aliases and subscriptions go with the row.
    await statements.run(DELETE_USERS, found)


async def put_mailboxes(statements: Statements, records: Sequence[MailboxRecord]) -> None:
    """Those that are as they should be are left alone. Raises UserNotFound, MailboxExists."""
    if not records:
        return
    boxes = [record.mailbox for record in records]
    rows = await statements.all(LOCK_USERS, {"users": sorted({box.user_id for box in boxes})})
    addresses = {row[0]: row[1] for row in rows}
    for box in boxes:
        if box.user_id not in addresses:
            raise UserNotFound(str(box.user_id))
    given = {"mailboxes": sorted(box.id for box in boxes)}
    present = {row[0]: row for row in await statements.all(LOCK_THESE, given)}
    changed = [row for row in map(_row, boxes) if present.get(row[0]) != row]
    await _require_free(statements, boxes, given)
    renamed = [row[0] for row in changed if row[0] in present and present[row[0]][1:3] != row[1:3]]
    if renamed:
        await statements.run(FREE_NAMES, {"mailboxes": renamed})
    names = ("id", "user_id", "name", "uid_validity", "special_use", "selectable", "recent_from")
    await _put(statements, PUT_MAILBOXES, names, changed)
    claimed = [row[0] for row in changed if row[0] in present and present[row[0]][-1] != row[-1]]
    if claimed:
        await statements.run(COUNT_RECENT, {"mailboxes": claimed})
    await _put_acls(statements, records, given)
    await _raise_uid_validities(statements, [(addresses[box.user_id], box.uid_validity) for box in boxes])


async def _put_acls(
    statements: Statements, records: Sequence[MailboxRecord], given: dict[str, list[MailboxId]]
) -> None:
    present: dict[MailboxId, dict[str, str]] = defaultdict(dict)
    for mailbox_id, identifier, letters in await statements.all(acl.SELECT_ACLS, given):
        present[mailbox_id][identifier] = letters
    wanted = {one.mailbox.id: {identifier: rights.letters for identifier, rights in one.acl} for one in records}
    changed = {mailbox_id: entries for mailbox_id, entries in wanted.items() if present[mailbox_id] != entries}
    if changed:
        await statements.run(acl.DELETE_ACLS, {"mailboxes": list(changed)})
        rows = [(box, *entry) for box, entries in changed.items() for entry in entries.items()]
        await statements.many(acl.INSERT_ENTRY, rows)


async def _require_free(statements: Statements, boxes: Sequence[Mailbox], given: dict[str, list[MailboxId]]) -> None:
    """Raises MailboxExists: one of the names is another mailbox's."""
    for at in range(0, len(boxes), TOGETHER):
        places = [(box.user_id, box.name.encode()) for box in boxes[at : at + TOGETHER]]
        row = await statements.one(SELECT_TAKEN_NAME, {**given, "rows": table(("user_id", "name_octets"), places)})
        if row is not None:
            raise MailboxExists(row[0])


async def drop_mailboxes(statements: Statements, mailbox_ids: Sequence[MailboxId]) -> None:
    for mailbox_id, *_ in await statements.all(LOCK_THESE, {"mailboxes": sorted(set(mailbox_ids))}):
        await mailboxes.remove_mailbox(statements, MailboxId(mailbox_id))


def _row(box: Mailbox) -> tuple[object, ...]:
    """As LOCK_THESE has it."""
    return (
        box.id,
        box.user_id,
        box.name,
        box.uid_validity,
        " ".join(box.special_use),
        int(box.selectable),
        box.recent_from,
    )


async def _raise_uid_validities(statements: Statements, given: Sequence[tuple[str, int]]) -> None:
    greatest: dict[str, int] = {}
    for address, last in given:
        greatest[address] = max(last, greatest.get(address, 0))
    rows = [(address, last) for address, last in sorted(greatest.items()) if last]
    await _put(statements, RAISE_UID_VALIDITIES, ("address", "last"), rows)


async def _put(statements: Statements, statement: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    for at in range(0, len(rows), TOGETHER):
        await statements.run(statement, {"rows": table(names, rows[at : at + TOGETHER])})
