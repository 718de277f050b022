"""COPY, MOVE and their UID forms (RFC 9051 §6.4.7, §6.4.8; RFC 4315; RFC 6851). Bodies are shared, none is read."""

from __future__ import annotations

from lightmail._core import imap
from lightmail._core.index import UidSet
from lightmail.errors import MailboxNotFound, NoRight, ReadOnly
from lightmail.imap.message_limits import check_saved, last_messages
from lightmail.imap.progress import Progress
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.model import Rights, UidValidity

NO_TARGET = Done("No such mailbox", code=b"TRYCREATE", status=b"NO")
"""RFC 9051 §6.3.12, §6.4.7: it does not exist, but could be created."""
_GONE = Done("The messages no longer exist", code=b"EXPUNGEISSUED", status=b"NO")
_NOTHING = Done("Nothing to copy")
_LEAVES = Rights.DELETE | Rights.EXPUNGE
"""What MOVE takes from the source (RFC 6851 §4.1)."""


async def copy(session: Session, command: imap.Copy) -> Done:
    """All messages that still exist, or none (RFC 9051 §6.4.7)."""
    selected = session.selected
    assert selected is not None
    uids = selected.view.resolve(command.set, uid=command.uid, saved=selected.saved)
    try:
        target = await session.mailbox(command.mailbox, Rights.INSERT)
        if not uids:
            return _NOTHING
        check_saved(uids, session.config.limits)
        with Progress(session, command.tag):
            outcome = await session.mail.copy(selected.mailbox.id, uids, target.mailbox.id, rights=target.rights)
    except MailboxNotFound:
        return NO_TARGET
    if not outcome.source_uids:
        return _NOTHING if command.uid else _GONE
    session.added(target.mailbox.id, outcome.target_uids)
    return Done("Copied", code=_copyuid(outcome.uid_validity, outcome.source_uids, outcome.target_uids))


async def move(session: Session, command: imap.Move) -> Done:
    """Atomic for each message and, here, for all of them (RFC 6851 §3.3). EXPUNGE follows from the views."""
    selected = session.selected
    assert selected is not None
    if selected.read_only:
        raise ReadOnly("this mailbox")
    if _LEAVES not in selected.rights:
        raise NoRight(selected.name, (_LEAVES & ~selected.rights).letters)
    uids = selected.view.resolve(command.set, uid=command.uid, saved=selected.saved)
    try:
        target = await session.mailbox(command.mailbox, Rights.INSERT)
        if not uids:
            return _NOTHING
        part = last_messages(uids, session.config.limits)
        with Progress(session, command.tag):
            outcome = await session.mail.move(selected.mailbox.id, part.uids, target.mailbox.id, rights=target.rights)
    except MailboxNotFound:
        return NO_TARGET
    if not outcome.source_uids:
        return part.told(session, _NOTHING if command.uid else _GONE)
    session.added(target.mailbox.id, outcome.target_uids)
    # RFC 6851 §4.3: before the EXPUNGE responses, so that the client knows where they went.
    code = _copyuid(outcome.uid_validity, outcome.source_uids, outcome.target_uids)
    session.send(b"* OK [%s] Moved\r\n" % code)
    if session.qresync and outcome.source_delta is not None:
        # RFC 6851 §4.4
        return part.told(session, Done("Done", code=b"HIGHESTMODSEQ %d" % outcome.source_delta.highest_modseq))
    return part.told(session, Done("Done"))


def _copyuid(uid_validity: UidValidity, source: UidSet, target: UidSet) -> bytes:
    return b"COPYUID %d %s %s" % (uid_validity, bytes(source), bytes(target))
