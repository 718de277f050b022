"""From an address in RCPT TO to an account, and perhaps one of its mailboxes."""

from __future__ import annotations

from lightmail.errors import AccountDisabled, AddressInvalid, UserNotFound
from lightmail.lmtp.grammar import Path
from lightmail.mail.accounts import normal_address
from lightmail.mail.delivery import Recipient
from lightmail.model import User
from lightmail.ports.directory import Directory


class Recipients:
    """delimiter: parts `user+detail@domain` (RFC 5233); "" when subaddresses are not recognised."""

    def __init__(self, directory: Directory, delimiter: str) -> None:
        self._directory = directory
        self._delimiter = delimiter

    async def find(self, path: Path) -> Recipient:
        """The whole address comes first: an account or an alias may have the delimiter in its name.

        Raises UserNotFound, AccountDisabled, Unavailable.
        """
        try:
            recipient = Recipient(await self._resolve(path.local, path.domain))
        except UserNotFound:
            user, delimiter, detail = path.local.partition(self._delimiter) if self._delimiter else ("", "", "")
            if not (user and delimiter):
                raise
            recipient = Recipient(await self._resolve(user, path.domain), detail or None)
        if not recipient.user.enabled:
            raise AccountDisabled(recipient.user.address)
        return recipient

    async def _resolve(self, local: str, domain: str) -> User:
        address = f"{local}@{domain}" if domain else local
        try:
            return await self._directory.resolve(normal_address(address))
        except AddressInvalid as error:
            raise UserNotFound(address) from error
