"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, NAMESPACE (RFC 9051 §6.3.4-6.3.8, §6.3.10)."""

from __future__ import annotations

from lightmail._core import imap
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.mail.mailboxes import normal_name
from lightmail.model import DELIMITER, UserId

_NAMESPACE = Done("One namespace, yours")


async def create(session: Session, command: imap.Create) -> Done:
    """With special use: RFC 6154 §3."""
    mailbox = await session.mail.mailboxes.create(_user_id(session), command.mailbox, special_use=command.special_use)
    _tell_normal_name(session, command.mailbox, mailbox.name)
    return Done("Created")


async def delete(session: Session, command: imap.Delete) -> Done:
    """The selected mailbox may be deleted: it is closed then (RFC 9051 §3, CLOSED)."""
    await session.mail.mailboxes.delete(_user_id(session), command.mailbox)
    if session.selected is not None and session.selected.live.deleted:
        session.deselect()
        session.send(b"* OK [CLOSED] The selected mailbox was deleted\r\n")
    return Done("Deleted")


async def rename(session: Session, command: imap.Rename) -> Done:
    await session.mail.mailboxes.rename(_user_id(session), command.source, command.target)
    _tell_normal_name(session, command.target, normal_name(command.target), old=command.source)
    return Done("Renamed")


async def subscribe(session: Session, command: imap.Subscribe) -> Done:
    await session.mail.mailboxes.subscribe(_user_id(session), command.mailbox, subscribed=True)
    return Done("Subscribed")


async def unsubscribe(session: Session, command: imap.Unsubscribe) -> Done:
    await session.mail.mailboxes.subscribe(_user_id(session), command.mailbox, subscribed=False)
    return Done("Unsubscribed")


async def namespace(session: Session, command: imap.Namespace) -> Done:
    """One personal namespace; nobody else's, none shared (RFC 2342)."""
    session.send(b'* NAMESPACE (("" "%s")) NIL NIL\r\n' % DELIMITER.encode())
    return _NAMESPACE


def _tell_normal_name(session: Session, given: str, normal: str, old: str | None = None) -> None:
    """A name that was changed on its way in is told (RFC 9051 §6.3.4, §6.3.6, §6.3.9.7: OLDNAME)."""
    if session.rev2 and (given != normal or (old is not None and old != normal_name(old))):
        session.send(
            b'* LIST () "%s" %s ("OLDNAME" (%s))\r\n'
            % (DELIMITER.encode(), session.mailbox_name(normal), session.mailbox_name(old or given))
        )


def _user_id(session: Session) -> UserId:
    assert session.user is not None
    return session.user.id
