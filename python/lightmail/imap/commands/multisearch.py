"""ESEARCH, the command: a search of several mailboxes (RFC 7377)."""

from __future__ import annotations

from lightmail._core import imap
from lightmail._core.index import Scores, Snapshot, UidSet
from lightmail.errors import MailboxNotFound
from lightmail.imap.commands import search
from lightmail.imap.filters import chosen
from lightmail.imap.message_limits import Part
from lightmail.imap.progress import Progress
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.mail.access import Found
from lightmail.model import Mailbox, Rights

_SEARCHED = Done("Searched")
_NOT_SELECTED = Done("ESEARCH of the selected mailbox needs one", status=b"BAD")
_ELSEWHERE = Done("SAVE and UPDATE go with the selected mailbox alone (RFC 7377, 2.2)", status=b"BAD")
_NOBODY_RECENT = 2**32 - 1


@search.with_filters
async def multisearch(session: Session, command: imap.Esearch) -> Done:
    """One ESEARCH for each mailbox in which something is found, none for the others (RFC 7377 §2.1).

    A mailbox that is not there, or may not be read, is passed over (§2.2); so is one that is deleted meanwhile.
    """
    sources = command.sources
    of_selected = sources is None or any(source.kind == "SELECTED" for source in sources)
    if of_selected and session.selected is None:
        return _NOT_SELECTED
    asked = command.returns if command.returns is not None else search.ALL
    if session.selected is not None and search.tag_in_use(session.selected, command):
        return search.TAG_IN_USE
    if sources is not None and any(source.kind != "SELECTED" for source in sources) and asked & {"SAVE", "UPDATE"}:
        return _ELSEWHERE
    if session.utf8 and command.program.charset is not None:
        return search.NO_CHARSET
    if command.program.uses_modseq:
        session.condstore = True
    parts = []
    if of_selected:
        parts.append(await _search_selected(session, command, asked))
    if sources is not None:
        for found in await _places(session, sources):
            parts.append(await _search_elsewhere(session, command, found, asked))
    cut = [part for part in parts if part is not None]
    if cut and len(parts) == 1:
        return cut[0].told(session, _SEARCHED)
    if cut:
        # RFC 9738 §5: without a UID, which would be one of which mailbox?
        code = b"MESSAGELIMIT %d" % session.config.limits.messages_per_command
        return Done("Searched: only the last messages of a mailbox", code=code)
    return _SEARCHED


async def _search_selected(session: Session, command: imap.Esearch, asked: frozenset[str]) -> Part | None:
    """Returns the part that was looked at where it is not the whole."""
    selected, user = session.selected, session.user
    assert selected is not None and user is not None
    part = search.part_looked_at(session, command, selected.view, selected.saved)
    found, scores = await search.found_in(session, selected, command, part)
    saved = selected.saved
    if "SAVE" in asked:
        selected.saved = search.told_of(found, asked - search.NOT_TOLD, command.partial)
    _tell(session, command, selected.view, found, scores, asked, selected.name, selected.mailbox)
    if "UPDATE" in asked:
        search.keep_context(session, selected, command, found, saved, part=part)
    return part


async def _places(session: Session, sources: tuple[imap.Filter, ...]) -> list[Found]:
    """Mailboxes that can be read, each once, but for the selected one where that is a source itself."""
    user = session.user
    assert user is not None
    subscribed = frozenset[str]()
    if any(source.kind == "SUBSCRIBED" for source in sources):
        subscribed = await session.mail.mailboxes.subscriptions(user.id)
    searched = None
    if session.selected is not None and any(source.kind == "SELECTED" for source in sources):
        searched = session.selected.mailbox.id
    return [
        found
        for found in chosen(await session.visible(), sources, subscribed)
        if found.mailbox.selectable and Rights.READ in found.rights and found.mailbox.id != searched
    ]


async def _search_elsewhere(
    session: Session, command: imap.Esearch, place: Found, asked: frozenset[str]
) -> Part | None:
    """As `_search_selected`."""
    user = session.user
    assert user is not None
    try:
        live = await session.mail.open(place.mailbox.id)
    except MailboxNotFound:
        return None
    try:
        view = live.snapshot
        recent_from = _NOBODY_RECENT if session.rev2 else place.mailbox.recent_from
        # "$" means messages of the selected mailbox, and nothing here.
        part = search.part_looked_at(session, command, view, UidSet())
        with Progress(session, command.tag) as progress:
            found, scores = await session.mail.search(
                command.program,
                view,
                saved=UidSet(),
                recent_from=recent_from,
                account=user.id,
                within=None if part is None else part.uids,
                progress=progress.at,
                comparator=session.comparator,
            )
        _tell(session, command, view, found, scores, asked, place.wire_name, place.mailbox)
    finally:
        live.release()
    await session.drain()
    return part


def _tell(
    session: Session,
    command: imap.Esearch,
    view: Snapshot,
    found: UidSet,
    scores: Scores | None,
    asked: frozenset[str],
    name: str,
    mailbox: Mailbox,
) -> None:
    told = asked - search.NOT_TOLD
    if found and told:
        where = b" MAILBOX %s UIDVALIDITY %d" % (session.mailbox_name(name), mailbox.uid_validity)
        session.send(search.esearch(command, view, found, told, scores, where=where))
