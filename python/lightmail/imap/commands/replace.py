"""REPLACE, UID REPLACE (RFC 8508): an APPEND of one message in whose place another one goes, in one transaction."""

from __future__ import annotations

from lightmail._core.imap import AppendMessage, ReplaceMessage
from lightmail._core.index import UidSet
from lightmail.errors import MailboxNotFound, MessageNotFound, NoRight, ReadOnly
from lightmail.imap.commands.append import AppendRun
from lightmail.imap.commands.copy import NO_TARGET
from lightmail.imap.replies import Done
from lightmail.imap.sync import renew_rights
from lightmail.model import Rights, Uid

_LEAVES = Rights.DELETE | Rights.EXPUNGE
"""RFC 8508 §4.1, RFC 4314 §4: what STORE \\Deleted and EXPUNGE need."""
_GONE = Done("The message no longer exists", code=b"EXPUNGEISSUED", status=b"NO")


class ReplaceRun(AppendRun):
    """The number means the message that this client knows by it when the octets begin."""

    _replaced = Uid(0)

    async def finish(self) -> Done:
        """APPENDUID comes before the EXPUNGE, which follows from the views (RFC 8508 §4.3)."""
        session, selected = self._session, self._session.selected
        if self._failure is None and selected is not None:
            (message,) = self._messages
            try:
                appended = await session.mail.replace(selected.mailbox.id, self._replaced, message)
            except MailboxNotFound:
                return NO_TARGET
            if appended is None:
                return _GONE
            session.added(message.mailbox_id, UidSet([appended.uid]))
            session.send(b"* OK [APPENDUID %d %d] Replacement ready\r\n" % (appended.uid_validity, appended.uid))
            live = selected.live
            if session.qresync and not live.stale:
                # RFC 8508 §4.5, RFC 7162 §3.2.9
                return Done("Replaced", code=b"HIGHESTMODSEQ %d" % live.snapshot.highest_modseq)
            return Done("Replaced")
        return await super().finish()

    async def _admit(self, event: AppendMessage) -> None:
        assert isinstance(event, ReplaceMessage)
        selected = self._session.selected
        assert selected is not None
        if not selected.own:
            await renew_rights(self._session, selected, needed=True)
            if self._session.selected is not selected or Rights.READ not in selected.rights:
                raise NoRight(selected.name, Rights.READ.letters)
        if selected.read_only:
            raise ReadOnly("this mailbox")
        if _LEAVES not in selected.rights:
            raise NoRight(selected.name, (_LEAVES & ~selected.rights).letters)
        uids = selected.view.resolve(event.set, uid=event.uid)
        if not uids:
            raise MessageNotFound()
        self._replaced = Uid(uids.first)
        await super()._admit(event)
