"""SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314 §3).

Identifiers are addresses and `anyone`, each also with "-" in front; there are no groups. Owners have all rights, which no
list can take from them; GETACL tells of them first.
"""

from __future__ import annotations

from lightmail._core import imap
from lightmail.auth.saslprep import Prohibited, saslprep
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.model import FlagOp, Rights
from lightmail.model.rights import VIRTUAL, rights_of

_SET = Done("Set")
_DELETED = Done("Deleted")
_LISTED = Done("That is all")
_BAD_IDENTIFIER = Done("That is no identifier (RFC 4314 section 3)", status=b"BAD")


async def set_acl(session: Session, command: imap.SetAcl) -> Done:
    return await _change(
        session, command.mailbox, command.identifier, FlagOp(command.op), rights_of(command.rights), _SET
    )


async def delete_acl(session: Session, command: imap.DeleteAcl) -> Done:
    return await _change(session, command.mailbox, command.identifier, FlagOp.SET, Rights.NONE, _DELETED)


async def get_acl(session: Session, command: imap.GetAcl) -> Done:
    found = await session.mailbox(command.mailbox, Rights.ADMINISTER)
    acl = ((found.account, Rights.ALL), *await session.mail.access.acl(found.mailbox.id))
    pairs = b"".join(b" %s %s" % (_astring(session, identifier), told(rights)) for identifier, rights in acl)
    session.send(b"* ACL %s%s\r\n" % (session.mailbox_name(found.wire_name), pairs))
    return _LISTED


async def list_rights(session: Session, command: imap.ListRights) -> Done:
    """No rights are tied together; the owner's are all given already."""
    found = await session.mailbox(command.mailbox, Rights.ADMINISTER)
    if not (prepared := _prepared(command.identifier)):
        return _BAD_IDENTIFIER
    identifier = await session.mail.access.identifier(prepared)
    letters = told(Rights.ALL)
    each = b" ".join(letters[at : at + 1] for at in range(len(letters)))
    rights = letters if identifier == found.account else b'"" ' + each
    session.send(
        b"* LISTRIGHTS %s %s %s\r\n"
        % (session.mailbox_name(found.wire_name), _astring(session, command.identifier), rights)
    )
    return _LISTED


async def my_rights(session: Session, command: imap.MyRights) -> Done:
    """Whoever may know of the mailbox has one of the rights that this needs (RFC 4314 §4)."""
    place = await session.mailbox(command.mailbox, Rights.NONE)
    session.send(my_rights_line(session, place.wire_name, place.rights))
    return _LISTED


def my_rights_line(session: Session, name: str, rights: Rights) -> bytes:
    """RFC 4314 §3.8; RFC 8440 §3."""
    return b"* MYRIGHTS %s %s\r\n" % (session.mailbox_name(name), told(rights))


def told(rights: Rights) -> bytes:
    """With the virtual rights of which some member is there (RFC 4314 §2.1.1)."""
    virtual = (letter for letter, members in VIRTUAL.items() if rights & members)
    return (rights.letters + "".join(virtual)).encode() or b'""'


async def _change(session: Session, mailbox: str, identifier: str, op: FlagOp, rights: Rights, done: Done) -> Done:
    found = await session.mailbox(mailbox, Rights.ADMINISTER)
    if not (prepared := _prepared(identifier)):
        return _BAD_IDENTIFIER
    access = session.mail.access
    await access.change_acl(found, await access.identifier(prepared), op, rights)
    return done


def _prepared(identifier: str) -> str:
    """Empty: it is none (RFC 4314 §3)."""
    try:
        return saslprep(identifier)
    except Prohibited:
        return ""


def _astring(session: Session, text: str) -> bytes:
    octets = text.encode()
    if octets.isascii() or session.names_are_utf8:
        return b'"%s"' % octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b"{%d}\r\n%s" % (len(octets), octets)
