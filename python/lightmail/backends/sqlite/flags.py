"""STORE: one flag operation on a set of messages (RFC 9051 §6.4.6, RFC 7162 §3.1.3).

Most often the set is one message; then its row comes together with the mailbox's, and three statements do.
"""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.keywords import Keywords, signed
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.mailbox_row import MAILBOX_COLUMNS, MailboxRow
from lightmail.backends.sqlite.rows import pack_changed, packed
from lightmail.backends.sqlite.selection import Chosen, OnChosen, census, union
from lightmail.errors import MailboxNotFound
from lightmail.model import FlagOp, FlagOutcome, MailboxId, ModSeq

SET_FLAGS = OnChosen.of("""
    UPDATE messages SET flags = (flags & :keep) | :add, modseq = :modseq
    WHERE mailbox_id = :mailbox AND {chosen}
""")

SELECT_ONE = f"""
    SELECT {MAILBOX_COLUMNS}, s.uid, s.size_octets, s.flags, s.modseq, s.body_id, s.internaldate, s.internaldate_zone,
        s.savedate, s.sent_date, s.sent_zone
    FROM mailboxes AS m LEFT JOIN messages AS s ON s.mailbox_id = m.id AND s.uid = :uid
    WHERE m.id = :mailbox AND m.selectable
"""
SET_FLAGS_OF_ONE = """
    UPDATE messages SET flags = :flags, modseq = :modseq WHERE mailbox_id = :mailbox AND uid = :uid
"""


def set_flags(
    statements: Statements,
    mailbox_id: MailboxId,
    uids: UidSet,
    op: FlagOp,
    flags: tuple[str, ...],
    unchanged_since: ModSeq | None,
) -> FlagOutcome:
    if len(uids) == 1:
        return _set_flags_of_one(statements, mailbox_id, uids, op, flags, unchanged_since)
    mailbox = MailboxRow.get(statements, mailbox_id)
    groups = census(statements, mailbox_id, uids, modseq=unchanged_since)
    allowed = [group for group in groups if not group.later]
    refused = union([group for group in groups if group.later])
    keep, add = _masks(mailbox.keywords, op, flags, create=bool(allowed))
    changed = [group for group in allowed if (group.flags & keep) | add != group.flags]
    if not changed:
        return FlagOutcome(UidSet(), refused, mailbox.highest_modseq, None)
    for group in changed:
        mailbox.count_reflagged(group.flags, (group.flags & keep) | add, group.messages)
    uids = union(changed)
    SET_FLAGS.run(statements, Chosen.of(uids, mailbox=mailbox_id, modseq=mailbox.modseq, keep=keep, add=add))
    rows = pack_changed(statements, mailbox_id, mailbox.highest_modseq)
    return FlagOutcome(uids, refused, mailbox.modseq, mailbox.save(statements, rows))


def _set_flags_of_one(
    statements: Statements,
    mailbox_id: MailboxId,
    uids: UidSet,
    op: FlagOp,
    flags: tuple[str, ...],
    unchanged_since: ModSeq | None,
) -> FlagOutcome:
    row = statements.one(SELECT_ONE, {"mailbox": mailbox_id, "uid": uids.first})
    if row is None:
        raise MailboxNotFound(str(mailbox_id))
    mailbox = MailboxRow(row)
    uid, size, before, modseq, *others = row[6:]
    if uid is None:
        return FlagOutcome(UidSet(), UidSet(), mailbox.highest_modseq, None)
    if unchanged_since is not None and modseq > unchanged_since:
        return FlagOutcome(UidSet(), uids, mailbox.highest_modseq, None)
    keep, add = _masks(mailbox.keywords, op, flags, create=True)
    after = (before & keep) | add
    if after == before:
        return FlagOutcome(UidSet(), UidSet(), mailbox.highest_modseq, None)
    mailbox.count_reflagged(before, after, 1)
    statements.run(SET_FLAGS_OF_ONE, {"mailbox": mailbox_id, "uid": uid, "flags": after, "modseq": mailbox.modseq})
    rows = [packed((uid, size, after, mailbox.modseq, *others))]
    return FlagOutcome(uids, UidSet(), mailbox.modseq, mailbox.save(statements, rows))


def _masks(keywords: Keywords, op: FlagOp, flags: tuple[str, ...], *, create: bool) -> tuple[int, int]:
    """(bits that stay, bits that are added). A keyword comes into being with the first message that gets it."""
    bits = keywords.bits_of(flags, create=create and op is not FlagOp.REMOVE)
    match op:
        case FlagOp.SET:
            return 0, bits
        case FlagOp.ADD:
            return -1, bits
        case FlagOp.REMOVE:
            return signed(~bits), 0
