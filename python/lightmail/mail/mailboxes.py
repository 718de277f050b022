"""Mailboxes of a user: what a name may be, and the rules of CREATE, DELETE and RENAME (RFC 9051 §6.3.4-6.3.6).

Names have one form, see `normal_name`; every method here accepts any spelling of it.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lightmail.config import Config
from lightmail.config.sections import Limits
from lightmail.errors import (
    InboxUndeletable,
    LimitExceeded,
    MailboxExists,
    MailboxNameInvalid,
    MailboxNotFound,
    MailboxNotSelectable,
    SpecialUseRefused,
)
from lightmail.mail.changes import Changes
from lightmail.model import DELIMITER, INBOX, Mailbox, MailboxId, MailboxStatus, ModSeq, UserId
from lightmail.ports.metadata import MetadataStore

SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important")
"""RFC 6154 §2, RFC 8457."""
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, lone surrogates, line and paragraph separators (RFC 9051 §5.1: Net-Unicode, RFC 5198 §2)."""
_USERS_REMEMBERED = 4096


def normal_name(name: str) -> str:
    """The one form of a mailbox name: Unicode NFC, and INBOX in upper case as the first level (RFC 9051 §5.1)."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if name[:5].upper() == INBOX and name[5:6] in ("", DELIMITER):
        return INBOX + name[5:]
    return name


def check_name(name: str, limits: Limits) -> None:
    """name: in its normal form. Raises MailboxNameInvalid when no mailbox may be called so (RFC 9051 §5.1)."""
    if not name:
        raise MailboxNameInvalid(name, "is empty")
    levels = name.split(DELIMITER)
    if "" in levels:
        raise MailboxNameInvalid(name, "has an empty level")
    if len(levels) > limits.mailbox_depth:
        raise MailboxNameInvalid(name, f"has more than {limits.mailbox_depth} levels")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in name):
        raise MailboxNameInvalid(name, "has control characters")
    if len(name.encode()) > limits.mailbox_name_octets:
        raise MailboxNameInvalid(name, f"is longer than {limits.mailbox_name_octets} octets")


@dataclass(slots=True)
class _Known:
    """What this process remembers of one user's mailboxes; names only, not counters."""

    by_name: dict[str, Mailbox] = field(default_factory=dict)
    status: dict[str, MailboxStatus] = field(default_factory=dict)


