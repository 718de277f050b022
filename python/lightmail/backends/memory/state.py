"""What the memory backends share: the tables of DESIGN in dictionaries, and the arithmetic on one mailbox."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lightmail._core.index import UidSet
from lightmail.backends.keywords import DELETED, SEEN, Keywords
from lightmail.backends.local import SystemClock
from lightmail.backends.quotas import Arrival, Room, require, require_mailboxes
from lightmail.errors import LimitExceeded, MailboxNotFound, StoreSealed, UserNotFound
from lightmail.model import (
    AppPassword,
    BodyId,
    BodyRecord,
    Delta,
    Entries,
    Mailbox,
    MailboxId,
    ModSeq,
    Rights,
    UidValidity,
    Usage,
    User,
    UserId,
)
from lightmail.model.rights import own_identifiers
from lightmail.ports.clock import Clock
from lightmail.ports.directory import SECRET_OCTETS

MAX_UID = 2**32 - 1


@dataclass(slots=True)
class StoredBody:
    record: BodyRecord
    references: int
    unreferenced_s: int = 0


@dataclass(slots=True)
class StoredMessage:
    """One row of `messages`."""

    uid: int
    body_id: BodyId
    flags: int
    modseq: ModSeq
    internaldate: int
    internaldate_zone: int
    savedate: int


@dataclass(slots=True)
class StoredMailbox:
    """One row of `mailboxes` with all that hangs on it."""

    id: MailboxId
    user_id: UserId
    name: str
    uid_validity: UidValidity
    special_use: tuple[str, ...] = ()
    selectable: bool = True
    uid_next: int = 1
    highest_modseq: ModSeq = field(default=ModSeq(1))
    recent_from: int = 1
    keywords: tuple[str, ...] = ()
    acl: dict[str, Rights] = field(default_factory=dict)
    messages: dict[int, StoredMessage] = field(default_factory=dict)
    """By UID, ascending."""
    expunges: list[tuple[ModSeq, int]] = field(default_factory=list)
    """(MODSEQ, UID), MODSEQ ascending."""

    def chosen(self, uids: UidSet) -> list[StoredMessage]:
        """Those that exist, ascending."""
        return [message for uid, message in self.messages.items() if uid in uids]

    @property
    def entries(self) -> Entries:
        return tuple((identifier, self.acl[identifier]) for identifier in sorted(self.acl))

    @property
    def next_modseq(self) -> ModSeq:
        return ModSeq(self.highest_modseq + 1)

    def take_uids(self, count: int) -> range:
        """The next UIDs. Raises LimitExceeded when they are used up (32 bit, RFC 9051 §2.3.1.1)."""
        first = self.uid_next
        if first + count > MAX_UID:
            raise LimitExceeded("UIDs of a mailbox", MAX_UID)
        self.uid_next += count
        return range(first, first + count)


class MemoryState:
    """Shared by the MemoryMetadata and the MemoryDirectory of one store."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.users: dict[UserId, User] = {}
        self.aliases: dict[str, UserId] = {}
        self.mailboxes: dict[MailboxId, StoredMailbox] = {}
        self.subscriptions: set[tuple[UserId, str]] = set()
        self.annotations: dict[tuple[MailboxId, UserId, str], tuple[bytes, UserId]] = {}
        """By mailbox, user (NOBODY: shared) and entry: the value, and whose account it goes with."""
        self.app_passwords: dict[bytes, AppPassword] = {}
        """By digest."""
        self.bodies: dict[BodyId, StoredBody] = {}
        self.uid_validities: dict[str, int] = {}
        """By address: the greatest one given; outlives the account (law 2)."""
        self.secret = secrets.token_bytes(SECRET_OCTETS)
        self.seal: str | None = None
        """Why nothing may be written any more."""
        self.leases: dict[str, tuple[str, int]] = {}
        """By name: the holder, and until when."""
        self.jobs: dict[str, bytes] = {}
        # Ids are never given twice.
        self.user_ids = itertools.count(1)
        self.mailbox_ids = itertools.count(1)
        self.body_ids = itertools.count(1)

    def writable(self) -> None:
        """Raises StoreSealed."""
        if self.seal is not None:
            raise StoreSealed(self.seal)

    def new_uid_validity(self, user_id: UserId) -> UidValidity:
        """Greater than any that this account, or an earlier one of its address, has had. Raises UserNotFound."""
        if user_id not in self.users:
            raise UserNotFound(str(user_id))
        address = self.users[user_id].address
        value = max(self.uid_validities.get(address, 0) + 1, self.clock.now_s())
        self.uid_validities[address] = value
        return UidValidity(value)

    def mailbox(self, mailbox_id: MailboxId) -> StoredMailbox:
        """One that can be selected. Raises MailboxNotFound."""
        mailbox = self.mailboxes.get(mailbox_id)
        if mailbox is None or not mailbox.selectable:
            raise MailboxNotFound(str(mailbox_id))
        return mailbox

    def page(self, after: MailboxId, limit: int) -> list[StoredMailbox]:
        """The next mailboxes, ascending by id."""
        return [self.mailboxes[mailbox_id] for mailbox_id in sorted(self.mailboxes) if mailbox_id > after][:limit]

    def raise_uid_validity(self, address: str, given: int) -> None:
        """This one has been given to the address; 0: none has."""
        if given:
            self.uid_validities[address] = max(given, self.uid_validities.get(address, 0))

    def remove_mailbox(self, mailbox: StoredMailbox) -> None:
        """With its messages; their bodies lose one reference each."""
        del self.mailboxes[mailbox.id]
        self.annotations = {key: kept for key, kept in self.annotations.items() if key[0] != mailbox.id}
        self.unrefer(message.body_id for message in mailbox.messages.values())

    def remove_user(self, user_id: UserId) -> None:
        """With all that hangs on it; nothing happens when there is no such account."""
        for mailbox in [mailbox for mailbox in self.mailboxes.values() if mailbox.user_id == user_id]:
            self.remove_mailbox(mailbox)
        self.subscriptions = {(user, name) for user, name in self.subscriptions if user != user_id}
        self.aliases = {address: user for address, user in self.aliases.items() if user != user_id}
        self.annotations = {key: kept for key, kept in self.annotations.items() if kept[1] != user_id}
        self.app_passwords = {key: kept for key, kept in self.app_passwords.items() if kept.user_id != user_id}
        user = self.users.pop(user_id, None)
        if user is not None:
            for mailbox in self.mailboxes.values():
                for identifier in own_identifiers(user.address):
                    mailbox.acl.pop(identifier, None)

    def usage(self, user_id: UserId) -> Usage:
        mailboxes = [mailbox for mailbox in self.mailboxes.values() if mailbox.user_id == user_id]
        return Usage(
            octets=sum(self.octets(mailbox.messages.values()) for mailbox in mailboxes),
            messages=sum(len(mailbox.messages) for mailbox in mailboxes),
            mailboxes=sum(mailbox.selectable for mailbox in mailboxes),
        )

    def require_room(self, arriving: Sequence[Arrival]) -> None:
        """Raises OverQuota."""
        rooms: dict[UserId, Room | None] = {}
        for user_id in {arrival.user_id for arrival in arriving}:
            used = self.usage(user_id)
            rooms[user_id] = Room(self.users[user_id].quota, used.octets, used.messages)
        require(rooms, arriving)

    def require_mailboxes(self, user_id: UserId, wanted: int) -> None:
        """Raises OverQuota, UserNotFound."""
        if user_id not in self.users:
            raise UserNotFound(str(user_id))
        limit = self.users[user_id].quota.mailboxes
        require_mailboxes(None if limit is None else limit - self.usage(user_id).mailboxes, wanted)

    def refer(self, body_ids: Iterable[BodyId]) -> None:
        for body_id in body_ids:
            self.bodies[body_id].references += 1

    def unrefer(self, body_ids: Iterable[BodyId]) -> None:
        for body_id in body_ids:
            body = self.bodies[body_id]
            body.references -= 1
            if not body.references:
                body.unreferenced_s = self.clock.now_s()

    def octets(self, messages: Iterable[StoredMessage]) -> int:
        return sum(self.bodies[message.body_id].record.raw_octets for message in messages)

    def view(self, mailbox: StoredMailbox) -> Mailbox:
        messages = mailbox.messages.values()
        return Mailbox(
            id=mailbox.id,
            user_id=mailbox.user_id,
            name=mailbox.name,
            uid_validity=mailbox.uid_validity,
            uid_next=mailbox.uid_next,
            highest_modseq=mailbox.highest_modseq,
            subscribed=(mailbox.user_id, mailbox.name) in self.subscriptions,
            special_use=mailbox.special_use,
            selectable=mailbox.selectable,
            messages=len(messages),
            unseen=sum(not message.flags & SEEN for message in messages),
            deleted=sum(bool(message.flags & DELETED) for message in messages),
            size_octets=self.octets(messages),
            recent_from=mailbox.recent_from,
            recent=sum(uid >= mailbox.recent_from for uid in mailbox.messages),
        )

    def packed(self, messages: Iterable[StoredMessage]) -> list[str]:
        """Blocks of packed rows (MESSAGE_ROW); [] when there are none."""
        block = "".join(self._row(message) for message in messages)
        return [block] if block else []

    def _row(self, message: StoredMessage) -> str:
        record = self.bodies[message.body_id].record
        columns = (
            message.uid,
            record.raw_octets,
            message.flags,
            message.modseq,
            message.body_id,
            message.internaldate,
            message.internaldate_zone,
            message.savedate,
            record.summary.sent_date,
            record.summary.sent_zone,
        )
        return " ".join(map(str, columns)) + "\n"

    def commit(
        self,
        mailbox: StoredMailbox,
        changed: Iterable[StoredMessage],
        *,
        expunged: Iterable[int] = (),
        keywords: Keywords | None = None,
    ) -> Delta:
        """Close one change of a mailbox: its new MODSEQ, which all messages named get, and what it has become."""
        base, modseq = mailbox.highest_modseq, mailbox.next_modseq
        mailbox.highest_modseq = modseq
        changed, expunged = list(changed), sorted(expunged)
        for message in changed:
            message.modseq = modseq
        for uid in expunged:
            del mailbox.messages[uid]
            mailbox.expunges.append((modseq, uid))
        if keywords is not None:
            mailbox.keywords = keywords.names
        return Delta(
            mailbox_id=mailbox.id,
            base_modseq=base,
            highest_modseq=modseq,
            uid_next=mailbox.uid_next,
            rows=self.packed(changed),
            expunged=UidSet(expunged),
            keywords=mailbox.keywords,
        )
