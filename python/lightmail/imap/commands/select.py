"""SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2; QRESYNC: RFC 7162 §3.2.5)."""

from __future__ import annotations

from lightmail._core import imap
from lightmail._core.index import Snapshot, UidSet
from lightmail.errors import NoRight, StoreReadOnly
from lightmail.imap.commands.sets import written_uids
from lightmail.imap.commands.status import mailbox_id
from lightmail.imap.replies import Done, flag_lines
from lightmail.imap.selected import CHANGES, Selected, claims_recent
from lightmail.imap.session import Session
from lightmail.mail.access import Found
from lightmail.model import Mailbox, ModSeq, Rights

_SELECTED = Done("Selected", code=b"READ-WRITE")
_EXAMINED = Done("Examined", code=b"READ-ONLY")
_CLOSED = Done("Closed")
_UNSELECTED = Done("Left")
_NOBODY_RECENT = 2**32 - 1
"""A `recent_from` for sessions that know no \\Recent: beyond every UID."""


async def select(session: Session, command: imap.Select) -> Done:
    """Leave the selected mailbox, whatever comes of the new one (RFC 9051 §6.3.2); then open and describe that.

    The whole answer is one write, so that a client sees either all of it or none.
    """
    if command.qresync is not None and not session.qresync:
        return Done("ENABLE QRESYNC comes before its use (RFC 7162, 3.2.5)", status=b"BAD")
    if session.selected is not None:
        session.deselect()
        # RFC 7162 §3.2.11, RFC 9051 §7.1: what follows belongs to the new mailbox.
        session.send(b"* OK [CLOSED] Previous mailbox closed\r\n")
    if command.condstore or command.qresync is not None:
        session.condstore = True
    found = await session.mailbox(command.mailbox)
    mailbox = found.mailbox
    live = await session.mail.open(mailbox.id)
    try:
        rights = found.rights
        if not found.own:
            assert session.user is not None
            # From here on changes of the rights are told.
            rights = await session.mail.access.rights_anew(session.user, mailbox.id)
            if Rights.READ not in rights:
                raise NoRight(found.wire_name, Rights.READ.letters)
        read_only = command.examine or not rights & CHANGES
        view = live.snapshot
        recent_from = _NOBODY_RECENT
        if not session.rev2:
            recent_from = await _recent_from(
                session, mailbox, view.uid_next if claims_recent(read_only, rights) else None
            )
        answer = _description(
            session, found, view, recent_from, flag_lines(view.keywords, read_only=read_only, rights=rights)
        )
        if command.qresync is not None and command.qresync.uid_validity == mailbox.uid_validity:
            answer += await _changes(session, command.qresync, mailbox, view, recent_from)
    except BaseException:
        live.release()
        raise
    session.select(
        Selected(
            name=found.wire_name,
            mailbox=mailbox,
            rights=rights,
            own=found.own,
            live=live,
            view=view,
            read_only=read_only,
            examined=command.examine,
            recent_from=recent_from,
            # RFC 5182 §2.1: the saved search result is empty after each SELECT.
            saved=UidSet(),
        )
    )
    session.send(answer)
    return _EXAMINED if read_only else _SELECTED


async def _recent_from(session: Session, mailbox: Mailbox, claim: int | None) -> int:
    try:
        return await session.mail.mailboxes.recent_from(mailbox, claim=claim)
    except StoreReadOnly:
        # Mail can be read while nothing can be written: these will be recent once more.
        return await session.mail.mailboxes.recent_from(mailbox, claim=None)


async def close(session: Session, command: imap.Close) -> Done:
    """Remove what is marked \\Deleted without telling, unless it was EXAMINEd, and leave (RFC 9051 §6.4.1).

    HIGHESTMODSEQ must not be answered (RFC 7162 §3.2.8).
    """
    selected = session.selected
    assert selected is not None
    if not selected.read_only and Rights.EXPUNGE in selected.rights:
        outcome = await session.mail.expunge(selected.mailbox.id)
        if outcome.expunged:
            session.audit("messages expunged", mailbox=selected.name, messages=len(outcome.expunged))
    session.deselect()
    return _CLOSED


async def unselect(session: Session, command: imap.Unselect) -> Done:
    """Leave without removing anything (RFC 9051 §6.4.2)."""
    session.deselect()
    return _UNSELECTED


def _description(session: Session, found: Found, view: Snapshot, recent_from: int, flags: bytes) -> bytes:
    """The untagged responses that every SELECT has (RFC 9051 §6.3.2, RFC 3501 §6.3.1). flags: of `flag_lines`."""
    parts = [flags, b"* %d EXISTS\r\n" % len(view)]
    if not session.rev2:
        # RFC 9051 has neither of these two.
        parts.append(b"* %d RECENT\r\n" % view.recent_count(recent_from))
        if view.unseen and not session.uid_only:
            parts.append(b"* OK [UNSEEN %d] First unseen\r\n" % view.first_unseen)
    parts.append(
        b"* OK [UIDVALIDITY %d] UIDs valid\r\n* OK [UIDNEXT %d] Next UID\r\n* OK [HIGHESTMODSEQ %d] Highest\r\n"
        b"* OK [MAILBOXID (%s)] Its id\r\n"
        % (found.mailbox.uid_validity, view.uid_next, view.highest_modseq, mailbox_id(found.mailbox).encode())
    )
    if session.rev2:
        parts.append(b'* LIST () "/" %s\r\n' % session.mailbox_name(found.wire_name))
    return b"".join(parts)


async def _changes(session: Session, known: imap.Qresync, mailbox: Mailbox, view: Snapshot, recent_from: int) -> bytes:
    """VANISHED (EARLIER), then FETCH of what has changed since the client's last visit (RFC 7162 §3.2.5.1)."""
    if known.modseq >= view.highest_modseq:
        return b""
    gone = await session.mail.expunged_since(mailbox.id, ModSeq(known.modseq)) - view.uids()
    changed = view.changed_since(known.modseq)
    if known.known_uids is not None:
        uids = written_uids(known.known_uids, view, None)
        gone &= uids
        changed &= uids
    if known.match_seqs is not None and known.match_uids is not None:
        gone -= _up_to(view.qresync_match(known.match_seqs, known.match_uids))
    answer = b"* VANISHED (EARLIER) %s\r\n" % bytes(gone) if gone else b""
    return answer + view.fetch_flags(
        changed, uid=True, modseq=True, recent_from=recent_from, rev2=session.rev2, uid_only=session.uid_only
    )


def _up_to(uid: int) -> UidSet:
    return UidSet.from_ranges([(1, uid)]) if uid else UidSet()
