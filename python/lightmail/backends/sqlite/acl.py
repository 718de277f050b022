"""Access control lists (RFC 4314), and what their entries open to whom."""

from __future__ import annotations

from lightmail.backends.acl import changed, entries
from lightmail.backends.records import mailbox_columns
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.mailbox_row import MailboxRow
from lightmail.model import Delta, FlagOp, MailboxId, Rights

_COLUMNS = mailbox_columns("name")
SELECT_VISIBLE = f"""
    SELECT {_COLUMNS}, NULL, NULL, NULL FROM mailboxes AS m WHERE m.user_id = :user
    UNION ALL
    SELECT * FROM (
        SELECT {_COLUMNS}, u.address, a.identifier, a.rights
        FROM acl AS a JOIN mailboxes AS m ON m.id = a.mailbox_id JOIN users AS u ON u.id = m.user_id
        WHERE a.identifier IN (SELECT value FROM json_each(:identifiers)) AND m.user_id <> :user LIMIT :limit
    )
"""
SELECT_SHARED = f"""
    SELECT {_COLUMNS}, u.address, a.identifier, a.rights
    FROM users AS u JOIN mailboxes AS m ON m.user_id = u.id
    LEFT JOIN acl AS a ON a.mailbox_id = m.id AND a.identifier IN (SELECT value FROM json_each(:identifiers))
    WHERE u.address = :address AND m.name IN (SELECT value FROM json_each(:names))
"""
SELECT_ACL = "SELECT identifier, rights FROM acl WHERE mailbox_id = :mailbox"
PUT_ENTRY = """
    INSERT INTO acl (mailbox_id, identifier, rights) VALUES (:mailbox, :identifier, :rights)
    ON CONFLICT (mailbox_id, identifier) DO UPDATE SET rights = excluded.rights
"""
DELETE_ENTRY = "DELETE FROM acl WHERE mailbox_id = :mailbox AND identifier = :identifier"
INHERIT = """
    INSERT INTO acl (mailbox_id, identifier, rights)
    SELECT m.id, a.identifier, a.rights
    FROM acl AS a JOIN mailboxes AS m ON m.user_id = :user AND m.name IN (SELECT value FROM json_each(:names))
    WHERE a.mailbox_id = :parent
    ON CONFLICT DO NOTHING
"""
SELECT_ACLS_OF = """
    SELECT a.mailbox_id, a.identifier, a.rights
    FROM mailboxes AS m JOIN acl AS a ON a.mailbox_id = m.id WHERE m.user_id = :user
"""
DELETE_ACLS = "DELETE FROM acl WHERE mailbox_id IN (SELECT value FROM json_each(:ids))"
INSERT_ENTRY = "INSERT INTO acl (mailbox_id, identifier, rights) VALUES (?, ?, ?)"
DELETE_IDENTIFIERS = "DELETE FROM acl WHERE identifier IN (SELECT value FROM json_each(:identifiers))"


def change_acl(
    statements: Statements, mailbox_id: MailboxId, identifier: str, op: FlagOp, rights: Rights
) -> Delta | None:
    mailbox = MailboxRow.get(statements, mailbox_id)
    before = entries(statements.all(SELECT_ACL, {"mailbox": mailbox_id}))
    after = changed(before, identifier, op, rights)
    if after == dict(before).get(identifier, Rights.NONE):
        return None
    values = {"mailbox": mailbox_id, "identifier": identifier}
    if after:
        statements.run(PUT_ENTRY, {**values, "rights": after.letters})
    else:
        statements.run(DELETE_ENTRY, values)
    mailbox.save(statements)
    return mailbox.delta([])
