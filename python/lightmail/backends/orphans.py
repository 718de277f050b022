"""Rights and annotations whose mailbox or account is gone, as conditions of statements; shared by the SQL backends."""

from __future__ import annotations

from lightmail.model import ANYONE, NOBODY, SERVER

_NO_MAILBOX = "NOT EXISTS (SELECT 1 FROM mailboxes AS m WHERE m.id = {table}.mailbox_id)"
_NO_USER = "NOT EXISTS (SELECT 1 FROM users AS u WHERE u.{column} = {value})"

# What takes rights away has "-" in front.
_RIGHTS_ORPHANED = f"""
    ({_NO_MAILBOX.format(table="acl")} OR (
        acl.identifier NOT IN ('{ANYONE}', '-{ANYONE}')
        AND {_NO_USER.format(column="address", value="acl.identifier")}
        AND (SUBSTR(acl.identifier, 1, 1) <> '-'
             OR {_NO_USER.format(column="address", value="SUBSTR(acl.identifier, 2)")})))
"""
_ANNOTATION_ORPHANED = f"""
    ((annotations.mailbox_id <> {SERVER} AND {_NO_MAILBOX.format(table="annotations")})
     OR (annotations.user_id <> {NOBODY} AND {_NO_USER.format(column="id", value="annotations.user_id")})
     OR (annotations.account_id <> {NOBODY} AND {_NO_USER.format(column="id", value="annotations.account_id")}))
"""

SELECT_RIGHTS = f"SELECT mailbox_id, identifier FROM acl WHERE {_RIGHTS_ORPHANED} ORDER BY mailbox_id, identifier"
SELECT_ANNOTATIONS = f"""
    SELECT mailbox_id, user_id, entry FROM annotations WHERE {_ANNOTATION_ORPHANED} ORDER BY mailbox_id, user_id, entry
"""
DELETE_RIGHTS = f"DELETE FROM acl WHERE mailbox_id IN {{mailboxes}} AND {_RIGHTS_ORPHANED}"
DELETE_ANNOTATIONS = f"DELETE FROM annotations WHERE mailbox_id IN {{mailboxes}} AND {_ANNOTATION_ORPHANED}"
