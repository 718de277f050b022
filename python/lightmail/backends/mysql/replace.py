"""REPLACE: one message comes and one goes, in one transaction (RFC 8508)."""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.arrivals import Arrivals
from lightmail.backends.groups import Group
from lightmail.backends.mysql import selection
from lightmail.backends.mysql.append import INSERT_MESSAGE, add_bodies
from lightmail.backends.mysql.expunge import UNREFER, remove_rows
from lightmail.backends.mysql.mailbox_row import give_room, save
from lightmail.backends.mysql.selection import lock_with_one
from lightmail.backends.mysql.statements import Statements
from lightmail.model import MailboxId, NewMessage, ReplaceOutcome, Uid


async def replace(
    statements: Statements, source: MailboxId, uid: Uid, message: NewMessage, _now_s: int
) -> ReplaceOutcome:
    arrivals = Arrivals([message])
    others = [] if message.mailbox_id == source else [message.mailbox_id]
    mailboxes, row = await lock_with_one(statements, uid, source, *others, arriving=True)
    if row is None:
        return ReplaceOutcome(None, None, None)
    source_box, gone = mailboxes[source], UidSet([uid])
    await give_room(statements, [mailboxes[message.mailbox_id]])
    bodies = await add_bodies(statements, arrivals)
    arrivals.place_for(mailboxes[message.mailbox_id], source_box, row[1], bodies)
    await statements.many(INSERT_MESSAGE, arrivals.rows, later=True)
    await selection.run(statements, UNREFER, gone, mailbox=source, now_s=statements.now_s)
    await remove_rows(statements, source_box, [Group(row[2], False, 1, row[1], gone)], gone)
    await save(statements, mailboxes.values())
    return arrivals.replaced(source_box, gone)
