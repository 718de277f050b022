"""SORT, UID SORT (RFC 5256; DISPLAYFROM, DISPLAYTO: RFC 5957; return options, ESORT: RFC 5267 §3; those that tell of
changes: §4.3; PARTIAL: RFC 9394; MODSEQ: RFC 7162 §3.1.6; RELEVANCY: RFC 6203 §6).
"""

from __future__ import annotations

from lightmail._core import imap
from lightmail._core.index import Scores, Snapshot, UidList, UidSet
from lightmail.imap.commands.search import (
    NOT_TOLD,
    TAG_IN_USE,
    check_whole,
    found_in,
    keep_context,
    tag_in_use,
    with_filters,
)
from lightmail.imap.progress import Progress
from lightmail.imap.replies import Done
from lightmail.imap.session import Session

_SORTED = Done("Sorted")
_SORTED_BY_NUMBER = Done("Sorted", keeps_numbers=True)
"""As with SEARCH (RFC 7162 §3.2.10.2)."""


@with_filters
async def sort(session: Session, command: imap.Sort) -> Done:
    """The order is that of the view; with RETURN the answer is an ESEARCH."""
    selected = session.selected
    assert selected is not None
    view = selected.view
    program = command.program
    returns = command.returns
    if tag_in_use(selected, command):
        return TAG_IN_USE
    if program.uses_modseq:
        session.condstore = True
    saved = selected.saved
    try:
        check_whole(session, command, view, selected.saved)
        found, scores = await found_in(session, selected, command)
        with Progress(session, command.tag):
            ordered = await session.mail.sort(command.order, view, found, scores, comparator=session.comparator)
    except Exception:
        if returns is not None and "SAVE" in returns:
            # RFC 5182 §2.1, as with SEARCH.
            selected.saved = UidSet()
        raise
    if returns is None:
        session.send(_sort(command, view, ordered))
    else:
        asked = returns - NOT_TOLD
        if "SAVE" in returns:
            selected.saved = _told(ordered, asked, command.partial)
        if asked:
            session.send(_esearch(command, view, ordered, asked, scores))
        if "UPDATE" in returns:
            keep_context(session, selected, command, found, saved, ordered)
    return _SORTED_BY_NUMBER if program.uses_sequence_numbers else _SORTED


def _sort(command: imap.Sort, view: Snapshot, ordered: UidList) -> bytes:
    if not len(ordered):
        return b"* SORT\r\n"
    numbers = ordered if command.uid else ordered.seqs(view)
    modseq = b" (MODSEQ %d)" % view.max_modseq(ordered.as_set()) if command.program.uses_modseq else b""
    return b"* SORT %s%s\r\n" % (numbers.spaced(), modseq)


def _esearch(
    command: imap.Sort, view: Snapshot, ordered: UidList, asked: frozenset[str], scores: Scores | None
) -> bytes:
    """RFC 5267 §3.1: MIN and MAX are the first and the last in this order."""
    parts = [b'* ESEARCH (TAG "%s")' % command.tag.encode()]
    if command.uid:
        parts.append(b"UID")
    numbers = ordered if command.uid else ordered.seqs(view)
    if len(numbers):
        if "MIN" in asked:
            parts.append(b"MIN %d" % numbers[0])
        if "MAX" in asked:
            parts.append(b"MAX %d" % numbers[-1])
    if "COUNT" in asked:
        parts.append(b"COUNT %d" % len(numbers))
    if len(numbers) and "ALL" in asked:
        parts.append(b"ALL %s" % bytes(numbers))
    if command.partial is not None:
        window = numbers.window(*command.partial)
        parts.append(b"PARTIAL (%d:%d %s)" % (*command.partial, bytes(window) or b"NIL"))
    told = _told(ordered, asked, command.partial)
    if told and command.program.uses_modseq:
        parts.append(b"MODSEQ %d" % view.max_modseq(told))
    if scores is not None and "RELEVANCY" in asked:
        unnamed = ordered.as_set() - _told(ordered, asked - {"COUNT"}, command.partial)
        parts.append(b"RELEVANCY %s" % scores.of(ordered.without(unnamed)))
    return b" ".join(parts) + b"\r\n"


def _told(ordered: UidList, asked: frozenset[str], partial: tuple[int, int] | None) -> UidSet:
    """The messages that an answer names, which `$` becomes: all of them for ALL, COUNT and nothing, else those of MIN,
    MAX and PARTIAL, the first, the last and a window in this order (RFC 5182 §2.4, RFC 9394 §3.2).
    """
    asked -= {"RELEVANCY"}
    if not len(ordered) or not asked or not asked <= {"MIN", "MAX", "PARTIAL"}:
        return ordered.as_set()
    told = UidSet([ordered[0]] * ("MIN" in asked) + [ordered[-1]] * ("MAX" in asked))
    return told if partial is None else told | ordered.window(*partial).as_set()
