"""Accounts."""

from __future__ import annotations

from dataclasses import dataclass

from lightmail.model.ids import UserId


@dataclass(frozen=True, slots=True)
class User:
    """One account. `address` is its login name and its primary address, in lower case."""

    id: UserId
    address: str
    password_hash: str
    """A PHC string or {SCHEME}hash; "" means that no password is accepted. Never printed."""
    enabled: bool
    created_s: int

    def __repr__(self) -> str:
        return f"User(id={self.id}, address={self.address!r}, enabled={self.enabled})"
