"""Flags: as clients name them, those of them that a mailbox keeps, and how a client is told of them."""

from __future__ import annotations

from lightmail._core.index import SYSTEM_FLAGS, UidSet
from lightmail.imap.commands.sets import pieces
from lightmail.imap.selected import Selected
from lightmail.imap.session import Session

_MESSAGES_AT_ONCE = 2_000
_SYSTEM = frozenset(flag.lower() for flag in SYSTEM_FLAGS)


def kept(flags: tuple[str, ...]) -> tuple[str, ...]:
    """Without \\Recent, which no client can set, and without system flags that nobody has defined.

    A flag that is not in PERMANENTFLAGS is ignored (RFC 9051 §7.1), so that what a client has fetched from one server
    it may store on another.
    """
    return tuple(flag for flag in flags if not flag.startswith("\\") or flag.lower() in _SYSTEM)


async def tell_flags(session: Session, selected: Selected, uids: UidSet, *, uid: bool) -> None:
    """FLAGS as the view has them, of messages that comparing views would not tell of. uid: in answer to a UID command."""
    for piece in pieces(uids, _MESSAGES_AT_ONCE):
        session.send(
            selected.view.fetch_flags(
                piece, uid=uid, modseq=session.condstore, recent_from=selected.recent_from, rev2=session.rev2
            )
        )
        await session.drain()
