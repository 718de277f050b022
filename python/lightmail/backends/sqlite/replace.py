"""REPLACE: one message comes and one goes, in one transaction (RFC 8508)."""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.arrivals import Arrivals
from lightmail.backends.sqlite.append import INSERT_MESSAGE, add_bodies
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.expunge import UNREFER, log_expunged, remove_rows
from lightmail.backends.sqlite.mailbox_row import MailboxRow
from lightmail.backends.sqlite.selection import Chosen, census
from lightmail.model import MailboxId, NewMessage, ReplaceOutcome, Uid


def replace(statements: Statements, source: MailboxId, uid: Uid, message: NewMessage, now_s: int) -> ReplaceOutcome:
    arrivals = Arrivals([message])
    mailboxes = MailboxRow.get_targets(statements, list(dict.fromkeys([source, message.mailbox_id])))
    gone = UidSet([uid])
    groups = census(statements, source, gone)
    if not groups:
        return ReplaceOutcome(None, None, None)
    source_box = mailboxes[source]
    octets = sum(group.octets for group in groups)
    arrivals.place_for(mailboxes[message.mailbox_id], source_box, octets, add_bodies(statements, arrivals))
    statements.run(INSERT_MESSAGE, arrivals.rows[0])
    UNREFER.run(statements, Chosen.of(gone, mailbox=source, now_s=now_s))
    remove_rows(statements, source_box, groups, gone)
    log_expunged(statements, source_box, gone)
    for mailbox in mailboxes.values():
        mailbox.save(statements)
    return arrivals.replaced(source_box, gone)
