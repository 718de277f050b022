"""STORE: one flag operation on a set of messages (RFC 9051 §6.4.6, RFC 7162 §3.1.3)."""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.backends.keywords import signed
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.mailbox_row import MailboxRow
from lightmail.backends.sqlite.rows import pack_changed
from lightmail.backends.sqlite.selection import Chosen, OnChosen, census, union
from lightmail.model import FlagOp, FlagOutcome, MailboxId, ModSeq

SET_FLAGS = OnChosen.of("""
    UPDATE messages SET flags = (flags & :keep) | :add, modseq = :modseq
    WHERE mailbox_id = :mailbox AND {chosen}
""")


def set_flags(
    statements: Statements,
    mailbox_id: MailboxId,
    uids: UidSet,
    op: FlagOp,
    flags: tuple[str, ...],
    unchanged_since: ModSeq | None,
) -> FlagOutcome:
    mailbox = MailboxRow.get(statements, mailbox_id)
    groups = census(statements, mailbox_id, uids, modseq=unchanged_since)
    allowed = [group for group in groups if not group.later]
    refused = union([group for group in groups if group.later])
    # A keyword comes into being with the first message that gets it.
    bits = mailbox.keywords.bits_of(flags, create=op is not FlagOp.REMOVE and bool(allowed))
    keep, add = {
        FlagOp.SET: (0, bits),
        FlagOp.ADD: (-1, bits),
        FlagOp.REMOVE: (signed(~bits), 0),
    }[op]
    changed = [group for group in allowed if group.flags & keep | add != group.flags]
    if not changed:
        return FlagOutcome(UidSet(), refused, mailbox.highest_modseq, None)
    for group in changed:
        mailbox.count_reflagged(group.flags, group.flags & keep | add, group.messages)
    uids = union(changed)
    SET_FLAGS.run(statements, Chosen.of(uids, mailbox=mailbox_id, modseq=mailbox.modseq, keep=keep, add=add))
    rows = pack_changed(statements, mailbox_id, mailbox.highest_modseq)
    return FlagOutcome(uids, refused, mailbox.modseq, mailbox.save(statements, rows))
