"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, NAMESPACE (RFC 9051 §6.3.4-6.3.8, §6.3.10)."""

from __future__ import annotations

from lightmail._core import imap
from lightmail.errors import MailboxNameInvalid
from lightmail.imap.commands.status import mailbox_id
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.mail.mailboxes import normal_name
from lightmail.model import DELIMITER, Rights

_NAMESPACE = Done("These")


async def create(session: Session, command: imap.Create) -> Done:
    """With special use: RFC 6154 §3. MAILBOXID in the answer: RFC 8474 §4.1."""
    place = await session.new_place(command.mailbox)
    mailbox = await session.mail.mailboxes.create(place.owner, place.name, special_use=command.special_use)
    _tell_normal_name(session, command.mailbox, place.wire_name)
    return Done("Created", code=b"MAILBOXID (%s)" % mailbox_id(mailbox).encode())


async def delete(session: Session, command: imap.Delete) -> Done:
    """The selected mailbox may be deleted: it is closed then (RFC 9051 §3, CLOSED)."""
    place = await session.place(command.mailbox, Rights.DELETE_MAILBOX)
    await session.mail.mailboxes.delete(place.owner, place.name)
    session.audit("mailbox deleted", mailbox=command.mailbox)
    if session.selected is not None and session.selected.live.deleted:
        session.deselect()
        session.send(b"* OK [CLOSED] The selected mailbox was deleted\r\n")
    return Done("Deleted")


async def rename(session: Session, command: imap.Rename) -> Done:
    source = await session.place(command.source, Rights.DELETE_MAILBOX)
    target = await session.new_place(command.target)
    if source.owner != target.owner:
        raise MailboxNameInvalid(command.target, "belongs to somebody else")
    await session.mail.mailboxes.rename(source.owner, source.name, target.name)
    _tell_normal_name(session, command.target, target.wire_name, old=command.source)
    return Done("Renamed")


async def subscribe(session: Session, command: imap.Subscribe) -> Done:
    assert session.user is not None
    await session.mail.mailboxes.subscribe(session.user.id, command.mailbox, subscribed=True)
    return Done("Subscribed")


async def unsubscribe(session: Session, command: imap.Unsubscribe) -> Done:
    assert session.user is not None
    await session.mail.mailboxes.subscribe(session.user.id, command.mailbox, subscribed=False)
    return Done("Unsubscribed")


async def namespace(session: Session, command: imap.Namespace) -> Done:
    """One personal namespace, one of other users and one that is shared, where the configuration has them (RFC 2342)."""
    access = session.mail.access
    spaces = b" ".join(_namespace(session, name) for name in (access.users, access.shared))
    session.send(b'* NAMESPACE (("" "%s")) %s\r\n' % (DELIMITER.encode(), spaces))
    return _NAMESPACE


def _namespace(session: Session, name: str) -> bytes:
    if not name:
        return b"NIL"
    # A string here, where elsewhere an atom does as well (RFC 2342 §5).
    prefix = session.mailbox_name(name + DELIMITER).strip(b'"')
    return b'(("%s" "%s"))' % (prefix, DELIMITER.encode())


def _tell_normal_name(session: Session, given: str, normal: str, old: str | None = None) -> None:
    """A name that was changed on its way in is told (RFC 9051 §6.3.4, §6.3.6, §6.3.9.7: OLDNAME)."""
    if session.rev2 and (given != normal or (old is not None and old != normal_name(old))):
        session.send(
            b'* LIST () "%s" %s ("OLDNAME" (%s))\r\n'
            % (DELIMITER.encode(), session.mailbox_name(normal), session.mailbox_name(old or given))
        )
