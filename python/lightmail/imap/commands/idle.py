"""IDLE (RFC 9051 §6.3.13, RFC 2177). While it lasts the connection owns no task: changes call back."""

from __future__ import annotations

from lightmail._core import imap
from lightmail.imap import sync
from lightmail.imap.notify import Notifying
from lightmail.imap.replies import Ask, Done, Outcome
from lightmail.imap.selected import Selected
from lightmail.imap.session import Session
from lightmail.mail.live import LiveMailbox
from lightmail.model import Rights

_DONE = Done("No longer idle")
_NOT_DONE = Done("IDLE ends with DONE", status=b"BAD")


async def idle(session: Session, command: imap.Idle) -> Outcome:
    """Also without a selected mailbox; there is nothing to tell then."""
    if session.notify is not None:
        return _with_notify(session, session.notify)
    run = _Idle(session)
    run.start()
    return Ask(b"idling", run.done, run.stop)


def _with_notify(session: Session, notify: Notifying) -> Outcome:
    """RFC 5465 §4: exactly what NOTIFY asks for; expunges that it delays may be told now (§6.1.2)."""

    def stop() -> None:
        notify.idling = False

    async def done(line: bytes) -> Outcome:
        stop()
        return _DONE if line.strip().upper() == b"DONE" else _NOT_DONE

    notify.idling = True
    notify.wake()
    return Ask(b"idling", done, stop)


class _Idle:
    """Changes that come in one turn of the loop, or while the client does not read, are told together."""

    __slots__ = ("_live", "_session", "_waiting")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._live: LiveMailbox | None = None
        self._waiting = False

    def start(self) -> None:
        selected = self._session.selected
        if selected is not None:
            self._live = selected.live
            self._live.watch(self._changed)
            # What has happened before this, an EXPUNGE kept back for instance, is told at once.
            self._changed(self._live)

    def stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.unwatch(self._changed)

    async def done(self, line: bytes) -> Outcome:
        self.stop()
        return _DONE if line.strip().upper() == b"DONE" else _NOT_DONE

    def _changed(self, live: LiveMailbox) -> None:
        if not self._waiting:
            self._waiting = True
            self._session.output.run_soon(self._tell)

    def _may_be_told(self, selected: Selected) -> bool:
        """Of somebody else's mailbox."""
        self._waiting = True
        if sync.may_be_told(self._session, selected, self._known):
            self._waiting = False
            return True
        if Rights.READ not in selected.rights:
            self.stop()
        return False

    def _known(self) -> None:
        self._waiting = False
        if self._live is not None:
            self._changed(self._live)

    async def _tell(self) -> None:
        self._waiting = False
        session, selected = self._session, self._session.selected
        if self._live is None or selected is None or selected.live is not self._live:
            return
        if self._live.deleted:
            self.stop()
            sync.leave_deleted(session)
        elif not selected.own and not self._may_be_told(selected):
            return
        elif selected.behind:
            await sync.tell(session, selected, expunge=True, uid=False)
