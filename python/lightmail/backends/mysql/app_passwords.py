"""App passwords in MySQL."""

from __future__ import annotations

from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.errors import DUPLICATE, Refused
from lightmail.backends.mysql.seal import NOT_SEALED, SEAL, changed_or_unsealed, unsealed
from lightmail.backends.mysql.statements import Statements
from lightmail.backends.records import APP_PASSWORD_COLUMNS, app_password, app_password_row
from lightmail.errors import AppPasswordExists, AppPasswordNotFound, UserNotFound
from lightmail.model import AppPassword, UserId

_APP_PASSWORD = f"SELECT {APP_PASSWORD_COLUMNS} FROM app_passwords"
SELECT_APP_PASSWORD = f"{_APP_PASSWORD} WHERE digest = %(digest)s"
SELECT_APP_PASSWORDS = f"{_APP_PASSWORD} WHERE user_id = %(user)s ORDER BY label"
SELECT_APP_PASSWORD_PLACE = f"""
    SELECT (SELECT id FROM users WHERE id = %(user)s),
        (SELECT user_id FROM app_passwords WHERE user_id = %(user)s AND label = %(label)s), {SEAL}
"""
INSERT_APP_PASSWORD = f"INSERT INTO app_passwords ({APP_PASSWORD_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)"
SET_APP_PASSWORD_USED = f"UPDATE app_passwords SET last_used_s = %(now_s)s WHERE digest = %(digest)s AND {NOT_SEALED}"
DELETE_APP_PASSWORD = f"DELETE FROM app_passwords WHERE user_id = %(user)s AND label = %(label)s AND {NOT_SEALED}"


class MysqlAppPasswords:
    """The part of `ports.directory.Directory` that is about them."""

    def __init__(self, database: MysqlDatabase) -> None:
        self._database = database

    async def add_app_password(self, password: AppPassword) -> None:
        place = {"user": password.user_id, "label": password.label}

        async def add(statements: Statements) -> None:
            ((user, taken, seal),) = await statements.all(SELECT_APP_PASSWORD_PLACE, place)
            unsealed(seal)
            if user is None:
                raise UserNotFound(str(password.user_id))
            if taken is not None:
                raise AppPasswordExists(password.label)
            try:
                await statements.many(INSERT_APP_PASSWORD, [app_password_row(password)])
            except Refused as error:
                if error.number != DUPLICATE:
                    raise
                raise AppPasswordExists(password.label) from error

        await self._database.write(add)

    async def app_passwords(self, user_id: UserId) -> list[AppPassword]:
        return [app_password(row) for row in await self._database.all(SELECT_APP_PASSWORDS, {"user": user_id})]

    async def find_app_password(self, digest: bytes) -> AppPassword | None:
        row = await self._database.one(SELECT_APP_PASSWORD, {"digest": digest})
        return app_password(row) if row is not None else None

    async def app_password_used(self, digest: bytes, now_s: int) -> None:
        values = {"digest": digest, "now_s": now_s}

        async def used(statements: Statements) -> None:
            await changed_or_unsealed(statements, await statements.run(SET_APP_PASSWORD_USED, values))

        await self._database.write(used)

    async def revoke_app_password(self, user_id: UserId, label: str) -> None:
        async def revoke(statements: Statements) -> None:
            deleted = await statements.run(DELETE_APP_PASSWORD, {"user": user_id, "label": label})
            if not await changed_or_unsealed(statements, deleted):
                raise AppPasswordNotFound(label)

        await self._database.write(revoke)
