"""Who is it? One question, one answer, for every protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from lightmail.auth.passwords import MAX_PASSWORD_OCTETS, Argon2Parameters, Passwords
from lightmail.auth.sasl import Credentials
from lightmail.auth.successes import OwnSuccesses, SharedSuccesses
from lightmail.auth.throttle import FailureDelays
from lightmail.errors import (
    AccountDisabled,
    AddressInvalid,
    AuthenticationFailed,
    AuthorizationFailed,
    Unavailable,
    UserNotFound,
)
from lightmail.mail.accounts import normal_address
from lightmail.model import User
from lightmail.ports.cache import Cache
from lightmail.ports.clock import Clock
from lightmail.ports.directory import Directory
from lightmail.ports.rates import RateLimiter

QUEUED_HASHES = 1024
"""Password checks that may wait for a thread; more are refused as Unavailable."""
FIRST_DELAY_S = 0.25


class AuthParameters(Argon2Parameters, Protocol):
    """The part of the `auth` configuration that this file needs."""

    @property
    def concurrent_hashes(self) -> int: ...
    @property
    def cache_s(self) -> float: ...


class Authenticator:
    """Verifies claims against the Directory. One per process; use it from one loop."""

    def __init__(
        self,
        *,
        directory: Directory,
        clock: Clock,
        parameters: AuthParameters,
        rates: RateLimiter,
        cache: Cache | None = None,
        first_delay_s: float = FIRST_DELAY_S,
        queued_hashes: int = QUEUED_HASHES,
    ) -> None:
        """cache: shared with other processes, whose checks need not be made once more; None: there is none."""
        self.passwords = Passwords(parameters)
        self._directory = directory
        self._threads = ThreadPoolExecutor(parameters.concurrent_hashes, thread_name_prefix="argon2")
        self._most_running = parameters.concurrent_hashes + queued_hashes
        self._running: dict[bytes, asyncio.Future[bool]] = {}
        self._remembered = OwnSuccesses(parameters.cache_s, clock)
        self._shared = SharedSuccesses(parameters.cache_s, clock, cache, directory) if cache is not None else None
        self._delays = FailureDelays(first_delay_s, rates)
        self._afterwards: set[asyncio.Task[None]] = set()

    async def authenticate(self, credentials: Credentials, peer: str | None = None) -> User:
        """What a SASL mechanism ended with, to a User.

        Acting for somebody else is refused to everybody: AuthorizationFailed (RFC 4616 §2, RFC 5530 §3), said only to
        those whose password is right. Otherwise as `verify`.
        """
        user = await self.verify(credentials.username, credentials.password, peer)
        if credentials.authorization and _address(credentials.authorization) != user.address:
            raise AuthorizationFailed(user.address)
        return user

    async def verify(self, username: bytes, password: bytes, peer: str | None = None) -> User:
        """The account whose name and password these are. Does not suspend when a recent check is remembered and the
        Directory answers at once.

        peer: the other side's host address, None for a unix socket. Failures are answered late, and late enough that
        neither time nor text tell whether the account exists. Raises AuthenticationFailed; AccountDisabled (the
        password was right); Unavailable (the Directory, or too many checks waiting).
        """
        address = _address(username)
        user = await self._find(address)
        if not await self._is_password_of(user, password):
            await asyncio.sleep(await self._delays.failed(address or "", peer or ""))
            raise AuthenticationFailed
        assert user is not None  # nobody's password is never right
        if self._delays.failed_here(user.address, peer or ""):
            self._later(self._delays.forget(user.address, peer or ""))
        if not user.enabled:
            raise AccountDisabled(user.address)
        if self.passwords.needs_rehash(user.password_hash):
            return await self._rehash(user, password)
        return user

    def close(self) -> None:
        """Checks that wait are dropped; those that run finish."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for task in self._afterwards:
            task.cancel()

    async def _find(self, address: str | None) -> User | None:
        if address is None:
            return None
        try:
            return await self._directory.get_user(address)
        except UserNotFound:
            return None

    async def _is_password_of(self, user: User | None, password: bytes) -> bool:
        stored = user.password_hash if user is not None else ""
        if not 0 < len(password) <= MAX_PASSWORD_OCTETS:
            stored, password = "", b"-"  # right for nobody, and costs what every other one costs
        user_id = user.id if user is not None else 0
        key = self._remembered.key(user_id, stored, password)
        if self._remembered.has(key):
            return True
        shared = self._shared
        shared_key = await shared.key(user_id, stored, password) if shared is not None else None
        if shared is not None and shared_key is not None:
            remaining_s = await shared.remaining_s(shared_key)
            if remaining_s > 0:
                self._remembered.add(key, for_s=remaining_s)
                return True
        right = await self._check(key, stored, password)
        if right:
            self._remembered.add(key)
            if shared is not None and shared_key is not None:
                self._later(shared.add(shared_key))
        return right

    async def _check(self, key: bytes, stored: str, password: bytes) -> bool:
        """One hash for any number of sessions that ask the same at the same time (a client opens several at once)."""
        running = self._running.get(key)
        if running is None:
            if len(self._running) >= self._most_running:
                raise Unavailable("password checking")
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, self.passwords.verify, stored, password)
            self._running[key] = running
            running.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(running)  # a session that goes away takes nothing from the others

    def _later(self, work: Coroutine[None, None, None]) -> None:
        """What nobody waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)

    async def _rehash(self, user: User, password: bytes) -> User:
        """The parameters have changed since the hash was made. Costs one login a second hash."""
        loop = asyncio.get_running_loop()
        renewed = await loop.run_in_executor(self._threads, self.passwords.hash, password)
        try:
            await self._directory.set_password(user.id, renewed, only_if=user.password_hash)
            return await self._directory.get_user_by_id(user.id)
        except Unavailable:
            return user  # the old hash is as good as it was; the next login tries again


def _address(username: bytes) -> str | None:
    """The address that the Directory knows; None: no account can have this name."""
    try:
        return normal_address(username.decode("utf-8").strip())
    except (UnicodeDecodeError, AddressInvalid):
        return None
