"""An operator's user table, asked by the operator's own queries. Implements `ports.users.UserTable`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from lightmail.backends.usertable.rows import Wrong, address_of, login_of, only_row, recipient_of
from lightmail.config.sections import AuthSql
from lightmail.config.userqueries import UserQuery, parse_query, parts_of
from lightmail.errors import UserQueryFailed
from lightmail.model import Finding
from lightmail.ports.users import TableUser

T = TypeVar("T")

NOBODY = "nobody@lightmail.invalid"
"""An address that cannot be anybody's (RFC 6761 §6.4)."""

Found = tuple[Sequence[str], Sequence[Sequence[object]]]
"""Names of columns, rows."""


class Refusal(Exception):
    """The database does not take the query; its own words."""


class Questions(Protocol):
    """One kind of database."""

    async def ask(self, query: UserQuery, values: dict[str, str]) -> Found:
        """Raises Refusal, Unavailable."""
        ...

    async def close(self) -> None: ...


class SqlUserTable:
    def __init__(self, options: AuthSql, questions: Questions) -> None:
        """options: checked."""
        self._questions = questions
        self._scheme = options.default_scheme
        self._login = parse_query(options.password_query)
        self._recipient = parse_query(options.user_query) if options.user_query else None
        self._all = parse_query(options.iterate_query) if options.iterate_query else None
        self.queries = 0
        """Asked so far."""

    async def login(self, address: str) -> TableUser | None:
        def read(found: Found) -> TableUser | None:
            row = only_row(*found)
            return None if row is None else login_of(row, self._scheme)

        return await self._ask("password_query", self._login, address, read)

    async def recipient(self, address: str) -> TableUser | None:
        if self._recipient is None:
            return await self.login(address)

        def read(found: Found) -> TableUser | None:
            row = only_row(*found)
            return None if row is None else recipient_of(row)

        return await self._ask("user_query", self._recipient, address, read)

    async def addresses(self) -> list[str]:
        if self._all is None:
            raise UserQueryFailed("iterate_query", "is not configured")

        def read(found: Found) -> list[str]:
            columns, rows = found
            return [address_of(columns, row) for row in rows]

        return await self._ask("iterate_query", self._all, "", read)

    async def probe(self) -> list[Finding]:
        """Ask every query that there is, for an address that nobody has; the columns are told all the same. Closes it.

        Raises UserQueryFailed, Unavailable.
        """
        findings = []
        try:
            columns, rows = await self._ask("password_query", self._login, NOBODY, lambda found: found)
            if "password" not in [name.lower() for name in columns]:
                raise UserQueryFailed(
                    "password_query", f"returns no column password, but {', '.join(columns)}; expected one"
                )
            if rows:
                text = f"auth.sql.password_query has a row for {NOBODY}: does it look at the address?"
                findings.append(Finding("auth.sql", text))
            if self._recipient is not None:
                await self._ask("user_query", self._recipient, NOBODY, lambda found: found)
            if self._all is not None:
                await self.addresses()
        finally:
            await self.close()
        return findings

    async def close(self) -> None:
        await self._questions.close()

    async def _ask(self, name: str, query: UserQuery, address: str, read: Callable[[Found], T]) -> T:
        self.queries += 1
        try:
            return read(await self._questions.ask(query, parts_of(address)))
        except Wrong as error:
            raise UserQueryFailed(name, str(error)) from None
        except Refusal as error:
            raise UserQueryFailed(name, f"was refused by the database: {error}") from error
