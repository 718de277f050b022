"""APPEND and delivery: bodies, then the messages that name them, in one transaction (laws 1, 2 and 3).

Five statements for one message, however many mailboxes it goes to; a keyword that is new there takes a sixth,
and accounts with a limit take two more.

After a COMMIT whose outcome is not known it is settled: the same again, unless the body's key is there. The rows of the mailboxes
are locked before that is looked at, so a COMMIT that is still under way on this server is waited for; one that comes from
another node of a cluster, and is not here yet, changes the same rows as this transaction, so one of the two fails.
"""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.arrivals import MESSAGE_COLUMNS, Arrivals
from lightmail.backends.mysql.mailbox_row import give_room, lock, save
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.records import SUMMARY_COLUMNS, body_row, summary_row
from lightmail.errors import MailboxNotFound, StoreSealed
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


Answer = tuple[list[Appended], list[Delta]]


class Appending:
    """Some messages, which are added once, however often `run` is committed."""

    def __init__(self, messages: Sequence[NewMessage]) -> None:
        self._messages = messages
        self._last: Answer | None = None
        self._perhaps: dict[int, Answer] = {}
        """What may have been committed, by the id that it gave to the first body."""

    def unknown(self) -> None:
        """The last `run` may have been committed."""
        if self._last is not None:
            self._perhaps[self._last[0][0].body_id] = self._last

    async def run(self, statements: Statements) -> Answer:
        """In a transaction. Raises MailboxNotFound, LimitExceeded, OverQuota."""
        arrivals = Arrivals(self._messages)
        try:
            mailboxes = await lock(statements, *arrivals.mailbox_ids, arriving=True)
        except (MailboxNotFound, StoreSealed):
            # Since then, perhaps. Those that are there are locked.
            earlier = await self._earlier(statements)
            if earlier is None:
                raise
            return earlier
        earlier = await self._earlier(statements)
        if earlier is None:
            await give_room(statements, mailboxes.values())
            arrivals.place(mailboxes, await add_bodies(statements, arrivals))
            await statements.many(INSERT_MESSAGE, arrivals.rows, later=True)
            await save(statements, mailboxes.values())
        self._last = earlier or arrivals.answer()
        return self._last

    async def _earlier(self, statements: Statements) -> Answer | None:
        if not self._perhaps:
            return None
        rows = await statements.all(SELECT_BODY_IDS, {"keys": [self._messages[0].body.object_key]})
        return self._perhaps[rows[0][1]] if rows else None


async def add_bodies(statements: Statements, arrivals: Arrivals) -> dict[str, int]:
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
