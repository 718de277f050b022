"""Sets of messages between client and mailbox, beyond what `Snapshot.resolve` does."""

from __future__ import annotations

from collections.abc import Iterator

from lightmail._core.imap import SearchProgram, Select, SequenceSet
from lightmail._core.index import Snapshot, UidSet


def written_uids(written: SequenceSet, view: Snapshot, saved: UidSet | None) -> UidSet:
    """The UIDs that a set names, whether there is such a message or not: for what has been expunged (RFC 7162 §3.2.6).

    "*" is the last message, or the greatest UID ever given where the mailbox is empty.
    """
    uids = view.uids()
    largest = uids.last if uids else max(view.uid_next - 1, 1)
    ranges: list[tuple[int, int]] = []
    named = UidSet()
    for item in str(written).split(","):
        if item == "$":
            named = saved or UidSet()
            continue
        first, _, last = item.partition(":")
        low = largest if first == "*" else int(first)
        high = low if not last else largest if last == "*" else int(last)
        ranges.append((min(low, high), max(low, high)))
    return UidSet.from_ranges(ranges) | named


def pieces(uids: UidSet, messages: int) -> Iterator[UidSet]:
    """The same set in ascending pieces of at most so many messages, so that no answer is ever whole in memory."""
    if len(uids) <= messages:
        yield uids
        return
    piece: list[tuple[int, int]] = []
    room = messages
    for first, last in uids.ranges():
        while last - first >= room:
            piece.append((first, first + room - 1))
            yield UidSet.from_ranges(piece)
            first += room
            piece, room = [], messages
        piece.append((first, last))
        room -= last - first + 1
        if not room:
            yield UidSet.from_ranges(piece)
            piece, room = [], messages
    if piece:
        yield UidSet.from_ranges(piece)


def uses_sequence_numbers(command: object) -> bool:
    """Whether a command names messages by number, or is answered so: its form without UID, a set of numbers among
    SEARCH keys, or pairs of numbers and UIDs in SELECT (RFC 9586 §3).
    """
    if getattr(command, "uid", True) is False:
        return True
    if isinstance(command, Select):
        return command.qresync is not None and command.qresync.match_seqs is not None
    program = getattr(command, "program", None)
    return isinstance(program, SearchProgram) and program.uses_sequence_numbers
