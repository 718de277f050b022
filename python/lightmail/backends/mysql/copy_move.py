"""COPY and MOVE: new rows in the target that share the bodies (RFC 9051 §6.4.7, §6.4.8). No body is read or written."""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.groups import copied, moved_flags, take_copies, union
from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.mysql import selection
from lightmail.backends.mysql.expunge import remove_rows
from lightmail.backends.mysql.mailbox_row import give_room, save
from lightmail.backends.mysql.rows import pack_stamped
from lightmail.backends.mysql.selection import Chosen, lock_chosen, parts
from lightmail.backends.mysql.statements import Statements
from lightmail.model import CopyOutcome, MailboxId, MoveOutcome, Rights

_COPY = """
    INSERT INTO messages
        (mailbox_id, uid, body_id, flags, modseq, internaldate, internaldate_zone, savedate, size_octets, sent_date,
         sent_zone)
    SELECT %(target)s, {uid}, body_id, CAST({flags} AS SIGNED), %(modseq)s, internaldate, internaldate_zone,
        %(savedate)s, size_octets, sent_date, sent_zone
    FROM messages WHERE mailbox_id = %(mailbox)s AND %(chosen)s
"""

REFER = """
    UPDATE (SELECT body_id, COUNT(*) AS messages FROM messages WHERE mailbox_id = %(mailbox)s AND %(chosen)s
            GROUP BY body_id ORDER BY NULL) AS shared
    STRAIGHT_JOIN message_bodies AS b FORCE INDEX (PRIMARY) ON b.id = shared.body_id
    SET b.reference_count = b.reference_count + shared.messages
"""


def copy_statement(pairs: tuple[tuple[int, int], ...], allowed: int = -1, *, consecutive: bool) -> str:
    """allowed: see `moved_flags`. consecutive: the UIDs chosen are one range, and the new ones are as far apart. Otherwise
    they are counted, for which the server sorts them.
    """
    uid = "uid - %(first)s + %(first_uid)s" if consecutive else "%(first_uid)s - 1 + ROW_NUMBER() OVER (ORDER BY uid)"
    return _COPY.format(uid=uid, flags=moved_flags(pairs, allowed))


async def copy(
    statements: Statements, source: MailboxId, uids: UidSet, target: MailboxId, rights: Rights, now_s: int
) -> CopyOutcome:
    chosen = await lock_chosen(statements, uids, source, target, arriving=True)
    target_box = chosen.mailboxes[target]
    if not chosen.groups:
        return CopyOutcome(target_box.uid_validity, UidSet(), UidSet(), None)
    originals = union(chosen.groups)
    await give_room(statements, [target_box])
    await selection.run(statements, REFER, originals, mailbox=source)
    copies, rows = await _insert_copies(statements, chosen, originals, source, target_box, rights, now_s)
    await save(statements, [target_box])
    return CopyOutcome(target_box.uid_validity, originals, copies, target_box.delta(rows))


async def move(
    statements: Statements, source: MailboxId, uids: UidSet, target: MailboxId, rights: Rights, now_s: int
) -> MoveOutcome:
    """The bodies keep their count: each loses one reference and gains one. What stays in an account needs no room."""
    chosen = await lock_chosen(statements, uids, source, target, arriving=True)
    source_box, target_box = chosen.mailboxes[source], chosen.mailboxes[target]
    if not chosen.groups:
        return MoveOutcome(target_box.uid_validity, UidSet(), UidSet(), None, None)
    if source_box.user_id != target_box.user_id:
        await give_room(statements, [target_box])
    originals = union(chosen.groups)
    copies, rows = await _insert_copies(statements, chosen, originals, source, target_box, rights, now_s)
    await remove_rows(statements, source_box, chosen.groups, originals)
    await save(statements, chosen.mailboxes.values())
    if source_box is target_box:
        return MoveOutcome(target_box.uid_validity, originals, copies, source_box.delta(rows, originals), None)
    source_delta, target_delta = source_box.delta([], originals), target_box.delta(rows)
    return MoveOutcome(target_box.uid_validity, originals, copies, source_delta, target_delta)


async def _insert_copies(
    statements: Statements,
    chosen: Chosen,
    originals: UidSet,
    source: MailboxId,
    target: MailboxChange,
    rights: Rights,
    now_s: int,
) -> tuple[UidSet, list[str]]:
    """The new UIDs, in the order of the old ones, and blocks of the new rows. Raises LimitExceeded."""
    copies = take_copies(chosen.mailboxes[source], chosen.groups, target, rights)
    first_uid = copies.first_uid
    for condition, part in parts(originals):
        statement = copy_statement(copies.pairs, copies.allowed, consecutive=len(part.ranges()) == 1)
        values = {
            "mailbox": source,
            "target": target.id,
            "first": part.first,
            "first_uid": first_uid,
            "modseq": target.modseq,
            "savedate": now_s,
            "chosen": condition,
        }
        await (statements.run if chosen.row is None else statements.later)(statement, values)
        first_uid += len(part)
    if chosen.row is not None:
        return copies.uids, [copied(chosen.row, copies, target.modseq, now_s)]
    return copies.uids, await pack_stamped(statements, target.id, target.modseq)
