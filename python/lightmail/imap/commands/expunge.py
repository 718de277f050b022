"""EXPUNGE, UID EXPUNGE (RFC 9051 §6.4.3, §6.4.9; RFC 7162 §3.2.7, §3.2.9)."""

from __future__ import annotations

from lightmail._core import imap
from lightmail.errors import NoRight, ReadOnly
from lightmail.imap.message_limits import last_messages
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.model import Rights

_DELETED_BIT = 1 << 2
_EXPUNGED = Done("Expunged")


async def expunge(session: Session, command: imap.Expunge) -> Done:
    """Remove what is marked \\Deleted, of the given UIDs only when there are any. EXPUNGE follows from the views."""
    selected = session.selected
    assert selected is not None
    if selected.read_only:
        raise ReadOnly("this mailbox")
    if Rights.EXPUNGE not in selected.rights:
        raise NoRight(selected.name, Rights.EXPUNGE.letters)
    uids = part = None
    if command.uids is not None:
        uids = selected.view.resolve(command.uids, uid=True, saved=selected.saved)
        if not uids:
            return _EXPUNGED
        # RFC 9738 §3.1: of these only; EXPUNGE knows no limit.
        part = last_messages(selected.live.snapshot.flagged(_DELETED_BIT, within=uids), session.config.limits)
        uids = part.uids if part.exceeded is not None else uids
    outcome = await session.mail.expunge(selected.mailbox.id, uids)
    if outcome.expunged:
        session.audit("messages expunged", mailbox=selected.name, messages=len(outcome.expunged))
    done = _EXPUNGED
    if session.qresync and outcome.expunged:
        # RFC 7162 §3.2.7: all that this MODSEQ covers is announced before the tagged response.
        done = Done("Expunged", code=b"HIGHESTMODSEQ %d" % outcome.modseq)
    return done if part is None else part.told(session, done)
