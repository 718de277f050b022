"""STATUS (RFC 9051 §6.3.11; SIZE: RFC 8438; HIGHESTMODSEQ: RFC 7162 §3.1.7; APPENDLIMIT: RFC 7889 §3;
MAILBOXID: RFC 8474 §4.3; DELETED-STORAGE: RFC 9208 §4.1.4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lightmail._core import imap
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.model import Mailbox, MailboxStatus, Rights

_DONE = Done("That is its status")
DELETED_STORAGE = "DELETED-STORAGE"
"""The only item that no counter answers: an index knows the messages in question."""

_VALUES: dict[str, Callable[[Mailbox | MailboxStatus], int | str]] = {
    "MESSAGES": lambda status: status.messages,
    "RECENT": lambda status: status.recent,
    "UIDNEXT": lambda status: status.uid_next,
    "UIDVALIDITY": lambda status: status.uid_validity,
    "UNSEEN": lambda status: status.unseen,
    "DELETED": lambda status: status.deleted,
    "SIZE": lambda status: status.size_octets,
    "HIGHESTMODSEQ": lambda status: status.highest_modseq,
    "MAILBOXID": lambda status: f"({mailbox_id(status)})",
}


def mailbox_id(mailbox: Mailbox | MailboxStatus) -> str:
    """Its object id (RFC 8474 §4): the same under another name, another one when a name that was deleted comes back.

    UIDVALIDITY is in it because a mailbox with children that is deleted keeps its row.
    """
    return f"F{mailbox.id}-{mailbox.uid_validity}"


async def status(session: Session, command: imap.Status) -> Done:
    """From the mailbox's row alone, the selected one's too: it may know more than this session has been told."""
    place = await session.place(command.mailbox, Rights.READ)
    known = await session.mail.mailboxes.status(place.owner, place.name)
    note_items(session, command.items)
    deleted_octets = 0
    if DELETED_STORAGE in command.items and known.deleted:
        deleted_octets = (await session.mail.mailboxes.deleted_octets([known.id])).get(known.id, 0)
    session.send(status_line(session, command.mailbox, known, command.items, deleted_octets))
    return _DONE


def note_items(session: Session, items: Sequence[str]) -> None:
    """HIGHESTMODSEQ among them is a CONDSTORE enabling command (RFC 7162 §3.1)."""
    if "HIGHESTMODSEQ" in items:
        session.condstore = True


def status_line(
    session: Session,
    name: str,
    known: Mailbox | MailboxStatus,
    items: Sequence[str],
    deleted_octets: int = 0,
) -> bytes:
    """The untagged STATUS (RFC 9051 §7.3.4), items in the order asked for. deleted_octets: for DELETED-STORAGE."""
    others = {"APPENDLIMIT": session.config.limits.message_octets, DELETED_STORAGE: deleted_octets}
    values = [f"{item} {_VALUES[item](known) if item in _VALUES else others[item]}" for item in items]
    return b"* STATUS %s (%s)\r\n" % (session.mailbox_name(name), " ".join(values).encode())
