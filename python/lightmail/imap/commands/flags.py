"""Flags: as clients name them, those of them that a mailbox keeps, and how a client is told of them."""

from __future__ import annotations

from lightmail._core.index import SYSTEM_FLAGS, UidSet
from lightmail.imap.commands.sets import pieces
from lightmail.imap.selected import Selected
from lightmail.imap.session import Session
from lightmail.model import Rights
from lightmail.model.rights import covered

_MESSAGES_AT_ONCE = 2_000
_SYSTEM = frozenset(flag.lower() for flag in SYSTEM_FLAGS)


def kept(flags: tuple[str, ...], rights: Rights = Rights.ALL) -> tuple[str, ...]:
    """Without \\Recent, which no client can set, without system flags that nobody has defined, and without those that this
    user has no right to (RFC 4314 §4).

    A flag that is not in PERMANENTFLAGS is ignored (RFC 9051 §7.1), so that what a client has fetched from one server
    it may store on another.
    """
    return covered(rights, (flag for flag in flags if not flag.startswith("\\") or flag.lower() in _SYSTEM))


async def tell_flags(session: Session, selected: Selected, uids: UidSet, *, uid: bool) -> None:
    """FLAGS as the view has them, of messages that comparing views would not tell of. uid: in answer to a UID command."""
    for piece in pieces(uids, _MESSAGES_AT_ONCE):
        session.send(
            selected.view.fetch_flags(
                piece,
                uid=uid,
                modseq=session.condstore,
                recent_from=selected.recent_from,
                rev2=session.rev2,
                uid_only=session.uid_only,
            )
        )
        await session.drain()
