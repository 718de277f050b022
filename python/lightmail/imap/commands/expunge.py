"""EXPUNGE, UID EXPUNGE (RFC 9051 §6.4.3, §6.4.9; RFC 7162 §3.2.7, §3.2.9)."""

from __future__ import annotations

from lightmail._core import imap
from lightmail.errors import NoRight, ReadOnly
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.model import Rights

_EXPUNGED = Done("Expunged")


async def expunge(session: Session, command: imap.Expunge) -> Done:
    """Remove what is marked \\Deleted, of the given UIDs only when there are any. EXPUNGE follows from the views."""
    selected = session.selected
    assert selected is not None
    if selected.read_only:
        raise ReadOnly("this mailbox")
    if Rights.EXPUNGE not in selected.rights:
        raise NoRight(selected.name, Rights.EXPUNGE.letters)
    uids = None
    if command.uids is not None:
        uids = selected.view.resolve(command.uids, uid=True, saved=selected.saved)
        if not uids:
            return _EXPUNGED
    outcome = await session.mail.expunge(selected.mailbox.id, uids)
    if session.qresync and outcome.expunged:
        # RFC 7162 §3.2.7: all that this MODSEQ covers is announced before the tagged response.
        return Done("Expunged", code=b"HIGHESTMODSEQ %d" % outcome.modseq)
    return _EXPUNGED
