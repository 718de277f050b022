"""What the client must be told of the selected mailbox: the view it has, compared with the state there is.

The dispatcher calls `synchronize` before each tagged response, IDLE calls `announce` as changes come; nothing else
tells of changes, so that they are told in the order and at the moments RFC 9051 §5.2 and §7.5.1 allow.
"""

from __future__ import annotations

from contextlib import suppress

from lightmail._core.index import Snapshot, UidSet
from lightmail.errors import BodyMissing, ExpungedMeanwhile, MailboxNotFound, Unavailable
from lightmail.imap.replies import flag_lines
from lightmail.imap.selected import CHANGES, Selected, claims_recent
from lightmail.imap.session import Session
from lightmail.model import Rights


async def synchronize(
    session: Session, selected: Selected, *, expunge: bool, uid: bool, silent: UidSet | None = None
) -> None:
    """Tell everything that may be told now. No statement, and no suspension, when there is nothing.

    expunge: EXPUNGE may be sent. uid: the command was a UID command. silent: see Done.
    """
    live = selected.live
    if live.stale:
        # Gone: told below. Not available: the mailbox stays stale, and is asked for again the next time.
        with suppress(MailboxNotFound, Unavailable):
            await live.refresh()
    if live.deleted:
        leave_deleted(session)
        return
    await tell(session, selected, expunge=expunge, uid=uid, silent=silent)


async def tell(session: Session, selected: Selected, *, expunge: bool, uid: bool, silent: UidSet | None = None) -> None:
    """What is known here now, and how the searches that tell of changes are affected by it."""
    new = selected.view is not selected.live.snapshot
    if new:
        announce(session, selected, expunge=expunge, uid=uid, silent=silent)
    if selected.contexts is not None:
        await selected.contexts.update(session, selected)
    if new:
        await claim_recent(session, selected)


def announce(session: Session, selected: Selected, *, expunge: bool, uid: bool, silent: UidSet | None = None) -> None:
    """Compare, tell, and move the view on (RFC 9051 §7.5.1; RFC 7162 §3.2)."""
    view, new = selected.view, selected.live.snapshot
    if view.keywords != new.keywords:
        session.send(_flag_lines(selected, new))
    selected.view, told = view.advance(
        new,
        expunge=expunge,
        # RFC 9051 §7.5.2, RFC 7162 §3.2.4: FETCH that nobody asked for carries UID.
        uid=uid or session.rev2 or session.qresync,
        modseq=session.condstore,
        vanished=session.qresync or session.uid_only,
        recent_from=selected.recent_from,
        rev2=session.rev2,
        silent=silent,
        uid_only=session.uid_only,
    )
    if selected.contexts is not None:
        # RFC 5267 §4.3.4: before the EXPUNGE.
        session.send(selected.contexts.removed(view, selected.view))
    if told:
        session.send(told)


async def explained(session: Session, error: Exception) -> Exception:
    """What the user is to be told of a failure: a body that is missing may be that of a message which another session
    has expunged, and which this one still sees (RFC 2180 §4.1.3, RFC 5530 §3). Then nothing is wrong.
    """
    selected = session.selected
    if selected is None or not isinstance(error, BodyMissing):
        return error
    if not selected.live.deleted:
        try:
            there = await selected.live.refresh()
        except MailboxNotFound:
            return ExpungedMeanwhile()
        except Unavailable:
            return error
        if error.body_id in there.body_ids(there.uids()):
            return error
    return ExpungedMeanwhile()


async def renew_rights(session: Session, selected: Selected, *, needed: bool) -> None:
    """To somebody else's mailbox, before a command: without a statement unless something has changed.

    needed: the command does something with the mailbox; it fails where nobody can be asked. Raises Unavailable.
    """
    assert session.user is not None
    try:
        rights = await session.mail.access.rights(session.user, selected.mailbox.id)
    except Unavailable:
        if needed:
            raise
        return
    apply_rights(session, selected, rights)


def apply_rights(session: Session, selected: Selected, rights: Rights) -> None:
    """Tell what has changed by it (RFC 4314 §5.1.1)."""
    if rights == selected.rights:
        return
    before = _flag_lines(selected, selected.view)
    selected.rights = rights
    if Rights.READ not in rights:
        _leave(session, "You may not read the selected mailbox any more")
        return
    selected.read_only = selected.examined or not rights & CHANGES
    after = _flag_lines(selected, selected.view)
    if after != before:
        session.send(after)


def _flag_lines(selected: Selected, view: Snapshot) -> bytes:
    return flag_lines(view.keywords, read_only=selected.read_only, rights=selected.rights)


def leave_deleted(session: Session) -> None:
    """The selected mailbox exists no more. RFC 9051 §3 lets the server close it; RFC 3501 knows only BYE for that
    (RFC 2180 §3.3).
    """
    _leave(session, "The selected mailbox was deleted")


def _leave(session: Session, why: str) -> None:
    if session.rev2:
        session.deselect()
        session.send(b"* OK [CLOSED] %s\r\n" % why.encode())
    else:
        session.end(why)


async def claim_recent(session: Session, selected: Selected) -> None:
    """This session has been told of new messages, so they are recent to nobody after it (RFC 3501 §2.3.2).

    One statement where there are any; none for a session that only looks, or knows no \\Recent.
    """
    uid_next = selected.view.uid_next
    if uid_next <= selected.recent_claimed or session.rev2:
        return
    if not claims_recent(selected.read_only, selected.rights):
        return
    # Not available: tried again with the next new message; until then they count as recent once more.
    with suppress(Unavailable):
        await session.mail.mailboxes.recent_from(selected.mailbox, claim=uid_next)
        selected.recent_claimed = uid_next
