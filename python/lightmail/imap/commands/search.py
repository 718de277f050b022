"""SEARCH, UID SEARCH (RFC 9051 §6.4.4; ESEARCH: RFC 4731; `$`: RFC 5182; MODSEQ: RFC 7162 §3.1.5;
PARTIAL: RFC 9394; RELEVANCY: RFC 6203; MESSAGELIMIT: RFC 9738; FILTER: RFC 5466); CANCELUPDATE, and the searches that
tell of changes (RFC 5267 §4.3).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeVar

from lightmail._core import imap
from lightmail._core.index import Scores, Snapshot, UidList, UidSet
from lightmail.errors import FilterCharset, TooManyMessages
from lightmail.imap.commands.sets import uses_sequence_numbers
from lightmail.imap.contexts import Context, Contexts
from lightmail.imap.message_limits import Part, last_messages
from lightmail.imap.progress import Progress
from lightmail.imap.replies import UID_REQUIRED, Done
from lightmail.imap.selected import Selected
from lightmail.imap.session import Session

ALL = frozenset({"ALL"})
NOT_TOLD = frozenset({"SAVE", "CONTEXT", "UPDATE"})
"""Return options that ask for no data in the answer."""
_SEARCHED = Done("Searched")
_SEARCHED_BY_NUMBER = Done("Searched", keeps_numbers=True)
"""RFC 7162 §3.2.10.2: no VANISHED in answer to a UID SEARCH that contains message numbers."""
NO_CHARSET = Done("Expected no CHARSET: strings are UTF-8 since ENABLE UTF8=ACCEPT", status=b"BAD")
"""RFC 6855 §3. IMAP4rev2 alone allows it (RFC 9051 §6.4.4)."""

TAG_IN_USE = Done("Another search that tells of changes has this tag", status=b"BAD")
"""RFC 5267 §4.3."""

Searching = TypeVar("Searching", imap.Search, imap.Sort, imap.Thread, imap.Esearch)


def with_filters(
    handler: Callable[[Session, Searching], Awaitable[Done]],
) -> Callable[[Session, Searching], Awaitable[Done]]:
    """The handler, which gets commands without FILTER keys: what they stand for is in their place (RFC 5466 §3.1)."""

    @wraps(handler)
    async def filled(session: Session, command: Searching) -> Done:
        user = session.user
        assert user is not None
        try:
            program = await session.mail.named_searches.filled(command.program, user)
        except FilterCharset:
            # RFC 5182 §2.1: one that is BAD leaves saved what was.
            raise
        except Exception:
            _save_nothing(session.selected, command)
            raise
        if program is not command.program:
            command = command.with_program(program)
            if session.uid_only and uses_sequence_numbers(command):
                return UID_REQUIRED
        return await handler(session, command)

    return filled


@with_filters
async def search(session: Session, command: imap.Search) -> Done:
    """Answer in the form asked for; a rev2 session always gets ESEARCH (RFC 9051 §6.4.4, Appendix E)."""
    selected = session.selected
    assert selected is not None
    view = selected.view
    program = command.program
    if session.utf8 and program.charset is not None:
        return NO_CHARSET
    returns = command.returns
    if tag_in_use(selected, command):
        return TAG_IN_USE
    done = _SEARCHED_BY_NUMBER if program.uses_sequence_numbers else _SEARCHED
    if program.uses_modseq:
        session.condstore = True
    part = part_looked_at(session, command, view, selected.saved)
    found, scores = await found_in(session, selected, command, part)
    saved = selected.saved
    if returns is None and not session.rev2:
        session.send(_search(command, view, found))
        return done if part is None else part.told(session, done)
    asked = returns - NOT_TOLD if returns is not None else ALL
    if returns is not None and "SAVE" in returns:
        selected.saved = told_of(found, asked, command.partial)
    if asked:
        session.send(esearch(command, view, found, asked, scores))
    if returns is not None and "UPDATE" in returns:
        keep_context(session, selected, command, found, saved, part=part)
    return done if part is None else part.told(session, done)


def tag_in_use(selected: Selected, command: imap.Search | imap.Esearch | imap.Sort) -> bool:
    """By another search that tells of changes, as this one would (RFC 5267 §4.3)."""
    contexts = selected.contexts
    return (
        command.returns is not None and "UPDATE" in command.returns and contexts is not None and command.tag in contexts
    )


def part_looked_at(
    session: Session,
    command: imap.Search | imap.Esearch | imap.Sort | imap.Thread,
    view: Snapshot,
    saved: UidSet | None,
) -> Part | None:
    """The messages that a search looks at where it may not look at all that it asks for; None: it may.

    view: of any mailbox. saved: `$` there. Raises BadSet.
    """
    limits = session.config.limits
    if not limits.messages_per_command or len(view) <= limits.messages_per_command:
        return None
    part = last_messages(view.scope(command.program, saved=saved), limits)
    return part if part.exceeded is not None else None


def check_whole(session: Session, command: imap.Sort | imap.Thread, view: Snapshot, saved: UidSet | None) -> None:
    """Raises TooManyMessages where not all messages may be looked at: a part has no order of the whole (RFC 9738 §3.3)."""
    if part_looked_at(session, command, view, saved) is not None:
        raise TooManyMessages(session.config.limits.messages_per_command)


async def found_in(
    session: Session,
    selected: Selected,
    command: imap.Search | imap.Esearch | imap.Sort | imap.Thread,
    part: Part | None = None,
) -> tuple[UidSet, Scores | None]:
    """What matches in the selected mailbox, or among a part of its messages; with scores where a key is FUZZY."""
    assert session.user is not None
    try:
        with Progress(session, command.tag) as progress:
            return await session.mail.search(
                command.program,
                selected.view,
                saved=selected.saved,
                recent_from=selected.recent_from,
                account=session.user.id,
                within=None if part is None else part.uids,
                progress=progress.at,
                comparator=session.comparator,
            )
    except Exception:
        _save_nothing(selected, command)
        raise


def _save_nothing(selected: Selected | None, command: imap.Search | imap.Esearch | imap.Sort | imap.Thread) -> None:
    """RFC 5182 §2.1: a SEARCH that is answered NO leaves nothing saved."""
    if selected is None or isinstance(command, imap.Thread):
        return
    if command.returns is not None and "SAVE" in command.returns:
        selected.saved = UidSet()


def keep_context(
    session: Session,
    selected: Selected,
    command: imap.Search | imap.Esearch | imap.Sort,
    found: UidSet,
    saved: UidSet | None,
    ordered: UidList | None = None,
    part: Part | None = None,
) -> None:
    """Tell of changes from now on, unless there are too many such searches (RFC 5267 §4.3.1), not all messages were looked
    at, so that some which match would never be told of, or they are sorted by relevancy.

    saved: what `$` was when the search was made. ordered: what a SORT has found.
    """
    if part is not None:
        session.send(b'* NO [NOUPDATE "%s"] Not all messages were looked at\r\n' % command.tag.encode())
        return
    order = command.order if isinstance(command, imap.Sort) else None
    if order is not None and order.by_relevancy:
        # The scores of all would be needed again with every change.
        session.send(b'* NO [NOUPDATE "%s"] An order by relevancy is not kept\r\n' % command.tag.encode())
        return
    if selected.contexts is None:
        selected.contexts = Contexts()
    if selected.contexts.full(sorted=order is not None):
        session.send(b'* NO [NOUPDATE "%s"] Too many contexts\r\n' % command.tag.encode())
        return
    selected.contexts.add(
        Context(
            tag=command.tag,
            uid=command.uid,
            program=selected.view.lasting(command.program, saved=saved),
            attributes=command.update,
            found=found,
            view=selected.view,
            comparator=session.comparator,
            order=order,
            ordered=ordered,
        )
    )


async def cancel_update(session: Session, command: imap.CancelUpdate) -> Done:
    """RFC 5267 §4.3.5. Tags of searches that tell of no changes, or tell no longer, are no error."""
    assert session.selected is not None
    contexts = session.selected.contexts
    if contexts is not None:
        for tag in command.tags:
            contexts.cancel(tag)
    return Done("No further updates")


def _search(command: imap.Search, view: Snapshot, found: UidSet) -> bytes:
    if not found:
        return b"* SEARCH\r\n"
    numbers = found if command.uid else view.seqs(found)
    modseq = b" (MODSEQ %d)" % view.max_modseq(found) if command.program.uses_modseq else b""
    return b"* SEARCH %s%s\r\n" % (numbers.spaced(), modseq)


def esearch(
    command: imap.Search | imap.Esearch,
    view: Snapshot,
    found: UidSet,
    asked: frozenset[str],
    scores: Scores | None,
    where: bytes = b"",
) -> bytes:
    """RFC 4731 §3.1, RFC 9051 §7.3.4. MIN, MAX and ALL are left out when nothing was found.

    scores: of what was found, for RELEVANCY.
    where: further correlators (RFC 7377 §2.1).
    """
    parts = [b'* ESEARCH (TAG "%s"%s)' % (command.tag.encode(), where)]
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
    told = told_of(found, asked, command.partial)
    if told and command.program.uses_modseq:
        # RFC 4731 §3.2: of the messages that are returned.
        parts.append(b"MODSEQ %d" % view.max_modseq(told))
    if scores is not None and "RELEVANCY" in asked:
        parts.append(b"RELEVANCY %s" % scores.of(told_of(found, asked - {"COUNT"}, command.partial)))
    return b" ".join(parts) + b"\r\n"


def told_of(found: UidSet, asked: frozenset[str], partial: tuple[int, int] | None) -> UidSet:
    """The messages that an answer names, which `$` becomes: all of them for ALL, COUNT and nothing, else those of MIN,
    MAX and PARTIAL (RFC 5182 §2.4, RFC 9394 §3.2).
    """
    asked -= {"RELEVANCY"}
    if not found or not asked or not asked <= {"MIN", "MAX", "PARTIAL"}:
        return found
    told = UidSet([found.first] * ("MIN" in asked) + [found.last] * ("MAX" in asked))
    return told if partial is None else told | found.window(*partial)
