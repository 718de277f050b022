"""Accounts and addresses in SQLite."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict

from lightmail.backends.records import USER_COLUMNS, user
from lightmail.backends.sqlite import acl, mailboxes
from lightmail.backends.sqlite.app_passwords import SqliteAppPasswords
from lightmail.backends.sqlite.connection import Statements
from lightmail.errors import UserExists, UserNotFound
from lightmail.model import NO_LIMITS, MailboxId, Quota, User, UserId
from lightmail.model.rights import own_identifiers
from lightmail.ports.directory import SECRET_OCTETS, SHARED_SECRET

_USER = f"SELECT {USER_COLUMNS} FROM users"
SELECT_USERS = f"{_USER} ORDER BY address"
SELECT_USER_BY_ID = f"{_USER} WHERE id = :user"
SELECT_USER_BY_ADDRESS = f"{_USER} WHERE address = :address"
SELECT_USER_BY_ALIAS = f"{_USER} WHERE id = (SELECT user_id FROM aliases WHERE address = :address)"
SELECT_ADDRESS = """
    SELECT 1 FROM users WHERE address = :address UNION ALL SELECT 1 FROM aliases WHERE address = :address LIMIT 1
"""
INSERT_USER = """
    INSERT INTO users (address, password_hash, enabled, created_s, quota_octets, quota_messages, quota_mailboxes,
        challenge_secrets)
    VALUES (:address, :password_hash, 1, :now_s, :octets, :messages, :mailboxes,
        :challenge_secrets)
"""
SET_PASSWORD = """
    UPDATE users SET password_hash = :password_hash, challenge_secrets = :challenge_secrets
    WHERE id = :user AND (:only_if IS NULL OR password_hash = :only_if)
"""
SET_ENABLED = "UPDATE users SET enabled = :enabled WHERE id = :user"
SET_ADMINISTRATOR = "UPDATE users SET administrator = :administrator WHERE id = :user"
SET_QUOTA = """
    UPDATE users SET quota_octets = :octets, quota_messages = :messages, quota_mailboxes = :mailboxes WHERE id = :user
"""
SELECT_MAILBOX_IDS = "SELECT id FROM mailboxes WHERE user_id = :user"
DELETE_USER = "DELETE FROM users WHERE id = :user RETURNING address"
DELETE_ANNOTATIONS = "DELETE FROM annotations WHERE account_id = :user"
SELECT_SETTING = "SELECT value FROM settings WHERE name = :name"
INSERT_SETTING = "INSERT INTO settings (name, value) VALUES (:name, :value)"


class SqliteDirectory(SqliteAppPasswords):
    """Implements `ports.directory.Directory`."""

    async def add_user(
        self, address: str, password_hash: str, quota: Quota = NO_LIMITS, *, challenge_secrets: str = ""
    ) -> User:
        now_s = self._database.clock.now_s()

        def add(statements: Statements) -> User:
            if statements.one(SELECT_ADDRESS, {"address": address}) is not None:
                raise UserExists(address)
            values = {
                "address": address,
                "password_hash": password_hash,
                "now_s": now_s,
                "challenge_secrets": challenge_secrets,
            }
            user_id = UserId(statements.insert(INSERT_USER, values | asdict(quota)))
            return User(user_id, address, password_hash, True, now_s, quota=quota, challenge_secrets=challenge_secrets)

        return await self._database.write(add)

    async def get_user(self, address: str) -> User:
        return user(self._database.one(SELECT_USER_BY_ADDRESS, {"address": address}), address)

    async def get_user_by_id(self, user_id: UserId) -> User:
        return user(self._database.one(SELECT_USER_BY_ID, {"user": user_id}), str(user_id))

    async def list_users(self) -> list[User]:
        rows = await self._database.read(lambda statements: statements.all(SELECT_USERS))
        return [user(row, "") for row in rows]

    async def set_password(
        self, user_id: UserId, password_hash: str, *, challenge_secrets: str = "", only_if: str | None = None
    ) -> None:
        values = {
            "user": user_id,
            "password_hash": password_hash,
            "challenge_secrets": challenge_secrets,
            "only_if": only_if,
        }

        def set_password(statements: Statements) -> None:
            if not statements.run(SET_PASSWORD, values):
                user(statements.one(SELECT_USER_BY_ID, values), str(user_id))

        await self._database.write(set_password)

    async def set_enabled(self, user_id: UserId, enabled: bool) -> None:
        await self._change(SET_ENABLED, user_id, enabled=enabled)

    async def set_quota(self, user_id: UserId, quota: Quota) -> None:
        await self._change(SET_QUOTA, user_id, **asdict(quota))

    async def set_administrator(self, user_id: UserId, administrator: bool) -> None:
        await self._change(SET_ADMINISTRATOR, user_id, administrator=administrator)

    async def _change(self, statement: str, user_id: UserId, **values: int | None) -> None:
        def change(statements: Statements) -> None:
            if not statements.run(statement, {"user": user_id, **values}):
                raise UserNotFound(str(user_id))

        await self._database.write(change)

    async def delete_user(self, user_id: UserId) -> None:
        now_s = self._database.clock.now_s()

        def delete(statements: Statements) -> None:
            for (mailbox_id,) in statements.all(SELECT_MAILBOX_IDS, {"user": user_id}):
                mailboxes.remove_mailbox(statements, MailboxId(mailbox_id), now_s)
            statements.run(DELETE_ANNOTATIONS, {"user": user_id})
            # Aliases, subscriptions and app passwords go with the row.
            row = statements.one(DELETE_USER, {"user": user_id})
            if row is None:
                raise UserNotFound(str(user_id))
            statements.run(acl.DELETE_IDENTIFIERS, {"identifiers": json.dumps(own_identifiers(row[0]))})

        await self._database.write(delete)

    async def resolve(self, address: str) -> User:
        row = self._database.one(SELECT_USER_BY_ADDRESS, {"address": address})
        if row is None:
            row = self._database.one(SELECT_USER_BY_ALIAS, {"address": address})
        return user(row, address)

    async def shared_secret(self) -> bytes:
        values = {"name": SHARED_SECRET}
        row = self._database.one(SELECT_SETTING, values)
        if row is not None:
            return bytes(row[0])

        def make(statements: Statements) -> bytes:
            row = statements.one(SELECT_SETTING, values)
            if row is not None:
                return bytes(row[0])
            made = secrets.token_bytes(SECRET_OCTETS)
            statements.run(INSERT_SETTING, values | {"value": made})
            return made

        return await self._database.write(make, although_sealed=True)
