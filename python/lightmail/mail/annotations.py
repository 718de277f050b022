"""Annotations of mailboxes and of the server (RFC 5464): who may read and set them, and what they may be."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.config import Config
from lightmail.errors import NoRight, NotPermitted, SpecialUseRefused
from lightmail.mail.access import Access, Place
from lightmail.mail.changes import Changes
from lightmail.mail.mailboxes import Mailboxes, special_use_of
from lightmail.mail.named_searches import check, limits_of
from lightmail.mail.quotas import Quotas
from lightmail.model import INBOX, NOBODY, PRIVATE, SERVER, Annotation, Mailbox, MailboxId, Rights, User
from lightmail.ports.metadata import MetadataStore

ADMIN = "/shared/admin"
"""How to reach who runs the server; nobody sets it through the protocol (RFC 5464 §3.2.1.1)."""
SPECIAL_USE = "/private/specialuse"
"""What LIST says of a mailbox of one's own, and a way to change it (RFC 6154 §4)."""
_SOME = Rights.READ | Rights.SEEN | Rights.WRITE | Rights.INSERT | Rights.POST


def annotatable(place: Place) -> bool:
    """Whether its annotations may be read and set (RFC 5464 §3.3)."""
    return Rights.LOOKUP in place.rights and bool(place.rights & _SOME)


class Annotations:
    """One instance per process."""

    def __init__(
        self,
        *,
        metadata: MetadataStore,
        mailboxes: Mailboxes,
        access: Access,
        quotas: Quotas,
        changes: Changes,
        config: Config,
    ) -> None:
        self._metadata = metadata
        self._mailboxes = mailboxes
        self._access = access
        self._quotas = quotas
        self._changes = changes
        self._contact = config.server.contact
        self._most = config.limits.annotations
        self._limits = limits_of(config)

    async def place(self, user: User, wire_name: str) -> Mailbox:
        """A mailbox, \\Noselect ones too, whose annotations this user may read and set (RFC 5464 §3.3).

        Raises MailboxNotFound, NoRight.
        """
        place = await self._access.place(user, wire_name, Rights.LOOKUP)
        if not annotatable(place):
            raise NoRight(wire_name, _SOME.letters)
        return await self._mailboxes.any(place.owner, place.name)

    async def get(self, user: User, mailbox: Mailbox | None, entries: Sequence[str] | None) -> list[Annotation]:
        """As `MetadataStore.annotations` has them, with what the mailbox, or the server (None), says of itself."""
        mailbox_id = SERVER if mailbox is None else mailbox.id
        found = await self._metadata.annotations(user.id, [mailbox_id], entries)
        own = self._of_server() if mailbox is None else _special_use(user, mailbox)
        if own is not None and (entries is None or own.entry in entries):
            found.append(own)
        return found

    async def of_many(
        self, user: User, mailboxes: Sequence[Mailbox], entries: Sequence[str]
    ) -> dict[MailboxId, dict[str, bytes]]:
        """Values by mailbox and entry, in one statement; of mailboxes that the user may see."""
        found: dict[MailboxId, dict[str, bytes]] = {}
        for one in await self._metadata.annotations(user.id, [mailbox.id for mailbox in mailboxes], entries):
            found.setdefault(one.mailbox_id, {})[one.entry] = one.value
        if SPECIAL_USE in entries:
            for own in filter(None, (_special_use(user, mailbox) for mailbox in mailboxes)):
                found.setdefault(own.mailbox_id, {})[own.entry] = own.value
        return found

    def _of_server(self) -> Annotation | None:
        return Annotation(SERVER, ADMIN, self._contact.encode()) if self._contact else None

    async def set_on_server(self, user: User, values: Sequence[tuple[str, bytes | None]]) -> None:
        """What all share is the administrators'. Raises NotPermitted, FilterRefused, TooManyAnnotations."""
        entries = [entry for entry, _ in values]
        if ADMIN in entries:
            raise NotPermitted(f"{ADMIN} is set in the configuration")
        shared = not all(entry.startswith(PRIVATE) for entry in entries)
        if shared:
            await self._quotas.require_administrator(user)
        for entry, value in values:
            if value is not None:
                check(entry, value, self._limits)
        await self._metadata.annotate(user.id, SERVER, values, owner_id=NOBODY, most=self._most)
        if shared:
            self._changes.server()
        self._told(user, entries)

    async def set(self, user: User, mailbox: Mailbox, values: Sequence[tuple[str, bytes | None]]) -> None:
        """mailbox: of `place`. Raises MailboxNotFound, TooManyAnnotations, SpecialUseRefused."""
        by_entry = dict(values)
        special_use = _special_uses(user, mailbox, by_entry[SPECIAL_USE] or b"") if SPECIAL_USE in by_entry else None
        delta = await self._metadata.annotate(
            user.id,
            mailbox.id,
            [(entry, value) for entry, value in values if entry != SPECIAL_USE],
            owner_id=mailbox.user_id,
            most=self._most,
            special_use=special_use,
        )
        await self._changes.committed(delta)
        entries = [entry for entry, _ in values]
        if special_use is not None or not all(entry.startswith(PRIVATE) for entry in entries):
            self._changes.structure(mailbox.id)
        self._told(user, entries)

    def _told(self, user: User, entries: Sequence[str]) -> None:
        """What is private concerns nobody else."""
        if any(entry.startswith(PRIVATE) for entry in entries):
            self._changes.account(user.id)


def _special_use(user: User, mailbox: Mailbox) -> Annotation | None:
    """Of one's own mailboxes alone: where somebody else files what they have sent is no place for it for anybody else."""
    if mailbox.user_id != user.id or not mailbox.special_use:
        return None
    return Annotation(mailbox.id, SPECIAL_USE, " ".join(mailbox.special_use).encode())


def _special_uses(user: User, mailbox: Mailbox, value: bytes) -> tuple[str, ...]:
    """What a mailbox may be given, as with CREATE. Raises SpecialUseRefused, NotPermitted."""
    if mailbox.user_id != user.id:
        raise NotPermitted("special uses of mailboxes are their owner's to set")
    uses = tuple(dict.fromkeys(special_use_of(use) for use in value.decode("ascii", "replace").split()))
    if uses and (mailbox.name == INBOX or not mailbox.selectable):
        raise SpecialUseRefused(uses[0], f"{mailbox.name!r} is not a mailbox for it")
    return uses
