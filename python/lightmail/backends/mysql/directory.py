"""Accounts and addresses in MySQL."""

from __future__ import annotations

import secrets
from dataclasses import asdict

from lightmail.backends.mysql import acl, mailboxes
from lightmail.backends.mysql.app_passwords import MysqlAppPasswords
from lightmail.backends.mysql.errors import DUPLICATE, Refused
from lightmail.backends.mysql.seal import NOT_SEALED, SEAL, changed_or_unsealed, unsealed
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.records import USER_COLUMNS, user
from lightmail.errors import UserExists, UserNotFound
from lightmail.model import NO_LIMITS, MailboxId, Quota, User, UserId
from lightmail.model.rights import own_identifiers
from lightmail.ports.directory import SECRET_OCTETS, SHARED_SECRET

_USER = f"SELECT {USER_COLUMNS} FROM users"
SELECT_USERS = f"{_USER} ORDER BY address"
SELECT_USER_BY_ID = f"{_USER} WHERE id = %(user)s"
SELECT_USER_BY_ADDRESS = f"{_USER} WHERE address = %(address)s"
SELECT_USER_BY_ALIAS = f"{_USER} WHERE id = (SELECT user_id FROM aliases WHERE address = %(address)s)"
# Whose it is, as its own and as an alias.
SELECT_ADDRESS = f"""
    SELECT (SELECT id FROM users WHERE address = %(address)s), (SELECT user_id FROM aliases WHERE address = %(address)s),
        {SEAL}
"""
INSERT_USER = """
    INSERT INTO users (address, password_hash, enabled, created_s, quota_octets, quota_messages, quota_mailboxes,
        challenge_secrets)
    VALUES (%(address)s, %(password_hash)s, 1, %(now_s)s, %(octets)s, %(messages)s, %(mailboxes)s,
        %(challenge_secrets)s)
"""
SET_PASSWORD = f"""
    UPDATE users SET password_hash = %(password_hash)s, challenge_secrets = %(challenge_secrets)s
    WHERE id = %(user)s AND (%(only_if)s IS NULL OR password_hash = %(only_if)s) AND {NOT_SEALED}
"""
SET_ENABLED = f"UPDATE users SET enabled = %(enabled)s WHERE id = %(user)s AND {NOT_SEALED}"
SET_ADMINISTRATOR = f"UPDATE users SET administrator = %(administrator)s WHERE id = %(user)s AND {NOT_SEALED}"
SET_QUOTA = f"""
    UPDATE users SET quota_octets = %(octets)s, quota_messages = %(messages)s, quota_mailboxes = %(mailboxes)s
    WHERE id = %(user)s AND {NOT_SEALED}
"""
SELECT_MAILBOX_IDS = "SELECT id FROM mailboxes WHERE user_id = %(user)s"
DELETE_ANNOTATIONS = "DELETE FROM annotations WHERE account_id = %(user)s"
DELETE_USER = "DELETE FROM users WHERE id = %(user)s"
SELECT_SETTING = "SELECT value FROM settings WHERE name = %(name)s"
INSERT_SETTING = """
    INSERT INTO settings (name, value) VALUES (%(name)s, %(value)s) ON DUPLICATE KEY UPDATE name = name
"""


class MysqlDirectory(MysqlAppPasswords):
    """Implements `ports.directory.Directory`."""

    async def add_user(
        self, address: str, password_hash: str, quota: Quota = NO_LIMITS, *, challenge_secrets: str = ""
    ) -> User:
        now_s = self._database.clock.now_s()

        async def add(statements: Statements) -> User:
            ((owner, alias_of, seal),) = await statements.all(SELECT_ADDRESS, {"address": address})
            unsealed(seal)
            if owner is not None or alias_of is not None:
                raise UserExists(address)
            values = {
                "address": address,
                "password_hash": password_hash,
                "now_s": now_s,
                "challenge_secrets": challenge_secrets,
            }
            try:
                user_id = await statements.insert(INSERT_USER, values | asdict(quota))
            except Refused as error:
                if error.number != DUPLICATE:
                    raise
                raise UserExists(address) from error
            return User(
                UserId(user_id), address, password_hash, True, now_s, quota=quota, challenge_secrets=challenge_secrets
            )

        return await self._database.write(add)

    async def get_user(self, address: str) -> User:
        return user(await self._database.one(SELECT_USER_BY_ADDRESS, {"address": address}), address)

    async def get_user_by_id(self, user_id: UserId) -> User:
        return user(await self._database.one(SELECT_USER_BY_ID, {"user": user_id}), str(user_id))

    async def list_users(self) -> list[User]:
        return [user(row, "") for row in await self._database.all(SELECT_USERS)]

    async def set_password(
        self, user_id: UserId, password_hash: str, *, challenge_secrets: str = "", only_if: str | None = None
    ) -> None:
        values = {
            "user": user_id,
            "password_hash": password_hash,
            "challenge_secrets": challenge_secrets,
            "only_if": only_if,
        }

        async def set_password(statements: Statements) -> None:
            if not await changed_or_unsealed(statements, await statements.run(SET_PASSWORD, values)):
                user(await statements.one(SELECT_USER_BY_ID, values), str(user_id))

        await self._database.write(set_password)

    async def set_enabled(self, user_id: UserId, enabled: bool) -> None:
        await self._change(SET_ENABLED, user_id, enabled=enabled)

    async def set_quota(self, user_id: UserId, quota: Quota) -> None:
        await self._change(SET_QUOTA, user_id, **asdict(quota))

    async def set_administrator(self, user_id: UserId, administrator: bool) -> None:
        await self._change(SET_ADMINISTRATOR, user_id, administrator=administrator)

    async def _change(self, statement: str, user_id: UserId, **values: int | None) -> None:
        async def change(statements: Statements) -> None:
            changed = await statements.run(statement, {"user": user_id, **values})
            if not await changed_or_unsealed(statements, changed):
                raise UserNotFound(str(user_id))

        await self._database.write(change)

    async def delete_user(self, user_id: UserId) -> None:
        values = {"user": user_id}

        async def delete(statements: Statements) -> None:
            if not await mailboxes.lock_user(statements, user_id):
                raise UserNotFound(str(user_id))
            for mailbox_id in sorted(row[0] for row in await statements.all(SELECT_MAILBOX_IDS, values)):
                await mailboxes.remove_mailbox(statements, MailboxId(mailbox_id))
            address = user(await statements.one(SELECT_USER_BY_ID, values), str(user_id)).address
            await statements.run(acl.DELETE_IDENTIFIERS, {"identifiers": own_identifiers(address)})
            await statements.run(DELETE_ANNOTATIONS, values)
            # Aliases, subscriptions and app passwords go with the row.
            await statements.run(DELETE_USER, values)

        await self._database.write(delete)

    async def resolve(self, address: str) -> User:
        row = await self._database.one(SELECT_USER_BY_ADDRESS, {"address": address})
        if row is None:
            row = await self._database.one(SELECT_USER_BY_ALIAS, {"address": address})
        return user(row, address)

    async def shared_secret(self) -> bytes:
        values = {"name": SHARED_SECRET}
        row = await self._database.one(SELECT_SETTING, values)
        if row is not None:
            return bytes(row[0])

        async def make(statements: Statements) -> bytes:
            await statements.run(INSERT_SETTING, values | {"value": secrets.token_bytes(SECRET_OCTETS)})
            ((secret,),) = await statements.all(SELECT_SETTING, values)
            return bytes(secret)

        return await self._database.write(make)
