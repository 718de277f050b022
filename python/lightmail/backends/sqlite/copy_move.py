"""COPY and MOVE: new rows in the target that share the bodies (RFC 9051 §6.4.7, §6.4.8). No body is read or written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from lightmail._core.index import UidSet
from lightmail.backends.groups import Group, moved_flags, take_copies, union
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.expunge import log_expunged, remove_rows
from lightmail.backends.sqlite.mailbox_row import MailboxRow
from lightmail.backends.sqlite.rows import pack_changed
from lightmail.backends.sqlite.selection import Chosen, OnChosen, census
from lightmail.model import CopyOutcome, MailboxId, MoveOutcome, Rights

_COPY = """
    INSERT INTO messages
        (mailbox_id, uid, body_id, flags, modseq, internaldate, internaldate_zone, savedate, size_octets, sent_date,
         sent_zone)
    SELECT :target, :first_uid - 1 + row_number() OVER (ORDER BY uid), body_id, {flags}, :modseq, internaldate,
        internaldate_zone, :savedate, size_octets, sent_date, sent_zone
    FROM messages WHERE mailbox_id = :mailbox AND {{chosen}}
"""

REFER = OnChosen.of("""
    UPDATE message_bodies SET reference_count = reference_count + shared.messages
    FROM (SELECT body_id, count(*) AS messages FROM messages WHERE mailbox_id = :mailbox AND {chosen}
          GROUP BY body_id) AS shared
    WHERE id = shared.body_id
""")


@lru_cache(maxsize=64)
def copy_statement(pairs: tuple[tuple[int, int], ...], allowed: int = -1) -> OnChosen:
    """pairs: (bit in the source, bit in the target) of the keywords in use. allowed: see `moved_flags`."""
    return OnChosen.of(_COPY.format(flags=moved_flags(pairs, allowed)))


def copy(
    statements: Statements, source: MailboxId, uids: UidSet, target: MailboxId, rights: Rights, now_s: int
) -> CopyOutcome:
    target_box = MailboxRow.get_target(statements, target)
    source_box = target_box if source == target else MailboxRow.get(statements, source)
    groups = census(statements, source, uids)
    if not groups:
        return CopyOutcome(target_box.uid_validity, UidSet(), UidSet(), None)
    chosen = union(groups)
    REFER.run(statements, Chosen.of(chosen, mailbox=source))
    copies = _insert_copies(statements, source_box, groups, chosen, target_box, rights, now_s)
    rows = pack_changed(statements, target, target_box.highest_modseq)
    target_box.save(statements)
    return CopyOutcome(target_box.uid_validity, chosen, copies, target_box.delta(rows))


def move(
    statements: Statements, source: MailboxId, uids: UidSet, target: MailboxId, rights: Rights, now_s: int
) -> MoveOutcome:
    """The bodies keep their count: each loses one reference and gains one. What stays in an account needs no room."""
    source_box = MailboxRow.get(statements, source)
    target_box = source_box if source == target else MailboxRow.get_target(statements, target)
    if target_box.user_id == source_box.user_id:
        target_box.room = None
    groups = census(statements, source, uids)
    if not groups:
        return MoveOutcome(target_box.uid_validity, UidSet(), UidSet(), None, None)
    chosen = union(groups)
    copies = _insert_copies(statements, source_box, groups, chosen, target_box, rights, now_s)
    remove_rows(statements, source_box, groups, chosen)
    log_expunged(statements, source_box, chosen)
    rows = pack_changed(statements, target, target_box.highest_modseq)
    source_box.save(statements)
    if source_box is target_box:
        return MoveOutcome(target_box.uid_validity, chosen, copies, source_box.delta(rows, chosen), None)
    target_box.save(statements)
    source_delta, target_delta = source_box.delta([], chosen), target_box.delta(rows)
    return MoveOutcome(target_box.uid_validity, chosen, copies, source_delta, target_delta)


def _insert_copies(
    statements: Statements,
    source: MailboxRow,
    groups: Sequence[Group],
    chosen: UidSet,
    target: MailboxRow,
    rights: Rights,
    now_s: int,
) -> UidSet:
    """The new UIDs, in the order of the old ones. Raises LimitExceeded."""
    copies = take_copies(source, groups, target, rights)
    values = {
        "mailbox": source.id,
        "target": target.id,
        "first_uid": copies.first_uid,
        "modseq": target.modseq,
        "savedate": now_s,
    }
    copy_statement(copies.pairs, copies.allowed).run(statements, Chosen.of(chosen, **values))
    return copies.uids
