"""What counting again changes in the row of a mailbox, worked out without any I/O; shared by the metadata backends."""

from __future__ import annotations

from dataclasses import dataclass

from lightmail.model import MailboxCount, MailboxId, ModSeq


@dataclass(frozen=True, slots=True)
class Recount:
    """The row as it is to be."""

    mailbox_id: MailboxId
    messages: int
    unseen: int
    deleted: int
    size_octets: int
    recent: int
    uid_next: int
    highest_modseq: ModSeq


def recount(count: MailboxCount) -> Recount | None:
    """None: the row is right as it is.

    UIDNEXT and HIGHESTMODSEQ are raised to what is there, and never lowered (law 2). Where what a client is told of the
    mailbox changes there is a new MODSEQ, so that who has it open looks.
    """
    row, found = count.mailbox, count.counted
    uid_next = max(row.uid_next, found.highest_uid + 1)
    modseq = max(row.highest_modseq, found.highest_modseq)
    says = (row.messages, row.unseen, row.deleted, row.size_octets, row.recent, row.uid_next)
    is_so = (found.messages, found.unseen, found.deleted, found.size_octets, found.recent, uid_next)
    if says != is_so:
        modseq = ModSeq(modseq + 1)
    elif modseq == row.highest_modseq:
        return None
    return Recount(row.id, *is_so, modseq)
