"""Where a mailbox name leads, for one user: whose mailbox it is, and what they may do with it (RFC 4314).

Users have all rights to what is theirs, always: that is known without asking anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from lightmail.errors import MailboxNotFound, NoRight
from lightmail.mail.mailboxes import Mailboxes, normal_name
from lightmail.model import Mailbox, Rights, User, UserId

_KNOWS = Rights.LOOKUP | Rights.READ | Rights.INSERT | Rights.CREATE | Rights.DELETE_MAILBOX | Rights.ADMINISTER
"""Whoever has one of these may know that the mailbox is there (RFC 4314 §4, MYRIGHTS)."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a user's name for a mailbox means."""

    wire_name: str
    """As this user writes it, in its normal form."""
    owner: UserId
    account: str
    """The owner's address."""
    name: str
    """In the owner's own hierarchy, in its normal form."""
    rights: Rights
    """Of this user."""
    own: bool
    """It is in their own hierarchy."""

    def demand(self, need: Rights) -> None:
        """Raises NoRight; MailboxNotFound where the user may not even know of the mailbox (RFC 4314 §6)."""
        if need not in self.rights:
            if not self.rights & _KNOWS:
                raise MailboxNotFound(self.wire_name)
            raise NoRight(self.wire_name, (need & ~self.rights).letters)


@dataclass(frozen=True, slots=True)
class Found(Place):
    """A place with the mailbox that is there."""

    mailbox: Mailbox


class Access:
    """One instance per process."""

    def __init__(self, *, mailboxes: Mailboxes) -> None:
        self._mailboxes = mailboxes

    async def place(self, user: User, wire_name: str, need: Rights) -> Place:
        """Where a name leads; in one's own hierarchy it may name nothing. Raises MailboxNotFound, NoRight."""
        return self._own(user, wire_name)

    async def mailbox(self, user: User, wire_name: str, need: Rights) -> Found:
        """A mailbox that holds messages, as `Mailboxes.get` has it.

        Raises MailboxNotFound, MailboxNotSelectable, NoRight.
        """
        place = await self.place(user, wire_name, need)
        mailbox = await self._mailboxes.get(place.owner, place.name)
        return Found(place.wire_name, place.owner, place.account, place.name, place.rights, place.own, mailbox)

    async def new_place(self, user: User, wire_name: str) -> Place:
        """For a mailbox that is to be made: the rights are those to what it will be below (RFC 4314 §4, CREATE).

        Raises NoRight, MailboxNotFound.
        """
        return self._own(user, wire_name)

    async def visible(self, user: User) -> list[Found]:
        """All mailboxes that LIST shows, \\Noselect ones too, with counters as of now; in any order."""
        own = await self._mailboxes.list(user.id)
        return [Found(box.name, user.id, user.address, box.name, Rights.ALL, True, box) for box in own]

    def _own(self, user: User, wire_name: str) -> Place:
        name = normal_name(wire_name)
        return Place(name, user.id, user.address, name, Rights.ALL, True)
