"""SEARCH, UID SEARCH (RFC 9051 §6.4.4; ESEARCH: RFC 4731; `$`: RFC 5182; MODSEQ: RFC 7162 §3.1.5;
PARTIAL: RFC 9394).
"""

from __future__ import annotations

from lightmail._core import imap
from lightmail._core.index import Snapshot, UidSet
from lightmail.imap.replies import Done
from lightmail.imap.session import Session

_ALL = frozenset({"ALL"})
_SEARCHED = Done("Searched")
_SEARCHED_BY_NUMBER = Done("Searched", keeps_numbers=True)
"""RFC 7162 §3.2.10.2: no VANISHED in answer to a UID SEARCH that contains message numbers."""
_NO_CHARSET = Done("Expected no CHARSET: strings are UTF-8 since ENABLE UTF8=ACCEPT", status=b"BAD")
"""RFC 6855 §3. IMAP4rev2 alone allows it (RFC 9051 §6.4.4)."""


async def search(session: Session, command: imap.Search) -> Done:
    """Answer in the form asked for; a rev2 session always gets ESEARCH (RFC 9051 §6.4.4, Appendix E)."""
    selected, user = session.selected, session.user
    assert selected is not None and user is not None
    view = selected.view
    program = command.program
    if session.utf8 and program.charset is not None:
        return _NO_CHARSET
    returns = command.returns
    save = returns is not None and "SAVE" in returns
    done = _SEARCHED_BY_NUMBER if program.uses_sequence_numbers else _SEARCHED
    if program.uses_modseq:
        session.condstore = True
    try:
        found = await session.mail.search(
            program, view, saved=selected.saved, recent_from=selected.recent_from, account=user.id
        )
    except Exception:
        if save:
            # RFC 5182 §2.1: a SEARCH that is answered NO leaves nothing saved.
            selected.saved = UidSet()
        raise
    if returns is None and not session.rev2:
        session.send(_search(command, view, found))
        return done
    asked = returns - {"SAVE"} if returns is not None else _ALL
    if save:
        selected.saved = _told(found, asked, command.partial)
    if asked:
        session.send(_esearch(command, view, found, asked))
    return done


def _search(command: imap.Search, view: Snapshot, found: UidSet) -> bytes:
    if not found:
        return b"* SEARCH\r\n"
    numbers = found if command.uid else view.seqs(found)
    modseq = b" (MODSEQ %d)" % view.max_modseq(found) if command.program.uses_modseq else b""
    return b"* SEARCH %s%s\r\n" % (numbers.spaced(), modseq)


def _esearch(command: imap.Search, view: Snapshot, found: UidSet, asked: frozenset[str]) -> bytes:
    """RFC 4731 §3.1, RFC 9051 §7.3.4. MIN, MAX and ALL are left out when nothing was found."""
    parts = [b'* ESEARCH (TAG "%s")' % command.tag.encode()]
    if command.uid:
        parts.append(b"UID")
    if found:
        if "MIN" in asked:
            parts.append(b"MIN %d" % (found.first if command.uid else view.seq(found.first)))
        if "MAX" in asked:
            parts.append(b"MAX %d" % (found.last if command.uid else view.seq(found.last)))
    if "COUNT" in asked:
        parts.append(b"COUNT %d" % len(found))
    if found and "ALL" in asked:
        parts.append(b"ALL %s" % bytes(found if command.uid else view.seqs(found)))
    if command.partial is not None:
        window = found.window(*command.partial)
        results = bytes(window if command.uid else view.seqs(window)) or b"NIL"
        parts.append(b"PARTIAL (%d:%d %s)" % (*command.partial, results))
    told = _told(found, asked, command.partial)
    if told and command.program.uses_modseq:
        # RFC 4731 §3.2: of the messages that are returned.
        parts.append(b"MODSEQ %d" % view.max_modseq(told))
    return b" ".join(parts) + b"\r\n"


def _told(found: UidSet, asked: frozenset[str], partial: tuple[int, int] | None) -> UidSet:
    """The messages that an answer names, which `$` becomes: all of them for ALL, COUNT and nothing, else those of MIN,
    MAX and PARTIAL (RFC 5182 §2.4, RFC 9394 §3.2).
    """
    if not found or not asked or not asked <= {"MIN", "MAX", "PARTIAL"}:
        return found
    told = UidSet([found.first] * ("MIN" in asked) + [found.last] * ("MAX" in asked))
    return told if partial is None else told | found.window(*partial)
