"""Accounts in dictionaries."""

from __future__ import annotations

from dataclasses import replace

from lightmail.backends.memory.state import MemoryState
from lightmail.errors import AppPasswordExists, AppPasswordNotFound, UserExists, UserNotFound
from lightmail.model import NO_LIMITS, AppPassword, Quota, User, UserId


class MemoryDirectory:
    """Implements `ports.directory.Directory`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def add_user(
        self, address: str, password_hash: str, quota: Quota = NO_LIMITS, *, challenge_secrets: str = ""
    ) -> User:
        self._state.writable()
        if any(user.address == address for user in self._state.users.values()) or address in self._state.aliases:
            raise UserExists(address)
        user_id, now_s = UserId(next(self._state.user_ids)), self._state.clock.now_s()
        user = User(user_id, address, password_hash, True, now_s, quota=quota, challenge_secrets=challenge_secrets)
        self._state.users[user.id] = user
        return user

    async def get_user(self, address: str) -> User:
        for user in self._state.users.values():
            if user.address == address:
                return user
        raise UserNotFound(address)

    async def get_user_by_id(self, user_id: UserId) -> User:
        user = self._state.users.get(user_id)
        if user is None:
            raise UserNotFound(str(user_id))
        return user

    async def list_users(self) -> list[User]:
        return sorted(self._state.users.values(), key=lambda user: user.address)

    async def set_password(
        self, user_id: UserId, password_hash: str, *, challenge_secrets: str = "", only_if: str | None = None
    ) -> None:
        self._state.writable()
        user = await self.get_user_by_id(user_id)
        if only_if is None or user.password_hash == only_if:
            changed = replace(user, password_hash=password_hash, challenge_secrets=challenge_secrets)
            self._state.users[user_id] = changed

    async def set_enabled(self, user_id: UserId, enabled: bool) -> None:
        self._state.writable()
        self._state.users[user_id] = replace(await self.get_user_by_id(user_id), enabled=enabled)

    async def set_quota(self, user_id: UserId, quota: Quota) -> None:
        self._state.writable()
        self._state.users[user_id] = replace(await self.get_user_by_id(user_id), quota=quota)

    async def set_administrator(self, user_id: UserId, administrator: bool) -> None:
        self._state.writable()
        self._state.users[user_id] = replace(await self.get_user_by_id(user_id), administrator=administrator)

    async def delete_user(self, user_id: UserId) -> None:
        self._state.writable()
        await self.get_user_by_id(user_id)
        self._state.remove_user(user_id)

    async def resolve(self, address: str) -> User:
        alias = self._state.aliases.get(address)
        return await self.get_user(address) if alias is None else await self.get_user_by_id(alias)

    async def add_app_password(self, password: AppPassword) -> None:
        self._state.writable()
        await self.get_user_by_id(password.user_id)
        if any(each.label == password.label for each in await self.app_passwords(password.user_id)):
            raise AppPasswordExists(password.label)
        self._state.app_passwords[password.digest] = password

    async def app_passwords(self, user_id: UserId) -> list[AppPassword]:
        return sorted(each for each in self._state.app_passwords.values() if each.user_id == user_id)

    async def find_app_password(self, digest: bytes) -> AppPassword | None:
        return self._state.app_passwords.get(digest)

    async def app_password_used(self, digest: bytes, now_s: int) -> None:
        self._state.writable()
        password = self._state.app_passwords.get(digest)
        if password is not None:
            self._state.app_passwords[digest] = replace(password, last_used_s=now_s)

    async def revoke_app_password(self, user_id: UserId, label: str) -> None:
        self._state.writable()
        for password in await self.app_passwords(user_id):
            if password.label == label:
                del self._state.app_passwords[password.digest]
                return
        raise AppPasswordNotFound(label)

    async def shared_secret(self) -> bytes:
        return self._state.secret
