"""App passwords in SQLite."""

from __future__ import annotations

from lightmail.backends.records import APP_PASSWORD_COLUMNS, app_password, app_password_row
from lightmail.backends.sqlite.connection import Statements
from lightmail.backends.sqlite.database import SqliteDatabase
from lightmail.errors import AppPasswordExists, AppPasswordNotFound, UserNotFound
from lightmail.model import AppPassword, UserId

_APP_PASSWORD = f"SELECT {APP_PASSWORD_COLUMNS} FROM app_passwords"
SELECT_APP_PASSWORD = f"{_APP_PASSWORD} WHERE digest = :digest"
SELECT_APP_PASSWORDS = f"{_APP_PASSWORD} WHERE user_id = :user ORDER BY label"
SELECT_APP_PASSWORD_PLACE = """
    SELECT (SELECT 1 FROM users WHERE id = :user), (SELECT 1 FROM app_passwords WHERE user_id = :user AND label = :label)
"""
INSERT_APP_PASSWORD = f"INSERT INTO app_passwords ({APP_PASSWORD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
SET_APP_PASSWORD_USED = "UPDATE app_passwords SET last_used_s = :now_s WHERE digest = :digest"
DELETE_APP_PASSWORD = "DELETE FROM app_passwords WHERE user_id = :user AND label = :label"


class SqliteAppPasswords:
    """The part of `ports.directory.Directory` that is about them."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def add_app_password(self, password: AppPassword) -> None:
        def add(statements: Statements) -> None:
            place = {"user": password.user_id, "label": password.label}
            user, taken = statements.one(SELECT_APP_PASSWORD_PLACE, place) or (None, None)
            if user is None:
                raise UserNotFound(str(password.user_id))
            if taken is not None:
                raise AppPasswordExists(password.label)
            statements.many(INSERT_APP_PASSWORD, [app_password_row(password)])

        await self._database.write(add)

    async def app_passwords(self, user_id: UserId) -> list[AppPassword]:
        rows = await self._database.read(lambda statements: statements.all(SELECT_APP_PASSWORDS, {"user": user_id}))
        return [app_password(row) for row in rows]

    async def find_app_password(self, digest: bytes) -> AppPassword | None:
        row = self._database.one(SELECT_APP_PASSWORD, {"digest": digest})
        return app_password(row) if row is not None else None

    async def app_password_used(self, digest: bytes, now_s: int) -> None:
        values = {"digest": digest, "now_s": now_s}
        await self._database.write(lambda statements: statements.run(SET_APP_PASSWORD_USED, values))

    async def revoke_app_password(self, user_id: UserId, label: str) -> None:
        def revoke(statements: Statements) -> None:
            if not statements.run(DELETE_APP_PASSWORD, {"user": user_id, "label": label}):
                raise AppPasswordNotFound(label)

        await self._database.write(revoke)
