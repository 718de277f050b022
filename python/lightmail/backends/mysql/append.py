"""APPEND and delivery: bodies, then the messages that name them, in one transaction (laws 1, 2 and 3).

Five statements for one message, however many mailboxes it goes to; a keyword that is new there takes a sixth.
"""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.arrivals import MESSAGE_COLUMNS, Arrivals
from lightmail.backends.mysql.mailbox_row import lock, save
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.records import SUMMARY_COLUMNS, body_row, summary_row
from lightmail.model import Appended, Delta, NewMessage

INSERT_BODY = """
    INSERT INTO message_bodies (object_key, raw_octets, stored_octets, digest, reference_count)
    VALUES (%s, %s, %s, %s, %s)
"""
SELECT_BODY_IDS = "SELECT object_key, id FROM message_bodies WHERE object_key IN %(keys)s"
INSERT_SUMMARY = f"""
    INSERT INTO message_summaries ({SUMMARY_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
INSERT_MESSAGE = f"INSERT INTO messages ({MESSAGE_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


async def append(statements: Statements, messages: Sequence[NewMessage]) -> tuple[list[Appended], list[Delta]]:
    """Raises MailboxNotFound, LimitExceeded."""
    arrivals = Arrivals(messages)
    mailboxes = await lock(statements, *arrivals.mailbox_ids)
    arrivals.place(mailboxes, await _add_bodies(statements, arrivals))
    await statements.many(INSERT_MESSAGE, arrivals.rows, later=True)
    await save(statements, mailboxes.values())
    return arrivals.answer()


async def _add_bodies(statements: Statements, arrivals: Arrivals) -> dict[str, int]:
    """Body ids by object key. Nothing is supposed of the order in which a server numbers several rows."""
    bodies, references = arrivals.bodies, arrivals.references
    if len(bodies) == 1:
        ((key, body),) = bodies.items()
        ids = {key: await statements.insert(INSERT_BODY, body_row(body, references[key]))}
    else:
        await statements.many(INSERT_BODY, [body_row(body, references[key]) for key, body in bodies.items()])
        ids = dict(await statements.all(SELECT_BODY_IDS, {"keys": list(bodies)}))
    summaries = [summary_row(ids[key], body) for key, body in bodies.items()]
    await statements.many(INSERT_SUMMARY, summaries, later=True)
    return ids
