"""The UserTable port: accounts that somebody else keeps, in tables of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TableUser:
    """What a user table says of one account. None: nothing, it is LightMail's to say."""

    address: str | None = None
    """The account's own, where it is not the one that was asked for."""
    password: str = ""
    """As it is stored, scheme in front; "": none is accepted. Never printed."""
    enabled: bool = True
    administrator: bool | None = None
    quota_octets: int | None = None
    """0: no limit."""

    def __repr__(self) -> str:
        return f"TableUser(address={self.address!r}, enabled={self.enabled})"


class UserTable(Protocol):
    """All of it raises UserQueryFailed (a query is wrong, or the table is) and Unavailable: nothing is known of anybody."""

    async def login(self, address: str) -> TableUser | None:
        """Who logs in by this name, with the password. None: nobody."""
        ...

    async def recipient(self, address: str) -> TableUser | None:
        """Who gets mail for this address; no password is asked for."""
        ...

    async def addresses(self) -> list[str]:
        """Of all accounts."""
        ...

    async def close(self) -> None: ...
