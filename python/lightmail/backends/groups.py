"""What a verb does to groups of messages with the same flags, worked out without any I/O; shared by the SQL backends.

A census of the chosen messages gives the groups, the functions here count the change and say what is to be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightmail._core.index import UidSet
from lightmail.backends.keywords import Keywords, covered, moved, signed
from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.packing import packed
from lightmail.backends.quotas import Arrival, require
from lightmail.model import FlagOp, FlagOutcome, ModSeq, Rights


@dataclass(frozen=True, slots=True)
class Group:
    """Messages with the same flags."""

    flags: int
    later: bool
    """Their MODSEQ is greater than the one asked about."""
    messages: int
    octets: int
    uids: UidSet


def union(groups: Sequence[Group]) -> UidSet:
    """The UIDs of all groups."""
    if len(groups) == 1:
        return groups[0].uids
    return UidSet.from_ranges([pair for group in groups for pair in group.uids.ranges()])


# ---- STORE


@dataclass(frozen=True, slots=True)
class Reflagging:
    """A STORE on a set: `changed` get (flags & keep) | add; empty: there is nothing to write."""

    changed: UidSet
    refused: UidSet
    keep: int
    add: int


def reflag(
    mailbox: MailboxChange, groups: Sequence[Group], op: FlagOp, flags: tuple[str, ...], rights: Rights
) -> Reflagging:
    """Raises LimitExceeded."""
    allowed = [group for group in groups if not group.later]
    refused = union([group for group in groups if group.later])
    keep, add = _masks(mailbox.keywords, op, flags, rights, create=bool(allowed))
    changed = [group for group in allowed if (group.flags & keep) | add != group.flags]
    for group in changed:
        mailbox.count_reflagged(group.flags, (group.flags & keep) | add, group.messages)
    return Reflagging(union(changed), refused, keep, add)


def reflag_one(
    mailbox: MailboxChange,
    row: Sequence[int],
    op: FlagOp,
    flags: tuple[str, ...],
    unchanged_since: ModSeq | None,
    rights: Rights,
) -> tuple[int, FlagOutcome]:
    """A STORE on one message that exists. row: as MESSAGE_ROW has it.

    Returns its new flags and the outcome, whose delta is None when there is nothing to write. Raises LimitExceeded.
    """
    uid, size, before, modseq, *others = row
    if unchanged_since is not None and modseq > unchanged_since:
        return before, FlagOutcome(UidSet(), UidSet([uid]), mailbox.highest_modseq, None)
    keep, add = _masks(mailbox.keywords, op, flags, rights, create=True)
    after = (before & keep) | add
    if after == before:
        return before, FlagOutcome(UidSet(), UidSet(), mailbox.highest_modseq, None)
    mailbox.count_reflagged(before, after, 1)
    delta = mailbox.delta([packed((uid, size, after, mailbox.modseq, *others))])
    return after, FlagOutcome(UidSet([uid]), UidSet(), mailbox.modseq, delta)


def _masks(keywords: Keywords, op: FlagOp, flags: tuple[str, ...], rights: Rights, *, create: bool) -> tuple[int, int]:
    """(bits that stay, bits that are added). A keyword comes into being with the first message that gets it."""
    allowed = covered(rights)
    bits = allowed & keywords.bits_of(flags, create=create and op is not FlagOp.REMOVE and Rights.WRITE in rights)
    match op:
        case FlagOp.SET:
            return signed(~allowed), bits
        case FlagOp.ADD:
            return -1, bits
        case FlagOp.REMOVE:
            return signed(~bits), 0


# ---- COPY, MOVE, EXPUNGE


@dataclass(frozen=True, slots=True)
class Copying:
    first_uid: int
    uids: UidSet
    """The new ones, in the order of the old ones."""
    pairs: tuple[tuple[int, int], ...]
    """(bit in the source, bit in the target) of the keywords in use."""
    allowed: int
    """Flags that are not left out."""


def take_copies(source: MailboxChange, groups: Sequence[Group], target: MailboxChange, rights: Rights) -> Copying:
    """UIDs for copies of all these messages; counts them as come. rights: to the target.

    Raises LimitExceeded, OverQuota.
    """
    allowed = covered(rights)
    used = count = octets = 0
    for group in groups:
        used |= group.flags
        count += group.messages
        octets += group.octets
    if target.room is not None:
        require({target.user_id: target.room}, [Arrival(target.id, target.user_id, octets, count)])
    pairs = tuple(target.keywords.remap(used & allowed, source.keywords))
    first_uid = target.take_uids(count)
    for group in groups:
        target.count(moved(group.flags & allowed, pairs), group.messages, group.octets)
    return Copying(first_uid, UidSet.from_ranges([(first_uid, first_uid + count - 1)]), pairs, allowed)


def copied(row: Sequence[int], copies: Copying, modseq: ModSeq, savedate: int) -> str:
    """The packed row of the only copy. row: of the original, as MESSAGE_ROW has it."""
    _, size, flags, _, body_id, internaldate, internaldate_zone, _, *sent = row
    flags = moved(flags & copies.allowed, copies.pairs)
    return packed((copies.first_uid, size, flags, modseq, body_id, internaldate, internaldate_zone, savedate, *sent))


def count_gone(mailbox: MailboxChange, groups: Sequence[Group], gone: UidSet) -> None:
    """All these messages have gone."""
    for group in groups:
        mailbox.count(group.flags, -group.messages, -group.octets)
    mailbox.count_gone(gone)


def moved_flags(pairs: Sequence[tuple[int, int]], allowed: int) -> str:
    """An SQL expression: those of the column `flags` that are allowed, its keywords at other bits; those at the same bit
    are not moved.
    """
    kept = 31 & allowed
    flags = ""
    for before, after in pairs:
        if before == after:
            kept |= 1 << before
        else:
            flags += f" | (((flags >> {before}) & 1) << {after})"
    return f"(flags & {signed(kept)}){flags}" if flags or allowed != -1 else "flags"
