"""Accounts and mailboxes as they are, out and in."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lightmail.backends.acl import entries
from lightmail.backends.annotations import mark
from lightmail.backends.packing import split_words
from lightmail.backends.records import (
    USER_COLUMNS,
    app_password,
    app_password_row,
    mailbox,
    mailbox_columns,
    user,
    user_row,
)
from lightmail.backends.sqlite import acl
from lightmail.backends.sqlite.annotating import PUT_ANNOTATION
from lightmail.backends.sqlite.app_passwords import INSERT_APP_PASSWORD
from lightmail.backends.sqlite.connection import Row, Statements
from lightmail.backends.sqlite.mailbox_row import KEYWORDS
from lightmail.backends.sqlite.mailboxes import remove_mailbox
from lightmail.errors import MailboxExists, UserExists, UserNotFound
from lightmail.model import NOBODY, AccountRecord, Annotation, MailboxId, MailboxRecord, UserId
from lightmail.model.rights import own_identifiers

SELECT_ACCOUNTS = f"""
    SELECT {USER_COLUMNS},
        (SELECT json_group_array(address) FROM (SELECT address FROM aliases WHERE user_id = u.id ORDER BY address)),
        (SELECT json_group_array(name) FROM (SELECT name FROM subscriptions WHERE user_id = u.id ORDER BY name)),
        coalesce((SELECT last FROM uid_validities AS v WHERE v.address = u.address), 0),
        (SELECT json_group_array(json_array(mailbox_id, entry, hex(value)))
         FROM (SELECT mailbox_id, entry, value FROM annotations WHERE account_id = u.id)),
        (SELECT json_group_array(json_array(hex(digest), user_id, label, scopes, created_s, last_used_s))
         FROM (SELECT * FROM app_passwords WHERE user_id = u.id ORDER BY label))
    FROM users AS u WHERE id > :after ORDER BY id LIMIT :limit
"""
SELECT_MAILBOX_RECORDS = f"""
    SELECT {mailbox_columns("name")}, {KEYWORDS},
        (SELECT json_group_array(json_array(identifier, rights)) FROM acl WHERE mailbox_id = m.id)
    FROM mailboxes AS m WHERE m.id > :after ORDER BY m.id LIMIT :limit
"""

_GIVEN = "(SELECT value FROM json_each(:ids))"
SELECT_TAKEN_ADDRESS = f"""
    SELECT address FROM users
    WHERE address IN (SELECT value FROM json_each(:addresses)) AND id NOT IN {_GIVEN}
    UNION ALL
    SELECT address FROM aliases
    WHERE address IN (SELECT value FROM json_each(:addresses)) AND user_id NOT IN {_GIVEN}
    LIMIT 1
