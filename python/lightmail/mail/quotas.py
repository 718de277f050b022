"""Quotas (RFC 9208): one quota root for each account, named by its address. What is counted, and what is refused for it,
is the metadata store's; here it is read, and administrators change it.
"""

from __future__ import annotations

from lightmail.errors import NotPermitted
from lightmail.model import Quota, Usage, User, UserId
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore


class Quotas:
    def __init__(self, *, metadata: MetadataStore, directory: Directory) -> None:
        self._metadata = metadata
        self._directory = directory

    async def of(self, user_id: UserId) -> tuple[Quota, Usage]:
        """What an account may have, and what it has. One statement. Raises UserNotFound, Unavailable."""
        return await self._metadata.quota(user_id)

    async def owner(self, asking: User, address: str) -> User:
        """Whose quota root this is. No statement for the own one. Raises UserNotFound; NotPermitted: it is not for them."""
        if address == asking.address:
            return asking
        await self.require_administrator(asking)
        return await self._directory.get_user(address)

    async def set(self, user: User, quota: Quota) -> None:
        """All limits at once. Raises UserNotFound, Unavailable."""
        await self._directory.set_quota(user.id, quota)

    async def require_administrator(self, user: User) -> None:
        """As the account is now, not as it was at login. Raises NotPermitted."""
        now = await self._directory.get_user_by_id(user.id)
        if not (now.administrator and now.enabled):
            raise NotPermitted("administrators only")
