"""NOTIFY (RFC 5465)."""

from __future__ import annotations

from lightmail._core import imap
from lightmail.imap import sync
from lightmail.imap.notify import EVENTS, Notifying
from lightmail.imap.replies import Done
from lightmail.imap.session import Session

_KNOWN = frozenset(event.upper() for event in EVENTS)
_NONE = Done("Nothing is told")
_SET = Done("It will be told")
_BAD_EVENT = Done("Some event is not known here", code=b"BADEVENT (%s)" % " ".join(EVENTS).encode(), status=b"NO")


async def notify(session: Session, command: imap.Notify) -> Done:
    """What was asked for before is forgotten, unless this is refused. The selected mailbox is told of as by NOOP (§3.1)."""
    groups = command.groups or ()
    if any(group.events - _KNOWN for group in groups):
        return _BAD_EVENT
    notifying = Notifying(session, groups)
    selected = session.selected
    if groups and selected is not None and selected.behind:
        await sync.synchronize(session, selected, expunge=True, uid=False, whole=True)
    await notifying.start()
    session.set_notify(notifying)
    for line in notifying.beginning():
        session.send(line)
    if command.status:
        for line in notifying.status():
            session.send(line)
        await session.drain()
    return _SET if groups else _NONE
