"""Where a mailbox name leads, for one user: whose mailbox it is, and what they may do with it (RFC 4314).

    Work/Plans                          their own; all rights, known without asking anybody
    Users/ann@example.org/Work/Plans    another user's, where rights to it have been given away
    Shared/Plans                        of the account that the configuration names

A name below `Users` or `Shared` that leads to no mailbox of another which the user may know of is one of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from lightmail.config import Config
from lightmail.errors import (
    AddressInvalid,
    IdentifierRefused,
    MailboxNameInvalid,
    MailboxNotFound,
    MailboxNotSelectable,
    NoRight,
    Unavailable,
    UserNotFound,
)
from lightmail.mail.accounts import normal_address
from lightmail.mail.changes import Changes
from lightmail.mail.mailboxes import Mailboxes, check_name, normal_name
from lightmail.mail.rights_cache import RightsCache
from lightmail.model import (
    ANYONE,
    DELIMITER,
    Entries,
    FlagOp,
    Mailbox,
    MailboxId,
    Rights,
    SharedMailbox,
    User,
    UserId,
)
from lightmail.model.rights import granted, identifiers
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore

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

    def __init__(
        self, *, mailboxes: Mailboxes, metadata: MetadataStore, directory: Directory, changes: Changes, config: Config
    ) -> None:
        self._mailboxes = mailboxes
        self._metadata = metadata
        self._directory = directory
        self._changes = changes
        self._limits = config.limits
        self.users = normal_name(config.sharing.users)
        """The name above other users' mailboxes; empty: there is none."""
        self.shared = normal_name(config.sharing.shared) if config.sharing.account else ""
        """The name above shared mailboxes; empty: there is none."""
        self._shared_account = normal_address(config.sharing.account) if config.sharing.account else ""
        self._cache = RightsCache(metadata, changes)

    # ---- names

    async def place(self, user: User, wire_name: str, need: Rights) -> Place:
        """Where a name leads; in one's own hierarchy it may name nothing. Raises MailboxNotFound, NoRight."""
        name = normal_name(wire_name)
        foreign = self._foreign(user, name)
        if foreign is not None:
            found = await self._lookup(user, name, *foreign)
            if found is not None:
                found.demand(need)
                return found
        return Place(name, user.id, user.address, name, Rights.ALL, True)

    async def mailbox(self, user: User, wire_name: str, need: Rights) -> Found:
        """A mailbox that holds messages, as `Mailboxes.get` has it.

        Raises MailboxNotFound, MailboxNotSelectable, NoRight.
        """
        place = await self.place(user, wire_name, need)
        if isinstance(place, Found):
            if not place.mailbox.selectable:
                raise MailboxNotSelectable(place.wire_name)
            return place
        mailbox = await self._mailboxes.get(place.owner, place.name)
        return Found(place.wire_name, place.owner, place.account, place.name, place.rights, place.own, mailbox)

    async def new_place(self, user: User, wire_name: str) -> Place:
        """For a mailbox that is to be made: the rights are those to the nearest one above it (RFC 4314 §4, CREATE).

        Raises NoRight, MailboxNotFound, MailboxNameInvalid.
        """
        name = normal_name(wire_name)
        if name and name in (self.users, self.shared):
            raise MailboxNameInvalid(name, "has the mailboxes of others below it")
        foreign = self._foreign(user, name)
        if foreign is None:
            if name.partition(DELIMITER)[0] in (self.users, self.shared):
                raise MailboxNameInvalid(name, "is where the mailboxes of others are")
            return Place(name, user.id, user.address, name, Rights.ALL, True)
        account, inner = foreign
        check_name(inner, self._limits)
        levels = inner.split(DELIMITER)
        above = [DELIMITER.join(levels[:depth]) for depth in range(1, len(levels))]
        found = await self._metadata.shared_mailboxes(account, [*above, inner], identifiers(user.address))
        known = [one for one in found if granted(one.entries, user.address) & _KNOWS]
        if not known:
            raise MailboxNotFound(name)
        nearest = max((one for one in found if one.mailbox.name != inner), key=_depth, default=None)
        if nearest is None:
            raise NoRight(name, Rights.CREATE.letters)
        rights = granted(nearest.entries, user.address)
        place = Place(name, nearest.mailbox.user_id, account, inner, rights, False)
        if Rights.CREATE not in rights:
            raise NoRight(name, Rights.CREATE.letters)
        return place

    async def visible(self, user: User) -> list[Found]:
        """All mailboxes that LIST shows, \\Noselect ones too, with counters as of now; in any order. One statement."""
        limit = self._limits.mailboxes
        own, others = await self._metadata.visible_mailboxes(user.id, identifiers(user.address), limit)
        found = [Found(box.name, user.id, user.address, box.name, Rights.ALL, True, box) for box in own]
        for one in others:
            wire_name = self._wire_name(one)
            place = self._found(user, wire_name, one) if wire_name else None
            if place is not None and Rights.LOOKUP in place.rights:
                found.append(place)
        return found

    # ---- rights

    async def rights(self, user: User, mailbox_id: MailboxId) -> Rights:
        """To somebody else's mailbox that this process holds open. No statement unless it has changed."""
        return granted(await self._cache.get(mailbox_id), user.address)

    def rights_now(self, user: User, mailbox_id: MailboxId) -> Rights | None:
        """The same without asking anybody; None where somebody must be asked: see `when_known`."""
        entries = self._cache.known(mailbox_id)
        return None if entries is None else granted(entries, user.address)

    def when_known(self, mailbox_id: MailboxId, callback: Callable[[], None]) -> None:
        """Call back once `rights_now` has an answer; one question to the database, whoever waits."""
        self._cache.look(mailbox_id, callback)

    async def rights_anew(self, user: User, mailbox_id: MailboxId) -> Rights:
        """The same, for whoever opens it: what was remembered may have changed while nobody here had it open."""
        self._cache.forget(mailbox_id)
        return await self.rights(user, mailbox_id)

    async def acl(self, mailbox_id: MailboxId) -> Entries:
        return await self._metadata.get_acl(mailbox_id)

    async def change_acl(self, place: Found, identifier: str, op: FlagOp, rights: Rights) -> None:
        """SETACL and DELETEACL (RFC 4314 §3.1, §3.2). The owner's rights are not to be changed: they are complete.

        identifier: as `identifier` returns it. Raises IdentifierRefused, LimitExceeded, MailboxNotFound.
        """
        if identifier.removeprefix("-") == place.account:
            raise IdentifierRefused(identifier, "the owner of a mailbox has all rights to it")
        delta = await self._metadata.change_acl(place.mailbox.id, identifier, op, rights)
        await self._changes.committed(delta)
        if delta is not None:
            await self._tell(identifier)

    async def _tell(self, identifier: str) -> None:
        """Who has other rights may see other mailboxes (RFC 5465 §5.4)."""
        name = identifier.removeprefix("-")
        if name == ANYONE:
            self._changes.anywhere()
            return
        # Whoever is gone sees nothing; who could not be found now looks with the next change.
        with suppress(UserNotFound, Unavailable):
            self._changes.account((await self._directory.get_user(name)).id)

    async def identifier(self, text: str) -> str:
        """The form that lists hold: `anyone`, or the address of an account; an alias stands for its account.

        Raises IdentifierRefused: it is neither (there are no groups).
        """
        sign = "-" if text.startswith("-") else ""
        name = text.removeprefix("-")
        if name.lower() == ANYONE:
            return sign + ANYONE
        try:
            return sign + (await self._directory.resolve(normal_address(name))).address
        except (AddressInvalid, UserNotFound) as error:
            raise IdentifierRefused(text, "there is no such user") from error

    async def close(self) -> None:
        """Nobody waits any more."""
        await self._cache.close()

    # ---- parts

    def _foreign(self, user: User, name: str) -> tuple[str, str] | None:
        """The account and the name in its hierarchy, if the name may lead there; it may also be an own one."""
        head, _, rest = name.partition(DELIMITER)
        if not rest:
            return None
        if head == self.shared and self.shared:
            return None if user.address == self._shared_account else (self._shared_account, normal_name(rest))
        if head != self.users or not self.users:
            return None
        account, _, inner = rest.partition(DELIMITER)
        try:
            account = normal_address(account)
        except AddressInvalid:
            return None
        return None if not inner or account in (user.address, self._shared_account) else (account, normal_name(inner))

    async def _lookup(self, user: User, wire_name: str, account: str, name: str) -> Found | None:
        """None: there is no such mailbox, as far as this user may know."""
        for one in await self._metadata.shared_mailboxes(account, [name], identifiers(user.address)):
            return self._found(user, self._wire_name(one) or wire_name, one)
        return None

    def _found(self, user: User, wire_name: str, one: SharedMailbox) -> Found | None:
        rights = granted(one.entries, user.address)
        if not rights & _KNOWS:
            return None
        box = one.mailbox
        return Found(wire_name, box.user_id, one.account, box.name, rights, False, box)

    def _wire_name(self, one: SharedMailbox) -> str | None:
        """None: it has no name for others."""
        if one.account == self._shared_account:
            return f"{self.shared}{DELIMITER}{one.mailbox.name}"
        if not self.users or DELIMITER in one.account:
            return None
        return f"{self.users}{DELIMITER}{one.account}{DELIMITER}{one.mailbox.name}"


def _depth(one: SharedMailbox) -> int:
    return one.mailbox.name.count(DELIMITER)
