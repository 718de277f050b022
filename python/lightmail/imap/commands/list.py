"""LIST in its basic and extended form, LSUB, XLIST (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154; RFC 3501 §6.3.9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from lightmail._core import imap
from lightmail.imap.commands.acl import my_rights_line
from lightmail.imap.commands.metadata import listed
from lightmail.imap.commands.status import DELETED_STORAGE, note_items, status_line
from lightmail.imap.patterns import Pattern
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.mail.access import Found
from lightmail.mail.annotations import annotatable
from lightmail.mail.mailboxes import normal_name
from lightmail.model import DELIMITER, INBOX, MailboxId, Rights

_LISTED = Done("That is all")
_ROOT = b'* LIST (\\Noselect) "%s" ""\r\n' % DELIMITER.encode()
_LINES_AT_ONCE = 500
_XLIST_USES = {"\\All": "\\AllMail", "\\Flagged": "\\Starred", "\\Junk": "\\Spam"}
"""Special uses that XLIST calls by another name than RFC 6154."""


async def list_mailboxes(session: Session, command: imap.List) -> Done:
    """One LIST for each name at most, followed by its STATUS where that is asked for."""
    if not command.extended and command.patterns == ("",):
        session.send(_ROOT)
        return _LISTED
    # "In the extended syntax, any mailbox name arguments that are empty strings are ignored."
    patterns = [Pattern(normal_name(command.reference + pattern)) for pattern in command.patterns if pattern]
    user = session.user
    assert user is not None
    mailboxes = await session.visible()
    subscribed = frozenset[str]()
    if "SUBSCRIBED" in command.select or ("SUBSCRIBED" in command.returns and not all(box.own for box in mailboxes)):
        subscribed = await session.mail.mailboxes.subscriptions(user.id)
    if "STATUS" in command.returns:
        note_items(session, command.status)
    names = _Names(mailboxes, subscribed)
    deleted_octets: Mapping[MailboxId, int] = {}
    if DELETED_STORAGE in command.status:
        marked = [found.mailbox.id for found in mailboxes if found.mailbox.deleted]
        deleted_octets = await session.mail.mailboxes.deleted_octets(marked)
    annotated: Mapping[MailboxId, Mapping[str, bytes]] = {}
    if "METADATA" in command.returns:
        readable = [found.mailbox for found in mailboxes if annotatable(found)]
        annotated = await session.mail.annotations.of_many(user, readable, command.metadata)
    lines = _lines(session, command, names, patterns, deleted_octets, annotated)
    while part := b"".join(islice(lines, _LINES_AT_ONCE)):
        session.send(part)
        await session.drain()
    return _LISTED


async def lsub(session: Session, command: imap.Lsub) -> Done:
    """Subscribed names. One hidden by a `%` shows its parent, as \\Noselect (RFC 3501 §6.3.9)."""
    if not command.pattern:
        session.send(_ROOT.replace(b"LIST", b"LSUB", 1))
        return _LISTED
    user = session.user
    assert user is not None
    pattern = Pattern(normal_name(command.reference + command.pattern))
    names = await session.mail.mailboxes.subscriptions(user.id)
    found = {name: b"" for name in names if pattern.matches(name)}
    if pattern.one_level:
        for name in _parents(name for name in names if name not in found):
            if name not in found and pattern.matches(name):
                found[name] = b"\\Noselect"
    lines = (
        b'* LSUB (%s) "%s" %s\r\n' % (found[name], DELIMITER.encode(), session.mailbox_name(name))
        for name in sorted(found)
    )
    while part := b"".join(islice(lines, _LINES_AT_ONCE)):
        session.send(part)
        await session.drain()
    return _LISTED


async def xlist(session: Session, command: imap.Xlist) -> Done:
    """LIST in its basic form with special uses, for clients that ask in no other way (Outlook, Windows Mail)."""
    if not command.pattern:
        session.send(_ROOT.replace(b"LIST", b"XLIST", 1))
        return _LISTED
    pattern = Pattern(normal_name(command.reference + command.pattern))
    names = _Names(await session.visible(), frozenset())
    lines = (
        b'* XLIST (%s) "%s" %s\r\n'
        % (
            " ".join(_xlist_attributes(names, name, found)).encode(),
            DELIMITER.encode(),
            session.mailbox_name(name),
        )
        for name, found in sorted(names.mailboxes.items())
        if pattern.matches(name)
    )
    while part := b"".join(islice(lines, _LINES_AT_ONCE)):
        session.send(part)
        await session.drain()
    return _LISTED


@dataclass(slots=True)
class _Names:
    """Everything a user has or may see, by name."""

    mailboxes: dict[str, Found]
    subscribed: frozenset[str]
    parents: set[str]
    """Names with mailboxes below them."""

    def __init__(self, mailboxes: Iterable[Found], subscribed: frozenset[str]) -> None:
        """subscribed: names that need not exist; only needed for the selection option SUBSCRIBED, and for mailboxes of
        others.
        """
        self.mailboxes = {found.wire_name: found for found in sorted(mailboxes, key=lambda found: found.own)}
        self.subscribed = subscribed
        self.parents = _parents(self.mailboxes)


def _lines(
    session: Session,
    command: imap.List,
    names: _Names,
    patterns: list[Pattern],
    deleted_octets: Mapping[MailboxId, int],
    annotated: Mapping[MailboxId, Mapping[str, bytes]],
) -> Iterator[bytes]:
    """LIST and STATUS responses, ordered by name (RFC 9051 §6.3.9.3)."""
    chosen = _chosen(names, command.select)
    # RFC 9051 §6.3.9.6: CHILDINFO wherever a descendant is chosen, whatever its own name matches; a name that is not
    # chosen itself is listed for it only if that descendant is not listed as well.
    above_chosen: set[str] = set()
    above_hidden: set[str] = set()
    if "RECURSIVEMATCH" in command.select:
        above_chosen = _parents(chosen)
        above_hidden = _parents(name for name in chosen if not _matches(patterns, name))
    if not command.select and any(pattern.one_level for pattern in patterns):
        # RFC 9051 §6.3.9: levels of hierarchy that "%" stops at. In one's own hierarchy each is a mailbox.
        above_hidden = names.parents - names.mailboxes.keys()
    basic = not (command.select or command.returns or command.status)
    told_subscribed = "SUBSCRIBED" in command.select or "SUBSCRIBED" in command.returns
    for name in sorted(chosen | above_hidden):
        if not _matches(patterns, name):
            continue
        found = names.mailboxes.get(name)
        attributes = [*_attributes(names, name, found)]
        if basic and found is None:
            attributes.insert(1, "\\Noselect")  # who asks as in RFC 3501 may not know what \NonExistent implies
        if told_subscribed and (found.mailbox.subscribed if found and found.own else name in names.subscribed):
            attributes.append("\\Subscribed")
        extended = b' ("CHILDINFO" ("SUBSCRIBED"))' if name in above_chosen else b""
        yield b'* LIST (%s) "%s" %s%s\r\n' % (
            " ".join(attributes).encode(),
            DELIMITER.encode(),
            session.mailbox_name(name),
            extended,
        )
        if found is None or name not in chosen:
            continue
        if command.status and found.mailbox.selectable and Rights.READ in found.rights:
            yield status_line(session, name, found.mailbox, command.status, deleted_octets.get(found.mailbox.id, 0))
        if command.metadata and annotatable(found):
            yield listed(session, name, command.metadata, annotated.get(found.mailbox.id, {}))
        if "MYRIGHTS" in command.returns and found.mailbox.selectable:
            yield my_rights_line(session, name, found.rights)


def _chosen(names: _Names, options: frozenset[str]) -> set[str]:
    """Names that meet the selection options, before any pattern (RFC 9051 §6.3.9.1). REMOTE adds nothing: none is."""
    chosen = set(names.subscribed) if "SUBSCRIBED" in options else set(names.mailboxes)
    if "SPECIAL-USE" in options:
        chosen = {name for name in chosen if name in names.mailboxes and _special_use(names.mailboxes[name])}
    return chosen


def _matches(patterns: list[Pattern], name: str) -> bool:
    return any(pattern.matches(name) for pattern in patterns)


def _attributes(names: _Names, name: str, found: Found | None) -> Iterator[str]:
    """RFC 9051 §7.3.1; accurate for every name, whether asked for or not."""
    if found is None:
        yield "\\NonExistent"
    elif not found.mailbox.selectable:
        yield "\\Noselect"
    yield "\\HasChildren" if name in names.parents else "\\HasNoChildren"
    if found is not None:
        yield from _special_use(found)


def _special_use(found: Found) -> tuple[str, ...]:
    """Where somebody else files what they have sent is no place for it for anybody else."""
    return found.mailbox.special_use if found.own else ()


def _xlist_attributes(names: _Names, name: str, found: Found) -> Iterator[str]:
    for attribute in _attributes(names, name, found):
        yield _XLIST_USES.get(attribute, attribute)
    if name == INBOX:
        yield "\\Inbox"


def _parents(names: Iterable[str]) -> set[str]:
    """Every name above one of these; each is looked at once."""
    parents: set[str] = set()
    for name in names:
        end = name.rfind(DELIMITER)
        while end > 0 and name[:end] not in parents:
            parents.add(name[:end])
            end = name.rfind(DELIMITER, 0, end)
    return parents
