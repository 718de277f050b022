"""Accounts that the operator keeps in tables of their own: the Directory that asks these first.

Passwords, who may log in and who gets mail are the table's; the mail is ours, so every account has a row of ours too,
with its id, made when it first logs in or gets mail. What the table says of quotas and administrators is carried over
into it. An account that has left the table cannot log in and gets no mail; its mail stays until somebody deletes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from lightmail.errors import AddressInvalid, NotPermitted, UserExists, UserNotFound, UserQueryFailed
from lightmail.mail.accounts import normal_address
from lightmail.model import NO_LIMITS, AppPassword, Quota, User, UserId
from lightmail.ports.directory import Directory
from lightmail.ports.users import TableUser, UserTable

_THERE = "passwords are kept in the table of auth.sql, and are changed there"

Provision = Callable[[UserId], Awaitable[None]]


@dataclass(slots=True)
class Synchronized:
    """What `OutsideDirectory.synchronize` has found."""

    accounts: int = 0
    """In the table."""
    made: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Accounts of ours that the table does not have."""


class OutsideDirectory:
    """Implements `ports.directory.Directory`."""

    def __init__(self, inner: Directory, table: UserTable, quota: Quota = NO_LIMITS) -> None:
        """inner: our own rows. quota: of new accounts."""
        self._inner = inner
        self._table = table
        self._quota = quota
        self.provision: Provision | None = None
        """Makes the mailboxes of a new account."""

    async def get_user(self, address: str) -> User:
        """Raises UserNotFound, UserQueryFailed, Unavailable."""
        return await self._known(address, await self._table.login(address), "password_query")

    async def resolve(self, address: str) -> User:
        """Aliases are the MTA's to expand. Raises as `get_user`."""
        return await self._known(address, await self._table.recipient(address), "user_query")

    async def synchronize(self, *, dry: bool = False) -> Synchronized:
        """Make the accounts that the table has and we have not. Raises UserQueryFailed, Unavailable."""
        listed = {self._normal(address, "iterate_query") for address in await self._table.addresses()}
        own = {user.address for user in await self._inner.list_users()}
        done = Synchronized(len(listed), sorted(listed - own), sorted(own - listed))
        if not dry:
            for address in done.made:
                await self._make(address)
        return done

    async def set_password(
        self, user_id: UserId, password_hash: str, *, challenge_secrets: str = "", only_if: str | None = None
    ) -> None:
        """Raises NotPermitted."""
        raise NotPermitted(_THERE)

    # ---- our own rows

    async def own(self, address: str) -> User:
        """Whatever the table says. Raises UserNotFound, Unavailable."""
        return await self._inner.get_user(address)

    async def add_user(
        self, address: str, password_hash: str, quota: Quota = NO_LIMITS, *, challenge_secrets: str = ""
    ) -> User:
        """Raises NotPermitted: with a password."""
        if password_hash:
            raise NotPermitted(_THERE)
        return await self._inner.add_user(address, "", quota)

    async def get_user_by_id(self, user_id: UserId) -> User:
        return await self._inner.get_user_by_id(user_id)

    async def list_users(self) -> list[User]:
        return await self._inner.list_users()

    async def set_enabled(self, user_id: UserId, enabled: bool) -> None:
        """Who is disabled here stays out, whatever the table says."""
        await self._inner.set_enabled(user_id, enabled)

    async def set_quota(self, user_id: UserId, quota: Quota) -> None:
        await self._inner.set_quota(user_id, quota)

    async def set_administrator(self, user_id: UserId, administrator: bool) -> None:
        await self._inner.set_administrator(user_id, administrator)

    async def delete_user(self, user_id: UserId) -> None:
        await self._inner.delete_user(user_id)

    async def add_app_password(self, password: AppPassword) -> None:
        await self._inner.add_app_password(password)

    async def app_passwords(self, user_id: UserId) -> list[AppPassword]:
        return await self._inner.app_passwords(user_id)

    async def find_app_password(self, digest: bytes) -> AppPassword | None:
        return await self._inner.find_app_password(digest)

    async def app_password_used(self, digest: bytes, now_s: int) -> None:
        await self._inner.app_password_used(digest, now_s)

    async def revoke_app_password(self, user_id: UserId, label: str) -> None:
        await self._inner.revoke_app_password(user_id, label)

    async def shared_secret(self) -> bytes:
        return await self._inner.shared_secret()

    # ---- steps

    async def _known(self, asked: str, found: TableUser | None, query: str) -> User:
        """Our account of what the table has found. Raises UserNotFound."""
        if found is None:
            raise UserNotFound(asked)
        address = asked if found.address is None else self._normal(found.address, query)
        try:
            user = await self._inner.get_user(address)
        except UserNotFound:
            user = await self._make(address)
        if found.quota_octets is not None and (found.quota_octets or None) != user.quota.octets:
            quota = replace(user.quota, octets=found.quota_octets or None)
            await self._inner.set_quota(user.id, quota)
            user = replace(user, quota=quota)
        if found.administrator is not None and found.administrator != user.administrator:
            await self._inner.set_administrator(user.id, found.administrator)
            user = replace(user, administrator=found.administrator)
        return replace(user, password_hash=found.password, challenge_secrets="", enabled=user.enabled and found.enabled)

    async def _make(self, address: str) -> User:
        with suppress(UserExists):  # somebody else has, in the same moment
            made = await self._inner.add_user(address, "", self._quota)
            if self.provision is not None:
                await self.provision(made.id)
        return await self._inner.get_user(address)

    def _normal(self, address: str, query: str) -> str:
        try:
            return normal_address(address)
        except AddressInvalid as error:
            raise UserQueryFailed(query, f"returned as address {address[:254]!r}, which {error.reason}") from error
