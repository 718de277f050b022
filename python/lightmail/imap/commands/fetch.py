"""FETCH, UID FETCH (RFC 9051 §6.4.5; CHANGEDSINCE, VANISHED: RFC 7162 §3.1.4, §3.2.6; PARTIAL: RFC 9394 §3.3;
MESSAGELIMIT: RFC 9738).
"""

from __future__ import annotations

from lightmail._core import imap
from lightmail._core.index import FetchRun, UidSet
from lightmail._core.mime import UnknownEncoding
from lightmail.errors import LightMailError, StoreReadOnly
from lightmail.imap.commands.fetch_bodies import send_with_bodies
from lightmail.imap.commands.fetch_windows import send_windows
from lightmail.imap.commands.flags import tell_flags
from lightmail.imap.commands.sets import written_uids
from lightmail.imap.message_limits import check_window, last_messages
from lightmail.imap.replies import Done
from lightmail.imap.selected import Selected
from lightmail.imap.session import Session
from lightmail.mail.store import MailStore
from lightmail.model import FlagOp, ModSeq, Rights

_FETCHED = Done("Fetched")
_SEEN_BIT = 1 << 3


async def fetch(session: Session, command: imap.Fetch) -> Done:
    """Untagged FETCH for each message of the set that this session knows, in sequence order; from the last one to the
    first where there are more than may be (RFC 9738 §3.1: which of them have changed is not counted, those that have are).

    \\Seen, where reading sets it, is set on all of them in one verb before the first response.
    """
    selected = session.selected
    assert selected is not None
    plan = command.plan
    since = command.changed_since
    if command.vanished and not (command.uid and since is not None and session.qresync):
        return Done("VANISHED goes with UID FETCH, CHANGEDSINCE and ENABLE QRESYNC", status=b"BAD")
    check_window(command.partial, session.config.limits)
    uids = selected.view.resolve(command.set, uid=command.uid, saved=selected.saved)
    if command.partial is not None:
        # RFC 9394 §3.4: of all messages of the set, whatever has changed of them.
        uids = uids.window(*command.partial)
    if since is not None or plan.wants_modseq:
        session.condstore = True
    if since is not None:
        uids = selected.view.changed_since(since, uids)
        if command.vanished:
            await _send_vanished(session, selected, command, ModSeq(since))
    if not uids:
        return _FETCHED
    part = last_messages(uids, session.config.limits)
    uids, backwards = part.uids, part.exceeded is not None
    now_seen = None
    if plan.sets_seen and not selected.read_only and Rights.SEEN in selected.rights:
        now_seen = await _set_seen(session.mail, selected, uids)
    run = FetchRun(
        plan,
        selected.view,
        uids,
        uid=command.uid,
        # RFC 7162 §3.2: a FETCH response that tells of a change carries MODSEQ once CONDSTORE is on.
        modseq=since is not None or plan.wants_modseq or (session.condstore and now_seen is not None),
        recent_from=selected.recent_from,
        rev2=session.rev2,
        flags_for=now_seen,
        utf8=session.utf8,
        uid_only=session.uid_only,
        backwards=backwards,
    )
    try:
        if plan.needs_octets:
            body_ids = selected.view.body_ids(uids)
            await send_with_bodies(session, run, body_ids[::-1] if backwards else body_ids)
        else:
            await send_windows(session, run)
    except (LightMailError, UnknownEncoding):
        # The view has them already, so nothing else would tell of those whose responses were not sent.
        if now_seen is not None:
            await tell_flags(session, selected, now_seen, uid=command.uid)
        raise
    return part.told(session, _FETCHED)


async def _send_vanished(session: Session, selected: Selected, command: imap.Fetch, since: ModSeq) -> None:
    """Before any FETCH (RFC 7162 §3.2.6). What this client still sees is announced later, without EARLIER."""
    if since >= selected.live.snapshot.highest_modseq:
        return
    gone = await session.mail.expunged_since(selected.mailbox.id, since)
    gone = (gone & written_uids(command.set, selected.view, selected.saved)) - selected.view.uids()
    if gone:
        session.send(b"* VANISHED (EARLIER) %s\r\n" % bytes(gone))


async def _set_seen(mail: MailStore, selected: Selected, uids: UidSet) -> UidSet | None:
    """Set \\Seen where it is missing, and let this session's view know it already, since its FETCH tells it.

    Returns the messages that have got it, None when there are none.
    """
    view = selected.view
    unseen = view.flagged(0, within=uids, without=_SEEN_BIT)
    if not unseen:
        return None
    before = selected.live.snapshot
    try:
        outcome = await mail.set_flags(selected.mailbox.id, unseen, FlagOp.ADD, ("\\Seen",))
    except StoreReadOnly:
        return None  # mail can be read while nothing can be written
    delta = outcome.delta
    if delta is None:
        return None
    live = selected.live.snapshot
    if view is before and delta.base_modseq == before.highest_modseq and delta.highest_modseq == live.highest_modseq:
        # Nobody else has changed anything: the shared snapshot is this view and the change. (A MODSEQ alone does not
        # say so: a view may hold messages whose EXPUNGE could not be told yet.)
        selected.view = live
    else:
        # Only these rows: the rest of what has happened is announced when it may be (RFC 9051 §7.5.1).
        selected.view = view.apply(
            delta.rows,
            UidSet(),
            keywords=delta.keywords,
            uid_next=view.uid_next,
            highest_modseq=view.highest_modseq,
        )
    return outcome.changed
