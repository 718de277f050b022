"""What passes between the composition root and the processes that serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from lightmail.auth.outside import OutsideDirectory
from lightmail.auth.passwords import Passwords
from lightmail.config import Config
from lightmail.errors import UserNotFound
from lightmail.mail.accounts import normal_address
from lightmail.mail.store import MailStore
from lightmail.model import User
from lightmail.net.tls import Identity
from lightmail.ports.blobs import BlobStore
from lightmail.ports.cache import Cache
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.rates import RateLimiter
from lightmail.ports.tally import Tally
from lightmail.ports.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class Store:
    """An open mail store."""

    mail: MailStore
    metadata: MetadataStore
    upkeep: Upkeep
    """Of the same database."""
    blobs: BlobStore
    passwords: Passwords
    cache: Cache | None
    """Shared by all nodes; None: there is none."""
    rates: RateLimiter
    tally: Tally
    """Of all processes of this node."""

    async def user(self, address: str) -> User:
        """By any spelling of the address; also one that has left the operator's own table, whose mail is still here.

        Raises AddressInvalid, UserNotFound.
        """
        directory, normal = self.mail.directory, normal_address(address)
        try:
            return await directory.get_user(normal)
        except UserNotFound:
            if not isinstance(directory, OutsideDirectory):
                raise
            return await directory.own(normal)


OpenStore = Callable[[Config], AbstractAsyncContextManager[Store]]
"""Opens the mail store of a configuration, on the running loop. Raises Unavailable, SchemaMismatch, ConfigError."""


@dataclass(frozen=True, slots=True)
class Started:
    """A server that accepts connections."""

    addresses: list[tuple[str, str]]
    """(protocol, address) as each can be given to a client, in the order of the configuration."""
    identity: Identity | None
    """None: nothing here speaks TLS."""
    certificate_made: bool
    prepared: tuple[str, ...]
    """What `Prepare` has returned."""


Prepare = Callable[[Store], Awaitable[Sequence[str]]]
"""Work on the open store before connections are accepted; what it returns can be announced."""
Announce = Callable[[Started], None]


async def nothing_to_prepare(_store: Store) -> Sequence[str]:
    return ()
