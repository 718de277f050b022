"""Rights and annotations of mailboxes and accounts that are gone."""

from __future__ import annotations

import json

from lightmail.backends import orphans
from lightmail.backends.sqlite.connection import Statements
from lightmail.model import MailboxId, Orphans, UserId

_MAILBOXES = "(SELECT value FROM json_each(:mailboxes))"
SELECT_RIGHTS = f"{orphans.SELECT_RIGHTS} LIMIT :limit"
SELECT_ANNOTATIONS = f"{orphans.SELECT_ANNOTATIONS} LIMIT :limit"
DELETE_RIGHTS = orphans.DELETE_RIGHTS.format(mailboxes=_MAILBOXES)
DELETE_ANNOTATIONS = orphans.DELETE_ANNOTATIONS.format(mailboxes=_MAILBOXES)


def find(statements: Statements, limit: int) -> Orphans:
    rights = statements.all(SELECT_RIGHTS, {"limit": limit})
    annotations = statements.all(SELECT_ANNOTATIONS, {"limit": limit})
    return Orphans(
        [(MailboxId(mailbox_id), identifier) for mailbox_id, identifier in rights],
        [(MailboxId(mailbox_id), UserId(user_id), entry) for mailbox_id, user_id, entry in annotations],
    )


def drop(statements: Statements, found: Orphans) -> None:
    mailboxes = json.dumps(sorted({mailbox_id for mailbox_id, _ in found.rights}))
    statements.run(DELETE_RIGHTS, {"mailboxes": mailboxes})
    mailboxes = json.dumps(sorted({mailbox_id for mailbox_id, *_ in found.annotations}))
    statements.run(DELETE_ANNOTATIONS, {"mailboxes": mailboxes})
