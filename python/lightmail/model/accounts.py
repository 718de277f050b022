"""Accounts."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightmail.model.ids import UserId


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may have; None: as much as it likes (RFC 9208)."""

    octets: int | None = None
    """Of all its messages."""
    messages: int | None = None
    mailboxes: int | None = None


NO_LIMITS = Quota()


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account has."""

    octets: int
    messages: int
    mailboxes: int
    """Those that can be selected."""


@dataclass(frozen=True, slots=True)
class User:
    """One account. `address` is its login name and its primary address, in lower case."""

    id: UserId
    address: str
    password_hash: str
    """A PHC string or {SCHEME}hash; "" means that no password is accepted. Never printed."""
    enabled: bool
    created_s: int
    administrator: bool = False
    """May set quotas, and what all share."""
    quota: Quota = NO_LIMITS
    challenge_secrets: str = ""
    """What mechanisms other than those that send the password need (`auth.challenge_keys`). Never printed."""

    def __repr__(self) -> str:
        return f"User(id={self.id}, address={self.address!r}, enabled={self.enabled})"


@dataclass(frozen=True, slots=True, order=True)
class AppPassword:
    """A password made for one program. `digest` finds it: the password itself is nowhere (`auth.app_passwords`)."""

    user_id: UserId
    label: str
    """Unique for an account; without blanks at its ends."""
    scopes: tuple[str, ...]
    """Ascending; what it may be used for."""
    digest: bytes = field(repr=False)
    created_s: int
    last_used_s: int | None = None
    """Coarsely; None: never."""


@dataclass(frozen=True, slots=True)
class ClientSession:
    """One client that is logged in somewhere."""

    id: str
    """Unique among all nodes; the session's name in the log."""
    user_id: UserId
    address: str
    protocol: str
    """"imap", "imaps"."""
    peer: str
    """The client's host address, "" for a unix socket."""
    node: str
    """The host name of the server."""
    process: str
    """The server process, as `SessionTable.beat` names it."""
    since_s: int
    """Seconds since the epoch, UTC."""
