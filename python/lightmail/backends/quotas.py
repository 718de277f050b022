"""Whether there is room in an account for what arrives (RFC 9208 §4.3.1), worked out without any I/O.

What an account uses is the sum of its mailboxes' counters, read by whoever writes to it alone: SQLite has one writer,
and in MySQL those that bring something to an account with a limit lock its row. Nodes of a Galera cluster know nothing
of each other's locks: two of them may, in the same moment, both find room for what only one of them has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lightmail.errors import OverQuota
from lightmail.model import MailboxId, Quota, UserId

STORAGE = "storage"
MESSAGES = "messages"
MAILBOXES = "mailboxes"


@dataclass(frozen=True, slots=True)
class Room:
    """What an account has, and what it may have; None: as much as it likes."""

    quota: Quota
    octets: int
    messages: int

    def lacks(self, octets: int, messages: int) -> str | None:
        """What there is not enough of when so much arrives; None: it fits."""
        if self.quota.octets is not None and self.octets + octets > self.quota.octets:
            return STORAGE
        if self.quota.messages is not None and self.messages + messages > self.quota.messages:
            return MESSAGES
        return None


def room(packed: str | bytes | None) -> Room | None:
    """packed: of the column `records.ROOM`."""
    if packed is None:
        return None
    octets, messages, *used = map(int, packed.split())
    quota = Quota(octets if octets >= 0 else None, messages if messages >= 0 else None)
    return Room(quota, used[0] + used[2], used[1] + used[3])


@dataclass(frozen=True, slots=True)
class Arrival:
    """What arrives in one mailbox."""

    mailbox_id: MailboxId
    user_id: UserId
    octets: int
    messages: int


def require(rooms: Mapping[UserId, Room | None], arriving: Iterable[Arrival]) -> None:
    """Raises OverQuota that names the mailboxes of all accounts that have no room for all that arrives in them."""
    by_user: dict[UserId, list[Arrival]] = {}
    for arrival in arriving:
        by_user.setdefault(arrival.user_id, []).append(arrival)
    full: set[MailboxId] = set()
    what = ""
    for user_id, arrivals in by_user.items():
        there = rooms.get(user_id)
        lacking = there and there.lacks(sum(one.octets for one in arrivals), sum(one.messages for one in arrivals))
        if lacking:
            what = lacking
            full.update(one.mailbox_id for one in arrivals)
    if full:
        raise OverQuota(what, frozenset(full))


def require_mailboxes(left: int | None, wanted: int) -> None:
    """left: of `records.MAILBOX_ROOM`. Raises OverQuota."""
    if left is not None and wanted > left:
        raise OverQuota(MAILBOXES)
