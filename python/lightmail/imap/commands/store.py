"""STORE, UID STORE (RFC 9051 §6.4.6; UNCHANGEDSINCE: RFC 7162 §3.1.3)."""

from __future__ import annotations

from lightmail._core import imap
from lightmail._core.index import Snapshot, UidSet
from lightmail.errors import NoRight, ReadOnly
from lightmail.imap.commands.flags import kept, tell_flags
from lightmail.imap.message_limits import last_messages
from lightmail.imap.replies import Done
from lightmail.imap.selected import Selected
from lightmail.imap.session import Session
from lightmail.model import FlagOp, FlagOutcome, ModSeq, Rights
from lightmail.model.rights import needed

_STORED = Done("Stored")
_NOTHING = Done("Nothing to store")
_FLAGS = Rights.SEEN | Rights.WRITE | Rights.DELETE


async def store(session: Session, command: imap.Store) -> Done:
    """One verb for the whole set. What has changed is told by comparing views, after this; what has not, here."""
    selected = session.selected
    assert selected is not None
    if selected.read_only:
        raise ReadOnly("this mailbox")
    flags = kept(command.flags, selected.rights)
    if selected.rights is not Rights.ALL:
        wanted = kept(command.flags)
        if not selected.rights & _FLAGS or (wanted and not flags):
            # RFC 4314 §4: NO only where none of the flags may be changed.
            raise NoRight(selected.name, "".join(sorted({needed(flag).letters for flag in wanted})) or "w")
    uids = selected.view.resolve(command.set, uid=command.uid, saved=selected.saved)
    if command.unchanged_since is not None:
        session.condstore = True
    if not uids:
        return _NOTHING
    part = last_messages(uids, session.config.limits)
    return part.told(session, await _store(session, selected, command, part.uids, flags))


async def _store(
    session: Session, selected: Selected, command: imap.Store, uids: UidSet, flags: tuple[str, ...]
) -> Done:
    view = selected.view
    before = selected.live.snapshot
    outcome = await session.mail.set_flags(
        selected.mailbox.id,
        uids,
        FlagOp(command.op),
        flags,
        None if command.unchanged_since is None else ModSeq(command.unchanged_since),
        rights=selected.rights,
    )
    gone = uids - selected.live.snapshot.flagged(0, within=uids)
    silent = _own_changes(outcome, view, before) if command.silent else None
    if not command.silent or command.unchanged_since is not None:
        # Those that had them already: the client asked to be told (RFC 9051 §6.4.6), or must be (RFC 7162 §3.1.3).
        await tell_flags(session, selected, uids - outcome.changed - outcome.refused - gone, uid=command.uid)
    code = b""
    if outcome.refused:
        refused = outcome.refused if command.uid else view.seqs(outcome.refused)
        code = b"MODIFIED %s" % bytes(refused)
    if gone and not command.uid:
        # RFC 2180 §4.2.1; a UID that names no message is ignored (RFC 9051 §6.4.9).
        return Done("Some of the messages no longer exist", code=code or b"EXPUNGEISSUED", status=b"NO", silent=silent)
    if outcome.refused:
        return Done("Conditional STORE failed", code=code, silent=silent)
    return _STORED if silent is None else Done("Stored", silent=silent)


def _own_changes(outcome: FlagOutcome, view: Snapshot, before: Snapshot) -> UidSet | None:
    """Messages whose change is all this session's own, so that .SILENT may leave it untold (RFC 9051 §6.4.6).

    view: what the client knows; before: what this process knew just before the change.
    """
    delta = outcome.delta
    if delta is None or delta.base_modseq == view.highest_modseq:
        return outcome.changed
    if delta.base_modseq == before.highest_modseq:
        return outcome.changed - before.changed_since(view.highest_modseq, outcome.changed)
    return None
