"""The Directory port: accounts and addresses."""

from __future__ import annotations

from typing import Protocol

from lightmail.model import NO_LIMITS, AppPassword, Quota, User, UserId

SHARED_SECRET = "shared_secret"
"""What it is called where settings of the installation are kept by name."""
SECRET_OCTETS = 32
SEALED = "sealed"
"""There: why the store takes no writes (`ports.upkeep`)."""


class Directory(Protocol):
    async def add_user(
        self, address: str, password_hash: str, quota: Quota = NO_LIMITS, *, challenge_secrets: str = ""
    ) -> User:
        """address: valid and in lower case (the caller's duty). Raises UserExists."""
        ...

    async def get_user(self, address: str) -> User:
        """Raises UserNotFound."""
        ...

    async def get_user_by_id(self, user_id: UserId) -> User: ...

    async def list_users(self) -> list[User]:
        """Ordered by address."""
        ...

    async def set_password(
        self, user_id: UserId, password_hash: str, *, challenge_secrets: str = "", only_if: str | None = None
    ) -> None:
        """Both, whatever the secrets were before.

        only_if: change nothing unless the stored hash is still this one (a rehash must not undo a new password).
        """
        ...

    async def set_enabled(self, user_id: UserId, enabled: bool) -> None: ...

    async def set_quota(self, user_id: UserId, quota: Quota) -> None:
        """All limits at once. Raises UserNotFound."""
        ...

    async def set_administrator(self, user_id: UserId, administrator: bool) -> None:
        """Raises UserNotFound."""
        ...

    async def delete_user(self, user_id: UserId) -> None:
        """With all mailboxes and messages; bodies lose their references."""
        ...

    async def resolve(self, address: str) -> User:
        """The account that mail for this address goes to (aliases included). Raises UserNotFound."""
        ...

    async def add_app_password(self, password: AppPassword) -> None:
        """Raises UserNotFound; AppPasswordExists: the account has one with this label."""
        ...

    async def app_passwords(self, user_id: UserId) -> list[AppPassword]:
        """Of one account, by label."""
        ...

    async def find_app_password(self, digest: bytes) -> AppPassword | None:
        """Whosever it is. Takes as long for one that is there as for one that is not."""
        ...

    async def app_password_used(self, digest: bytes, now_s: int) -> None:
        """Nothing happens when it is not there any more."""
        ...

    async def revoke_app_password(self, user_id: UserId, label: str) -> None:
        """Raises AppPasswordNotFound."""
        ...

    async def shared_secret(self) -> bytes:
        """SECRET_OCTETS random octets, the same for every process that uses this database; made when first asked for.

        The key of what processes keep in places that others may read or write (Redis). Raises Unavailable.
        """
        ...
