"""Who is it? One question, one answer, for every protocol."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from lightmail.auth.passwords import MAX_PASSWORD_OCTETS, Argon2Parameters, Passwords
from lightmail.auth.sasl import Credentials
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
from lightmail.ports.clock import Clock
from lightmail.ports.directory import Directory

QUEUED_HASHES = 1024
"""Password checks that may wait for a thread; more are refused as Unavailable."""
CACHED_SUCCESSES = 20_000
"""Remembered checks; the oldest go first."""
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
        first_delay_s: float = FIRST_DELAY_S,
        queued_hashes: int = QUEUED_HASHES,
    ) -> None:
        self.passwords = Passwords(parameters)
        self._directory = directory
        self._clock = clock
        self._threads = ThreadPoolExecutor(parameters.concurrent_hashes, thread_name_prefix="argon2")
        self._most_running = parameters.concurrent_hashes + queued_hashes
        self._running: dict[bytes, asyncio.Future[bool]] = {}
        self._remembered = _Successes(parameters.cache_s)
        self._delays = FailureDelays(first_delay_s)

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
            wait_s = self._delays.failed(address or "", peer or "", self._clock.monotonic_s())
            await asyncio.sleep(wait_s)
            raise AuthenticationFailed
        assert user is not None  # nobody's password is never right
        self._delays.succeeded(user.address, peer or "")
        if not user.enabled:
            raise AccountDisabled(user.address)
        if self.passwords.needs_rehash(user.password_hash):
            return await self._rehash(user, password)
        return user

    def close(self) -> None:
        """Checks that wait are dropped; those that run finish."""
        self._threads.shutdown(wait=False, cancel_futures=True)

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
        key = self._remembered.key(user.id if user is not None else 0, stored, password)
        if self._remembered.has(key, self._clock.monotonic_s()):
            return True
        right = await self._check(key, stored, password)
        if right:
            self._remembered.add(key, self._clock.monotonic_s())
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


class _Successes:
    """Checks that ended well, for a short while.

    Holds neither passwords nor anything of use outside this process: keyed hashes of (user, stored hash, password). A
    changed password is forgotten by itself.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._secret = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def key(self, user_id: int, stored: str, password: bytes) -> bytes:
        fields = stored.encode("utf-8")
        mac = hashlib.blake2b(b"%d %d %b" % (user_id, len(fields), fields), digest_size=32, key=self._secret)
        mac.update(password)
        return mac.digest()

    def has(self, key: bytes, now_s: float) -> bool:
        return self._until.get(key, now_s) > now_s

    def add(self, key: bytes, now_s: float) -> None:
        if self._keep_s <= 0:
            return
        self._until[key] = now_s + self._keep_s
        self._until.move_to_end(key)
        while len(self._until) > CACHED_SUCCESSES or next(iter(self._until.values())) <= now_s:
            self._until.popitem(last=False)
