"""Access control lists (RFC 4314), and what their entries open to whom."""

from __future__ import annotations

from lightmail.backends.acl import changed, entries
from lightmail.backends.mysql.mailbox_row import lock, save
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.records import mailbox_columns
from lightmail.model import Delta, FlagOp, MailboxId, Rights

_COLUMNS = mailbox_columns("name_octets")
SELECT_VISIBLE = f"""
    SELECT {_COLUMNS}, NULL, NULL, NULL FROM mailboxes AS m WHERE m.user_id = %(user)s
    UNION ALL
    (SELECT {_COLUMNS}, u.address, a.identifier, a.rights
    FROM acl AS a FORCE INDEX (acl_identifier)
    STRAIGHT_JOIN mailboxes AS m FORCE INDEX (PRIMARY) ON m.id = a.mailbox_id
    STRAIGHT_JOIN users AS u FORCE INDEX (PRIMARY) ON u.id = m.user_id
    WHERE a.identifier IN %(identifiers)s AND m.user_id <> %(user)s LIMIT %(limit)s)
"""
SELECT_SHARED = f"""
    SELECT {_COLUMNS}, u.address, a.identifier, a.rights
    FROM users AS u STRAIGHT_JOIN mailboxes AS m FORCE INDEX (mailboxes_name) ON m.user_id = u.id
    LEFT JOIN acl AS a ON a.mailbox_id = m.id AND a.identifier IN %(identifiers)s
    WHERE u.address = %(address)s AND m.name_octets IN %(names)s
"""
SELECT_ACL = "SELECT identifier, rights FROM acl WHERE mailbox_id = %(mailbox)s"
PUT_ENTRY = """
    INSERT INTO acl (mailbox_id, identifier, rights) VALUES (%(mailbox)s, %(identifier)s, %(rights)s)
    ON DUPLICATE KEY UPDATE rights = %(rights)s
"""
DELETE_ENTRY = "DELETE FROM acl WHERE mailbox_id = %(mailbox)s AND identifier = %(identifier)s"
INHERIT = """
    INSERT INTO acl (mailbox_id, identifier, rights)
    SELECT m.id, a.identifier, a.rights
    FROM acl AS a STRAIGHT_JOIN mailboxes AS m FORCE INDEX (mailboxes_name)
        ON m.user_id = %(user)s AND m.name_octets IN %(names)s
    WHERE a.mailbox_id = %(parent)s
    ON DUPLICATE KEY UPDATE acl.rights = acl.rights
"""
DELETE_IDENTIFIERS = "DELETE FROM acl WHERE identifier IN %(identifiers)s"
DELETE_ACLS = "DELETE FROM acl WHERE mailbox_id IN %(mailboxes)s"
INSERT_ENTRY = "INSERT INTO acl (mailbox_id, identifier, rights) VALUES (%s, %s, %s)"
SELECT_ACLS_OF = """
    SELECT a.mailbox_id, a.identifier, a.rights
    FROM mailboxes AS m STRAIGHT_JOIN acl AS a FORCE INDEX (PRIMARY) ON a.mailbox_id = m.id WHERE m.user_id = %(user)s
"""
SELECT_ACLS = "SELECT mailbox_id, identifier, rights FROM acl WHERE mailbox_id IN %(mailboxes)s"


async def change_acl(
    statements: Statements, mailbox_id: MailboxId, identifier: str, op: FlagOp, rights: Rights
) -> Delta | None:
    mailbox = (await lock(statements, mailbox_id))[mailbox_id]
    before = entries(await statements.all(SELECT_ACL, {"mailbox": mailbox_id}))
    after = changed(before, identifier, op, rights)
    if after == dict(before).get(identifier, Rights.NONE):
        return None
    values = {"mailbox": mailbox_id, "identifier": identifier}
    if after:
        await statements.later(PUT_ENTRY, {**values, "rights": after.letters})
    else:
        await statements.later(DELETE_ENTRY, values)
    await save(statements, [mailbox])
    return mailbox.delta([])
