"""Accounts as a mail store sees them: made with their mailboxes, removed with their mail."""

from __future__ import annotations

import unicodedata

from lightmail.config import Config
from lightmail.errors import AddressInvalid
from lightmail.mail.changes import Changes
from lightmail.mail.mailboxes import Mailboxes
from lightmail.model import Quota, User
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore

_MAX_LOCAL_OCTETS = 64
_MAX_ADDRESS_OCTETS = 254
"""RFC 5321 §4.5.3.1."""


def normal_address(address: str) -> str:
    """The one form of an address: Unicode NFC, lower case. Raises AddressInvalid (RFC 5321 §4.1.2, RFC 6531 §3.3).

    A login name needs no domain on a small server, so that "demo" is an address here.
    """
    normal = unicodedata.normalize("NFC", address).lower()
    local, at, domain = normal.rpartition("@")
    if not at:
        local, domain = domain, ""
    if not local:
        raise AddressInvalid(address, "the part before @ is empty")
    if at and (not domain or domain.startswith(".") or domain.endswith(".") or ".." in domain):
        raise AddressInvalid(address, "the domain is not one")
    if any(unicodedata.category(character)[0] in "CZ" or character in '<>()[],;:\\"@' for character in local + domain):
        raise AddressInvalid(address, "has characters that need quoting")
    if len(local.encode()) > _MAX_LOCAL_OCTETS or len(normal.encode()) > _MAX_ADDRESS_OCTETS:
        raise AddressInvalid(address, "is too long")
    return normal


def quota_of_new(config: Config) -> Quota:
    """What an account gets that is made."""
    given = config.quota
    return Quota(given.storage_octets or None, given.messages or None, given.mailboxes or None)


class Accounts:
    def __init__(
        self,
        *,
        directory: Directory,
        metadata: MetadataStore,
        mailboxes: Mailboxes,
        changes: Changes,
        config: Config,
    ) -> None:
        self._quota = quota_of_new(config)
        self._directory = directory
        self._metadata = metadata
        self._mailboxes = mailboxes
        self._changes = changes

    async def create(self, address: str, password_hash: str, *, challenge_secrets: str = "") -> User:
        """Add an account, then its mailboxes. Should the second half fail, `provision` finishes it later; mail that
        comes before makes the INBOX it needs.

        Raises AddressInvalid, UserExists, Unavailable.
        """
        user = await self._directory.add_user(
            normal_address(address), password_hash, self._quota, challenge_secrets=challenge_secrets
        )
        await self._mailboxes.provision(user.id)
        return user

    async def delete(self, user: User) -> None:
        """Remove an account with all its mail. Sessions that have one of its mailboxes open see it vanish."""
        mailboxes = await self._metadata.list_mailboxes(user.id)
        await self._directory.delete_user(user.id)
        for mailbox in mailboxes:
            self._changes.structure(mailbox.id, gone=True)
