"""What the client must be told of the selected mailbox: the view it has, compared with the state there is.

The dispatcher calls `synchronize` before each tagged response, IDLE calls `announce` as changes come; nothing else
tells of changes, so that they are told in the order and at the moments RFC 9051 §5.2 and §7.5.1 allow.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from lightmail._core.index import Snapshot, UidSet
from lightmail.errors import BodyMissing, ExpungedMeanwhile, MailboxNotFound, Unavailable
from lightmail.imap.contexts import fetch_new, new_since
from lightmail.imap.replies import flag_lines
from lightmail.imap.selected import CHANGES, Selected, claims_recent
from lightmail.imap.session import Session
from lightmail.model import Rights

if TYPE_CHECKING:
    from lightmail.imap.notify import Notifying


async def synchronize(
    session: Session,
    selected: Selected,
    *,
    expunge: bool,
    uid: bool,
    silent: UidSet | None = None,
    whole: bool = False,
) -> None:
    """Tell everything that may be told now. No statement, and no suspension, when there is nothing.

    expunge: EXPUNGE may be sent. uid: the command was a UID command. silent: see Done. whole: see `tell`.
    """
    live = selected.live
    if live.stale:
        # Gone: told below. Not available: the mailbox stays stale, and is asked for again the next time.
        with suppress(MailboxNotFound, Unavailable):
            await live.refresh()
    if live.deleted:
        leave_deleted(session)
        return
    await tell(session, selected, expunge=expunge, uid=uid, silent=silent, whole=whole)


async def tell(
    session: Session,
    selected: Selected,
    *,
    expunge: bool,
    uid: bool,
    silent: UidSet | None = None,
    whole: bool = False,
) -> None:
    """What is known here now, and how the searches that tell of changes are affected by it.

    whole: changes of the mailbox are what the command answers, whatever NOTIFY says.
    """
    before = selected.view
    new = before is not selected.live.snapshot
    notify = session.notify
    if new and (notify is None or whole):
        announce(session, selected, expunge=expunge, uid=uid, silent=silent)
    elif new and notify is not None:
        announce_wanted(session, selected, notify, expunge=expunge, uid=uid, silent=silent)
    attributes, fresh = None, UidSet()
    if notify is not None and notify.attributes is not None:
        # RFC 5465 §5.2: nothing is fetched of what this client has added itself.
        attributes, fresh = notify.attributes, new_since(before) - notify.own_new
        notify.own_new = UidSet()
    if selected.contexts is not None:
        await selected.contexts.update(session, selected, own=attributes, fresh=fresh)
    elif attributes is not None:
        await fetch_new(session, selected, attributes, fresh)
    if new:
        await claim_recent(session, selected)


def announce_wanted(
    session: Session, selected: Selected, notify: Notifying, *, expunge: bool, uid: bool, silent: UidSet | None
) -> None:
    """What NOTIFY has asked for of the selected mailbox (RFC 5465 §3.1). Flags are up to date in the view, told or not;
    messages come and go in it only as they are told.
    """
    view, new = selected.view, selected.live.snapshot
    if notify.messages and notify.flags:
        announce(session, selected, expunge=expunge, uid=True, silent=silent)
        return
    if not notify.messages:
        # The later ones are nobody the client knows; those that are gone stay in the view.
        expunge = False
        new = new.apply(
            (),
            new_since(view),
            keywords=new.keywords,
            uid_next=view.uid_next,
            highest_modseq=new.highest_modseq,
        )
    announce(session, selected, expunge=expunge, uid=uid, silent=new.uids(), new=new, modseq=False)


def announce(
    session: Session,
    selected: Selected,
    *,
    expunge: bool,
    uid: bool,
    silent: UidSet | None = None,
    new: Snapshot | None = None,
    modseq: bool = True,
) -> None:
    """Compare, tell, and move the view on (RFC 9051 §7.5.1; RFC 7162 §3.2).

    new: the state to move on to, where it is not the one there is. modseq: False tells nothing of `silent` messages.
    """
    view = selected.view
    if new is None:
        new = selected.live.snapshot
    if view.keywords != new.keywords:
        session.send(_flag_lines(selected, new))
    selected.view, told = view.advance(
        new,
        expunge=expunge,
        # RFC 9051 §7.5.2, RFC 7162 §3.2.4: FETCH that nobody asked for carries UID.
        uid=uid or session.rev2 or session.qresync,
        modseq=session.condstore and modseq,
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
    if new is selected.live.snapshot:
        _tell_how_far(session, selected, view)


def _tell_how_far(session: Session, selected: Selected, before: Snapshot) -> None:
    """What a client that comes back may have missed: with expunges untold, not the MODSEQs that it has been told (RFC 7162
    §3.2, §6). before: the view as it was.
    """
    new = selected.live.snapshot
    if selected.view is not new:
        if selected.whole_modseq is None:
            selected.whole_modseq = before.highest_modseq
    elif selected.whole_modseq is not None:
        selected.whole_modseq = None
    else:
        return
    if session.qresync:
        session.send(b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % selected.known_modseq)


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


def may_be_told(session: Session, selected: Selected, known: Callable[[], None]) -> bool:
    """Of somebody else's mailbox, between commands. False: not any more, which has been told; or not before its access
    control list is known again, and then it is called back.
    """
    assert session.user is not None
    rights = session.mail.access.rights_now(session.user, selected.mailbox.id)
    if rights is None:
        session.mail.access.when_known(selected.mailbox.id, known)
        return False
    apply_rights(session, selected, rights)
    return Rights.READ in rights


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
