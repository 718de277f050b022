"""UIDBATCHES (RFC 10022): ranges of UIDs with equally many messages, so that a client can ask for little at a time."""

from __future__ import annotations

from lightmail._core import imap
from lightmail.imap.replies import Done
from lightmail.imap.session import Session

LEAST_MESSAGES = 500
"""In one batch."""

_DONE = Done("These are the batches")
_TOO_FEW = Done(f"A batch has at least {LEAST_MESSAGES} messages", code=b"TOOFEW", status=b"NO")
_BACKWARDS = Done("The first batch wanted comes before the last", code=b"CLIENTBUG", status=b"BAD")


async def uid_batches(session: Session, command: imap.UidBatches) -> Done:
    """From the greatest UID down, without a gap, to 1. `$` stays what it is."""
    selected = session.selected
    assert selected is not None
    first, last = command.batches or (1, 2**32 - 1)
    if first > last:
        return _BACKWARDS
    if command.size < LEAST_MESSAGES:
        return _TOO_FEW
    ranges = selected.view.batches(command.size, first, last)
    told = b",".join(b"%d:%d" % batch for batch in ranges)
    session.send(b'* UIDBATCHES (TAG "%s")%s\r\n' % (command.tag.encode(), b" " + told if told else b""))
    return _DONE