class Mailboxes:
    """One instance per process."""

    def __init__(
        self,
        *,
        metadata: MetadataStore,
        changes: Changes,
        config: Config,
        exclusive: bool,
    ) -> None:
        """exclusive: no other process is expected to write, so that rows may be remembered until a hint comes."""
        self._metadata = metadata
        self._changes = changes
        self._limits = config.limits
        self._mail = config.mail
        self._exclusive = exclusive
        self._known: OrderedDict[UserId, _Known] = OrderedDict()
        self._places: dict[MailboxId, tuple[UserId, str]] = {}
        self._generation = 0
        changes.listen(self._changed)

    # ---- reading

    async def list(self, user_id: UserId) -> list[Mailbox]:
        """All mailboxes of a user with counters as of now, ordered by name; \\Noselect ones included."""
        return await self._metadata.list_mailboxes(user_id)

    async def subscriptions(self, user_id: UserId) -> frozenset[str]:
        """Subscribed names; some may name no mailbox (RFC 9051 §6.3.7)."""
        return await self._metadata.list_subscriptions(user_id)

    async def get(self, user_id: UserId, name: str) -> Mailbox:
        """A mailbox that holds messages. Its counters, `uid_next` and `highest_modseq` may be of an earlier time: ask
        `status`, or open it, for these. INBOX is made when it is missing: an account always has one.

        Raises MailboxNotFound, MailboxNotSelectable.
        """
        name = normal_name(name)
        known = self._known_mailbox(user_id, name)
        if known is not None:
            return known
        generation = self._generation
        try:
            mailbox = await self._metadata.get_mailbox(user_id, name)
        except MailboxNotFound:
            if name != INBOX:
                raise
            mailbox = await self._create_inbox(user_id)
        if not mailbox.selectable:
            raise MailboxNotSelectable(name)
        self._learn(mailbox, generation)
        return mailbox

    async def any(self, user_id: UserId, name: str) -> Mailbox:
        """A mailbox, whether it holds messages or only others. Raises MailboxNotFound."""
        try:
            return await self.get(user_id, name)
        except MailboxNotSelectable:
            return await self._metadata.get_mailbox(user_id, normal_name(name))

    async def inboxes(self, user_ids: Sequence[UserId]) -> dict[UserId, MailboxId]:
        """INBOX of each of these users, with one statement for all that are not known. Raises UserNotFound, Unavailable."""
        found = {user_id: self._known_mailbox(user_id, INBOX) for user_id in user_ids}
        unknown = [user_id for user_id, mailbox in found.items() if mailbox is None]
        if unknown:
            generation = self._generation
            for user_id, mailbox in (await self._metadata.get_mailboxes(unknown, INBOX)).items():
                self._learn(mailbox, generation)
                found[user_id] = mailbox
        # It is made where it is missing.
        return {user_id: (mailbox or await self.get(user_id, INBOX)).id for user_id, mailbox in found.items()}

    async def status(self, user_id: UserId, name: str) -> MailboxStatus:
        """What STATUS reports, as of now (RFC 9051 §6.3.11). Reads no message.

        Raises MailboxNotFound, MailboxNotSelectable.
        """
        name = normal_name(name)
        known = self._known.get(user_id)
        if known is not None:
            status = known.status.get(name)
            if status is not None:
                return status
        if not self._exclusive:
            return await self._metadata.status(user_id, name)
        mailbox = await self.get(user_id, name)
        generation = self._generation
        status = await self._metadata.status(user_id, name)
        known = self._known.get(user_id)
        if known is not None and generation == self._generation and mailbox.id in self._places:
            known.status[name] = status
        return status

    async def deleted_octets(self, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, int]:
        """Octets of the messages with \\Deleted, of those mailboxes that have any, in one statement (RFC 9208 §4.1.4)."""
        return await self._metadata.deleted_octets(mailbox_ids)

    async def recent_from(self, mailbox: Mailbox, *, claim: int | None) -> int:
        """From which UID on messages are \\Recent to a session that opens this mailbox now (RFC 3501 §2.3.2).

        claim: UIDNEXT when the session is the one told of them, so that they are recent to nobody after it; None when
        it only looks (EXAMINE).
        """
        if claim is None or mailbox.recent_from >= claim:
            return mailbox.recent_from
        before = await self._metadata.claim_recent(mailbox.id, claim)
        known = self._known.get(mailbox.user_id)
        remembered = known.by_name.get(mailbox.name) if known is not None else None
        if known is not None and remembered is not None and remembered.id == mailbox.id:
            known.by_name[mailbox.name] = replace(remembered, recent_from=max(before, claim))
            known.status.pop(mailbox.name, None)
        return before

    # ---- changing

    async def create(self, user_id: UserId, name: str, *, special_use: tuple[str, ...] = ()) -> Mailbox:
        """Create a mailbox and the missing ones above it (RFC 9051 §6.3.4).

        special_use: RFC 6154 §3; at most one mailbox of a user has each use.
        Raises MailboxNameInvalid, MailboxExists, SpecialUseRefused, LimitExceeded, OverQuota.
        """
        name = normal_name(name)
        if name == INBOX:
            raise MailboxExists(name)
        check_name(name, self._limits)
        uses = tuple(special_use_of(use) for use in special_use)
        mailboxes = await self._metadata.list_mailboxes(user_id)
        if len(mailboxes) >= self._limits.mailboxes:
            raise LimitExceeded("mailboxes", self._limits.mailboxes)
        for mailbox in mailboxes:
            for use in uses:
                if use in mailbox.special_use:
                    raise SpecialUseRefused(use, f"mailbox {mailbox.name!r} has it")
        return await self._create(user_id, name, uses, within_quota=True)

    async def delete(self, user_id: UserId, name: str) -> None:
        """Remove a mailbox with its messages; one with others below it stays as \\Noselect (RFC 9051 §6.3.5).

        Its subscription stays. Raises InboxUndeletable, MailboxNotFound, MailboxHasChildren.
        """
        name = normal_name(name)
        if name == INBOX:
            raise InboxUndeletable()
        mailbox = await self._metadata.get_mailbox(user_id, name)
        await self._metadata.delete_mailbox(user_id, name)
        self._forget(user_id)
        self._changes.structure(mailbox.id, gone=True)
        self._changes.account(user_id)

    async def rename(self, user_id: UserId, source: str, target: str) -> None:
        """Give a mailbox and all below it another name (RFC 9051 §6.3.6).

        From INBOX it moves the messages to a new mailbox instead, and INBOX stays. What is below INBOX stays too.
        Raises MailboxNotFound, MailboxExists, MailboxNameInvalid, OverQuota.
        """
        source, target = normal_name(source), normal_name(target)
        if target == INBOX:
            raise MailboxExists(target)
        check_name(target, self._limits)
        if source == INBOX:
            await self.get(user_id, INBOX)
            outcome = await self._metadata.rename_inbox(user_id, target)
            self._forget(user_id)
            await self._changes.committed(outcome.source_delta, outcome.target_delta)
            self._changes.account(user_id)
            return
        if target == source:
            raise MailboxExists(target)
        if target.startswith(source + DELIMITER):
            raise MailboxNameInvalid(target, f"is below {source!r} itself")
        mailboxes = await self._metadata.list_mailboxes(user_id)
        moved = [box for box in mailboxes if box.name == source or box.name.startswith(source + DELIMITER)]
        for mailbox in moved:
            check_name(target + mailbox.name[len(source) :], self._limits)
        await self._metadata.rename_mailbox(user_id, source, target)
        self._forget(user_id)
        for mailbox in moved:
            self._changes.structure(mailbox.id)
        self._changes.account(user_id)

    async def subscribe(self, user_id: UserId, name: str, subscribed: bool) -> None:
        """The mailbox need not exist (RFC 9051 §6.3.7). Raises MailboxNameInvalid when it never could."""
        name = normal_name(name)
        if subscribed:
            check_name(name, self._limits)
        await self._metadata.set_subscribed(user_id, name, subscribed)
        self._forget(user_id)
        self._changes.account(user_id)

    async def provision(self, user_id: UserId) -> None:
        """INBOX and the special-use mailboxes of a new account; those that are there already are left alone."""
        present = {mailbox.name for mailbox in await self._metadata.list_mailboxes(user_id)}
        if INBOX not in present:
            await self._create_inbox(user_id)
        for name, use in self._mail.special_use.items():
            name = normal_name(name)
            check_name(name, self._limits)
            if name not in present:
                await self._create(user_id, name, (special_use_of(use),) if use else (), subscribe=self._mail.subscribe)

    # ---- what is remembered

    def _forget(self, user_id: UserId) -> None:
        self._generation += 1
        known = self._known.pop(user_id, None)
        if known is not None:
            for mailbox in known.by_name.values():
                self._places.pop(mailbox.id, None)

    def _changed(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        if modseq:
            place = self._places.get(mailbox_id)
            if place is not None:
                remembered = self._known[place[0]].status
                status = remembered.get(place[1])
                # An own commit comes back as a hint, perhaps after its result has been asked for.
                if status is not None and status.highest_modseq < modseq:
                    del remembered[place[1]]
            self._generation += 1
        elif mailbox_id in self._places:
            self._forget(self._places[mailbox_id][0])
        elif mailbox_id < 0:
            self._forget(UserId(-mailbox_id))  # see `place_of_account`
        else:
            self._generation += 1
            self._known.clear()
            self._places.clear()

    def _remember(self, user_id: UserId) -> _Known:
        known = self._known.get(user_id)
        if known is None:
            known = self._known[user_id] = _Known()
            if len(self._known) > _USERS_REMEMBERED:
                self._forget(next(iter(self._known)))
        return known

    def _known_mailbox(self, user_id: UserId, name: str) -> Mailbox | None:
        known = self._known.get(user_id)
        return None if known is None else known.by_name.get(name)

    def _learn(self, mailbox: Mailbox, generation: int) -> None:
        """generation: when the database was asked; what has changed since is not to be remembered."""
        if self._exclusive and generation == self._generation:
            self._remember(mailbox.user_id).by_name[mailbox.name] = mailbox
            self._places[mailbox.id] = (mailbox.user_id, mailbox.name)

    async def _create_inbox(self, user_id: UserId) -> Mailbox:
        try:
            return await self._create(user_id, INBOX, (), subscribe=self._mail.subscribe)
        except MailboxExists:
            return await self._metadata.get_mailbox(user_id, INBOX)

    async def _create(
        self,
        user_id: UserId,
        name: str,
        special_use: tuple[str, ...],
        *,
        subscribe: bool = False,
        within_quota: bool = False,
    ) -> Mailbox:
        mailbox = await self._metadata.create_mailbox(
            user_id, name, special_use=special_use, subscribe=subscribe, within_quota=within_quota
        )
        self._forget(user_id)
        self._changes.structure(mailbox.id)
        self._changes.account(user_id)
        return mailbox


def special_use_of(use: str) -> str:
    """The attribute in its usual spelling; attributes are not case-sensitive. Raises SpecialUseRefused."""
    for known in SPECIAL_USES:
        if known.lower() == use.lower():
            return known
    raise SpecialUseRefused(use, "nobody here knows it")
