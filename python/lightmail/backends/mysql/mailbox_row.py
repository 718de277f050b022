"""The row of a mailbox inside a write transaction: locked and read first, changed once at the end, with its keywords.

mailbox = await lock(statements, mailbox_id)         # from here on its UIDs and its MODSEQ are ours (law 2)
... mailbox.take_uids(n), mailbox.modseq, mailbox.count(...) ...
await save(statements, [mailbox])                    # counters, UIDNEXT and HIGHESTMODSEQ of all in one statement

Whoever writes to a mailbox locks its row first, several in the order of their ids; what hangs on a mailbox (messages,
keywords, the expunge log) needs no lock of its own then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.mysql.answers import Row
from lightmail.backends.mysql.literals import Sql
from lightmail.backends.mysql.seal import SEAL, unsealed
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.quotas import room
from lightmail.backends.records import LIMITED, room_column
from lightmail.model import MailboxId

_KEYWORDS = (
    "SELECT GROUP_CONCAT(k.keyword ORDER BY k.bit SEPARATOR ' ') FROM mailbox_keywords AS k WHERE k.mailbox_id = m.id"
)
KEYWORDS = f"({_KEYWORDS})"
# What a statement reads without a lock is as old as its first such read: older than a row it waited for afterwards.
LOCKED_COLUMNS = f"""
    m.id, m.uid_validity, m.uid_next, m.highest_modseq, m.recent_from, ({_KEYWORDS} FOR UPDATE), m.user_id,
    {SEAL}
"""
_SEAL = 7
TARGET_COLUMNS = f"""
    {LOCKED_COLUMNS}, (SELECT 1 FROM users AS u WHERE u.id = m.user_id AND {LIMITED})
"""
"""Of a mailbox that messages arrive in."""
LIMITED_COLUMN = _SEAL + 1

# The index is named because the optimizer would rather lock every row of a small table.
LOCK_MAILBOXES = f"""
    SELECT {LOCKED_COLUMNS}
    FROM mailboxes AS m FORCE INDEX (PRIMARY) WHERE m.id IN %(mailboxes)s AND m.selectable
    ORDER BY m.id FOR UPDATE
"""

LOCK_TARGETS = f"""
    SELECT {TARGET_COLUMNS}
    FROM mailboxes AS m FORCE INDEX (PRIMARY) WHERE m.id IN %(mailboxes)s AND m.selectable
    ORDER BY m.id FOR UPDATE
"""

# Changes nothing: it goes with the next statement, as one that selects could not. The counters of the other mailboxes are
# read in a statement after it, so that what had been written before the lock came is seen.
LOCK_USERS = "UPDATE users FORCE INDEX (PRIMARY) SET enabled = enabled WHERE id IN %(users)s"
SELECT_ROOMS = f"""
    SELECT m.id, {room_column(lambda parts: f"CONCAT_WS(' ', {', '.join(parts)})")}
    FROM mailboxes AS m FORCE INDEX (PRIMARY) WHERE m.id IN %(mailboxes)s
"""

UPDATE_MAILBOXES_ALIKE = """
    UPDATE mailboxes
    SET uid_next = uid_next + %(taken)s, highest_modseq = highest_modseq + 1, messages = messages + %(messages)s,
        unseen = unseen + %(unseen)s, deleted = deleted + %(deleted)s, size_octets = size_octets + %(octets)s,
        recent = recent + %(recent)s
    WHERE id IN %(mailboxes)s
"""
UPDATE_MAILBOXES = """
    UPDATE (%(changes)s) AS c STRAIGHT_JOIN mailboxes AS m FORCE INDEX (PRIMARY) ON m.id = c.id
    SET m.uid_next = m.uid_next + c.taken, m.highest_modseq = m.highest_modseq + 1, m.messages = m.messages + c.messages,
        m.unseen = m.unseen + c.unseen, m.deleted = m.deleted + c.deleted, m.size_octets = m.size_octets + c.octets,
        m.recent = m.recent + c.recent
"""

INSERT_KEYWORD = "INSERT INTO mailbox_keywords (mailbox_id, bit, keyword) VALUES (%s, %s, %s)"

_COUNTERS = ("taken", "messages", "unseen", "deleted", "octets", "recent")


async def lock(
    statements: Statements, *mailbox_ids: MailboxId, arriving: bool = False, although_sealed: bool = False
) -> dict[MailboxId, MailboxChange]:
    """In the order given; one that is named twice is one. arriving: messages come to them, see `give_room`.
    Raises MailboxNotFound unless all are there, StoreSealed.
    """
    values = {"mailboxes": sorted(set(mailbox_ids))}
    rows = await statements.all(LOCK_TARGETS if arriving else LOCK_MAILBOXES, values)
    if not although_sealed:
        admit(rows)
    mailboxes = MailboxChange.in_order(mailbox_ids, rows)
    if arriving:
        limit(mailboxes, rows)
    return mailboxes


def limit(mailboxes: dict[MailboxId, MailboxChange], rows: Sequence[Row]) -> None:
    """rows: of TARGET_COLUMNS."""
    for row in rows:
        mailboxes[MailboxId(row[0])].limited = row[LIMITED_COLUMN] is not None


async def give_room(statements: Statements, mailboxes: Iterable[MailboxChange]) -> None:
    """Before messages arrive in these. Where there is a limit, the row of the account is locked after those of mailboxes:
    nothing else arrives in the account until this transaction has ended. Two statements then, and one round trip.
    """
    limited = {mailbox.id: mailbox for mailbox in mailboxes if mailbox.limited}
    if limited:
        users = sorted({mailbox.user_id for mailbox in limited.values()})
        await statements.later(LOCK_USERS, {"users": users})
        for mailbox_id, packed in await statements.all(SELECT_ROOMS, {"mailboxes": sorted(limited)}):
            limited[MailboxId(mailbox_id)].room = room(packed)


def admit(rows: Sequence[Row]) -> None:
    """rows: of LOCKED_COLUMNS. Raises StoreSealed."""
    if rows:
        unsealed(rows[0][_SEAL])


async def save(statements: Statements, mailboxes: Collection[MailboxChange]) -> None:
    """Write the rows, with COMMIT: it ends the change of these mailboxes."""
    added = [(mailbox.id, bit, word) for mailbox in mailboxes for bit, word in mailbox.keywords.added]
    if added:
        await statements.many(INSERT_KEYWORD, added, later=True)
    changes = {mailbox.id: tuple(getattr(mailbox, name) for name in _COUNTERS) for mailbox in mailboxes}
    distinct = set(changes.values())
    if len(distinct) == 1:
        # Most often: one mailbox, or one message for many recipients.
        values = dict(zip(_COUNTERS, distinct.pop(), strict=True), mailboxes=list(changes))
        await statements.later(UPDATE_MAILBOXES_ALIKE, values)
    else:
        await statements.later(UPDATE_MAILBOXES, {"changes": _table(changes)})


def _table(changes: dict[MailboxId, tuple[int, ...]]) -> Sql:
    """A derived table of id and _COUNTERS."""
    selects = [f"SELECT {mailbox_id}, {', '.join(map(str, counts))}" for mailbox_id, counts in changes.items()]
    names = " UNION ALL ".join(["SELECT 0 AS id, " + ", ".join(f"0 AS {name}" for name in _COUNTERS), *selects])
    return Sql(names.encode())