"""
# Addresses may be exchanged among those given: for the time being none of them has one. No address has a blank.
FREE_ADDRESSES = f"UPDATE users SET address = ' ' || id WHERE id IN {_GIVEN}"
PUT_USER = f"""
    INSERT INTO users ({USER_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET address = excluded.address, password_hash = excluded.password_hash,
        enabled = excluded.enabled, created_s = excluded.created_s, administrator = excluded.administrator,
        quota_octets = excluded.quota_octets, quota_messages = excluded.quota_messages,
        quota_mailboxes = excluded.quota_mailboxes, challenge_secrets = excluded.challenge_secrets
"""
DELETE_ALIASES = f"DELETE FROM aliases WHERE user_id IN {_GIVEN}"
DELETE_ANNOTATIONS = f"DELETE FROM annotations WHERE account_id IN {_GIVEN}"
DELETE_APP_PASSWORDS = f"DELETE FROM app_passwords WHERE user_id IN {_GIVEN}"
DELETE_SUBSCRIPTIONS = f"DELETE FROM subscriptions WHERE user_id IN {_GIVEN}"
INSERT_ALIAS = "INSERT INTO aliases (address, user_id) VALUES (?, ?)"
INSERT_SUBSCRIPTION = "INSERT INTO subscriptions (user_id, name) VALUES (?, ?)"
RAISE_UID_VALIDITY = """
    INSERT INTO uid_validities (address, last) VALUES (?, ?)
    ON CONFLICT (address) DO UPDATE SET last = max(last, excluded.last)
"""
SELECT_MAILBOXES_OF = f"SELECT id FROM mailboxes WHERE user_id IN {_GIVEN}"
DELETE_USERS = f"DELETE FROM users WHERE id IN {_GIVEN} RETURNING address"

SELECT_USERS_FOUND = "SELECT id, address FROM users WHERE id IN (SELECT value FROM json_each(:users))"
SELECT_TAKEN_NAME = f"""
    SELECT m.name FROM json_each(:places) AS place CROSS JOIN mailboxes AS m
    WHERE m.user_id = place.value ->> 0 AND m.name = place.value ->> 1 AND m.id NOT IN {_GIVEN} LIMIT 1
"""
# As with addresses. A name has no control characters.
FREE_NAMES = f"UPDATE mailboxes SET name = char(1) || id WHERE id IN {_GIVEN}"
PUT_MAILBOX = """
    INSERT INTO mailboxes (id, user_id, name, uid_validity, special_use, selectable, recent_from)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, name = excluded.name,
        uid_validity = excluded.uid_validity, special_use = excluded.special_use, selectable = excluded.selectable,
        recent_from = excluded.recent_from
"""
COUNT_RECENT = f"""
    UPDATE mailboxes
    SET recent = (SELECT count(*) FROM messages WHERE mailbox_id = mailboxes.id AND uid >= mailboxes.recent_from)
    WHERE id IN {_GIVEN}
"""


# ---- out


def account_record(row: Row) -> AccountRecord:
    """row: of SELECT_ACCOUNTS."""
    aliases, subscriptions, last, annotations, app_passwords = row[10:]
    placed = tuple(
        sorted(
            Annotation(MailboxId(mailbox_id), entry, bytes.fromhex(value))
            for mailbox_id, entry, value in json.loads(annotations)
        )
    )
    kept = tuple(app_password((bytes.fromhex(digest), *rest)) for digest, *rest in json.loads(app_passwords))
    addresses, names = tuple(json.loads(aliases)), tuple(json.loads(subscriptions))
    return AccountRecord(user(row[:10], ""), addresses, names, last, placed, kept)


def mailbox_record(row: Row) -> MailboxRecord:
    """row: of SELECT_MAILBOX_RECORDS."""
    return MailboxRecord(mailbox(row), split_words(row[-2]), entries(json.loads(row[-1])))


# ---- in


def put_accounts(statements: Statements, accounts: Sequence[AccountRecord]) -> None:
    """Raises UserExists."""
    owners: dict[str, UserId] = {}
    for account in accounts:
        for address in (account.user.address, *account.aliases):
            if owners.setdefault(address, account.user.id) != account.user.id:
                raise UserExists(address)
    given = {"ids": json.dumps([account.user.id for account in accounts])}
    taken = statements.one(SELECT_TAKEN_ADDRESS, {**given, "addresses": json.dumps(list(owners))})
    if taken is not None:
        raise UserExists(taken[0])
    for statement in (FREE_ADDRESSES, DELETE_ALIASES, DELETE_SUBSCRIPTIONS, DELETE_ANNOTATIONS, DELETE_APP_PASSWORDS):
        statements.run(statement, given)
    statements.many(PUT_USER, [user_row(account.user) for account in accounts])
    passwords = [app_password_row(password) for account in accounts for password in account.app_passwords]
    statements.many(INSERT_APP_PASSWORD, passwords)
    statements.many(INSERT_ALIAS, [(alias, one.user.id) for one in accounts for alias in one.aliases])
    statements.many(INSERT_SUBSCRIPTION, [(one.user.id, name) for one in accounts for name in one.subscriptions])
    statements.many(
        PUT_ANNOTATION,
        [
            (
                each.mailbox_id,
                one.user.id if each.private else NOBODY,
                each.entry,
                mark(each.value),
                one.user.id,
                each.value,
            )
            for one in accounts
            for each in one.annotations
        ],
    )
    lasts = [(one.user.address, one.last_uid_validity) for one in accounts if one.last_uid_validity]
    statements.many(RAISE_UID_VALIDITY, lasts)


def drop_accounts(statements: Statements, user_ids: Sequence[UserId], now_s: int) -> None:
    given = {"ids": json.dumps(user_ids)}
    for (mailbox_id,) in statements.all(SELECT_MAILBOXES_OF, given):
        remove_mailbox(statements, MailboxId(mailbox_id), now_s)
    statements.run(DELETE_ANNOTATIONS, given)
    # Aliases and subscriptions go with the row.
    gone = [identifier for (address,) in statements.all(DELETE_USERS, given) for identifier in own_identifiers(address)]
    statements.run(acl.DELETE_IDENTIFIERS, {"identifiers": json.dumps(gone)})


def put_mailboxes(statements: Statements, records: Sequence[MailboxRecord]) -> None:
    """Raises UserNotFound, MailboxExists."""
    boxes = [record.mailbox for record in records]
    given = {"ids": json.dumps([box.id for box in boxes])}
    rows = statements.all(SELECT_USERS_FOUND, {"users": json.dumps(sorted({box.user_id for box in boxes}))})
    addresses = {UserId(user_id): address for user_id, address in rows}
    for box in boxes:
        if box.user_id not in addresses:
            raise UserNotFound(str(box.user_id))
    places = json.dumps([(box.user_id, box.name) for box in boxes])
    taken = statements.one(SELECT_TAKEN_NAME, {**given, "places": places})
    if taken is not None:
        raise MailboxExists(taken[0])
    statements.run(FREE_NAMES, given)
    statements.many(
        PUT_MAILBOX,
        [
            (
                box.id,
                box.user_id,
                box.name,
                box.uid_validity,
                " ".join(box.special_use),
                box.selectable,
                box.recent_from,
            )
            for box in boxes
        ],
    )
    statements.run(COUNT_RECENT, given)
    statements.run(acl.DELETE_ACLS, given)
    statements.many(
        acl.INSERT_ENTRY, [(one.mailbox.id, who, rights.letters) for one in records for who, rights in one.acl]
    )
    statements.many(RAISE_UID_VALIDITY, [(addresses[box.user_id], box.uid_validity) for box in boxes])


def drop_mailboxes(statements: Statements, mailbox_ids: Sequence[MailboxId], now_s: int) -> None:
    for mailbox_id in mailbox_ids:
        remove_mailbox(statements, mailbox_id, now_s)
