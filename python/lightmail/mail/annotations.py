"""Annotations of mailboxes and of the server (RFC 5464): who may read and set them, and what they may be."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.config import Config
from lightmail.errors import NoRight, NotPermitted
from lightmail.mail.access import Access, Place
from lightmail.mail.changes import Changes
from lightmail.mail.mailboxes import Mailboxes
from lightmail.mail.named_searches import check, limits_of
from lightmail.mail.quotas import Quotas
from lightmail.model import NOBODY, PRIVATE, SERVER, Annotation, Mailbox, MailboxId, Rights, User
from lightmail.ports.metadata import MetadataStore

ADMIN = "/shared/admin"
"""How to reach who runs the server; nobody sets it through the protocol (RFC 5464 §3.2.1.1)."""
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

    async def get(self, user: User, mailbox_id: MailboxId, entries: Sequence[str] | None) -> list[Annotation]:
        """As `MetadataStore.annotations` has them, those of the server with what it says of itself."""
        found = await self._metadata.annotations(user.id, [mailbox_id], entries)
        if mailbox_id == SERVER and self._contact and (entries is None or ADMIN in entries):
            found.append(Annotation(SERVER, ADMIN, self._contact.encode()))
        return found

    async def of_many(
        self, user: User, mailbox_ids: Sequence[MailboxId], entries: Sequence[str]
    ) -> dict[MailboxId, dict[str, bytes]]:
        """Values by mailbox and entry, in one statement; of mailboxes that the user may see."""
        found: dict[MailboxId, dict[str, bytes]] = {}
        for one in await self._metadata.annotations(user.id, mailbox_ids, entries):
            found.setdefault(one.mailbox_id, {})[one.entry] = one.value
        return found

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
        """mailbox: of `place`. Raises MailboxNotFound, TooManyAnnotations."""
        await self._metadata.annotate(user.id, mailbox.id, values, owner_id=mailbox.user_id, most=self._most)
        entries = [entry for entry, _ in values]
        if not all(entry.startswith(PRIVATE) for entry in entries):
            self._changes.structure(mailbox.id)
        self._told(user, entries)

    def _told(self, user: User, entries: Sequence[str]) -> None:
        """What is private concerns nobody else."""
        if any(entry.startswith(PRIVATE) for entry in entries):
            self._changes.account(user.id)
