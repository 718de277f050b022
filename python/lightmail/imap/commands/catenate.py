"""The URL parts of CATENATE (RFC 4469): octets of messages that are here already, as FETCH BODY would answer with them.

An URL leads to a message that this session may read by a name that it could SELECT. Every other one is BADURL, whatever
is wrong with it, so that nobody learns by it what others have.
"""

from __future__ import annotations

from lightmail._core.imap import AppendUrl, MessageUrl
from lightmail._core.index import BodySlot, FetchRun, Snapshot, UidSet
from lightmail.errors import (
    MailboxNameInvalid,
    MailboxNotFound,
    MailboxNotSelectable,
    NoRight,
    Unavailable,
    UrlRefused,
)
from lightmail.imap.commands.fetch_windows import prepare
from lightmail.imap.session import Session
from lightmail.model import DELIMITER


class Sources:
    """Of one APPEND. The parts of a new message mostly come from one old one: the last mailbox is remembered."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last: tuple[str, int, Snapshot] | None = None
        """Name, UIDVALIDITY, and what is in it."""

    async def pieces(self, url: AppendUrl) -> list[bytes | BodySlot]:
        """What the URL names, in order; slots are not decoded.

        Raises UrlRefused, BodyMissing, BodyCorrupt, Unavailable.
        """
        target = url.target
        name = None if target is None else self._name(target)
        if target is None or name is None:
            raise UrlRefused(url.url)
        try:
            uid_validity, view = await self._mailbox(name)
        except (MailboxNotFound, MailboxNotSelectable, MailboxNameInvalid, NoRight) as error:
            raise UrlRefused(url.url) from error
        if target.uid_validity not in (None, uid_validity):
            raise UrlRefused(url.url)
        mail, user = self._session.mail, self._session.user
        assert user is not None
        uids = UidSet([target.uid])
        run = FetchRun(target.plan, view, uids, uid=True, modseq=False, recent_from=0, rev2=True)
        if not run.done:
            await prepare(mail, run, user.id)
        try:
            pieces = run.section(mail.summaries.cache)
        except LookupError as error:
            raise Unavailable("summary of a message") from error
        if pieces is None:
            raise UrlRefused(url.url)
        return pieces

    def _name(self, target: MessageUrl) -> str | None:
        """The base URL is that of the selected mailbox (RFC 4469 §3)."""
        selected = self._session.selected
        if target.mailbox is None:
            return None if selected is None else selected.name
        if target.absolute or selected is None:
            return target.mailbox
        above, delimiter, _ = selected.name.rpartition(DELIMITER)
        return above + delimiter + target.mailbox

    async def _mailbox(self, name: str) -> tuple[int, Snapshot]:
        if self._last is None or self._last[0] != name:
            mailbox = (await self._session.mailbox(name)).mailbox
            live = await self._session.mail.open(mailbox.id)
            self._last = (name, mailbox.uid_validity, live.snapshot)
            live.release()
        return self._last[1:]
