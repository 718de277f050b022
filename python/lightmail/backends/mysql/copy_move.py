"""COPY and MOVE: new rows in the target that share the bodies (RFC 9051 §6.4.7, §6.4.8). No body is read or written."""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.groups import Copying, moved_flags, take_copies, union
from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.mysql import selection
from lightmail.backends.mysql.expunge import remove_rows
from lightmail.backends.mysql.mailbox_row import lock, save
from lightmail.backends.mysql.rows import pack_stamped
from lightmail.backends.mysql.selection import census, conditions
from lightmail.backends.mysql.statements import Statements
from lightmail.model import CopyOutcome, MailboxId, MoveOutcome

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


def copy_statement(pairs: tuple[tuple[int, int], ...], *, consecutive: bool) -> str:
    """consecutive: the UIDs chosen are one range, and the new ones are as far apart. Otherwise they are counted, for
    which the server sorts them.
    """
    uid = "uid - %(first)s + %(first_uid)s" if consecutive else "%(first_uid)s - 1 + ROW_NUMBER() OVER (ORDER BY uid)"
    return _COPY.format(uid=uid, flags=moved_flags(pairs))


async def copy(statements: Statements, source: MailboxId, uids: UidSet, target: MailboxId, now_s: int) -> CopyOutcome:
    boxes = await lock(statements, source, target)
    target_box = boxes[target]
    groups = await census(statements, source, uids)
    if not groups:
        return CopyOutcome(target_box.uid_validity, UidSet(), UidSet(), None)
    chosen = union(groups)
    copies = take_copies(boxes[source], groups, target_box)
    await selection.run(statements, REFER, chosen, mailbox=source)
    await _insert_copies(statements, boxes[source], chosen, target_box, copies, now_s)
    rows = await pack_stamped(statements, target, target_box.modseq)
    await save(statements, [target_box])
    return CopyOutcome(target_box.uid_validity, chosen, copies.uids, target_box.delta(rows))


async def move(statements: Statements, source: MailboxId, uids: UidSet, target: MailboxId, now_s: int) -> MoveOutcome:
    """The bodies keep their count: each loses one reference and gains one."""
    boxes = await lock(statements, source, target)
    source_box, target_box = boxes[source], boxes[target]
    groups = await census(statements, source, uids)
    if not groups:
        return MoveOutcome(target_box.uid_validity, UidSet(), UidSet(), None, None)
    chosen = union(groups)
    copies = take_copies(source_box, groups, target_box)
    await _insert_copies(statements, source_box, chosen, target_box, copies, now_s)
    await remove_rows(statements, source_box, groups, chosen)
    rows = await pack_stamped(statements, target, target_box.modseq)
    await save(statements, boxes.values())
    if source_box is target_box:
        return MoveOutcome(target_box.uid_validity, chosen, copies.uids, source_box.delta(rows, chosen), None)
    source_delta, target_delta = source_box.delta([], chosen), target_box.delta(rows)
    return MoveOutcome(target_box.uid_validity, chosen, copies.uids, source_delta, target_delta)


async def _insert_copies(
    statements: Statements, source: MailboxChange, chosen: UidSet, target: MailboxChange, copies: Copying, now_s: int
) -> None:
    first_uid = copies.first_uid
    for condition, part in conditions(chosen):
        statement = copy_statement(copies.pairs, consecutive=len(part.ranges()) == 1)
        values = {
            "mailbox": source.id,
            "target": target.id,
            "first": part.first,
            "first_uid": first_uid,
            "modseq": target.modseq,
            "savedate": now_s,
            "chosen": condition,
        }
        await statements.run(statement, values)
        first_uid += len(part)
