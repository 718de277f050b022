"""Who is it? One question, one answer, for every protocol."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from lightmail.auth import challenge_secrets
from lightmail.auth.access import AccessRules
from lightmail.auth.app_passwords import USED_EVERY_S, Scope, digest_of
from lightmail.auth.challenge_secrets import CRAM_MD5
from lightmail.auth.hashing import Hashing
from lightmail.auth.passwords import MAX_PASSWORD_OCTETS, PasswordParameters, Passwords
from lightmail.auth.sasl import Bearer, Credentials, Failed, Proven, TokenHints
from lightmail.auth.scram_keys import ScramKeys
from lightmail.auth.successes import OwnSuccesses, SharedSuccesses
from lightmail.auth.throttle import WINDOW_S, FailureDelays
from lightmail.auth.tokens import Tokens
from lightmail.config import Limits
from lightmail.errors import (
    AccountDisabled,
    AddressInvalid,
    AuthenticationFailed,
    AuthorizationFailed,
    NetworkRefused,
    PasswordHashUnusable,
    TokenRefused,
    Unavailable,
    UserNotFound,
)
from lightmail.mail.accounts import normal_address
from lightmail.model import AppPassword, User
from lightmail.ports.cache import Cache
from lightmail.ports.clock import Clock
from lightmail.ports.directory import Directory
from lightmail.ports.rates import RateLimiter

QUEUED_HASHES = 1024
"""Password checks that may wait for a thread; more are refused as Unavailable."""
FIRST_DELAY_S = 0.25

_log = structlog.get_logger("lightmail.auth")


class AuthParameters(PasswordParameters, Protocol):
    """The part of the `auth` configuration that this file needs."""

    @property
    def concurrent_hashes(self) -> int: ...
    @property
    def cache_s(self) -> float: ...
    @property
    def act_for_others(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody is who they claim to be."""

    user: User
    """Whose mail it is."""
    by: str = ""
    """The address of who acts for that account; "": the account itself."""


class Authenticator:
    """Verifies claims against the Directory. One per process; use it from one loop.

    peer, everywhere: the other side's host address, None for a unix socket. Failures are answered late, and late enough
    that neither time nor text tell whether the account exists.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        clock: Clock,
        parameters: AuthParameters,
        rates: RateLimiter,
        cache: Cache | None = None,
        limits: Limits | None = None,
        access: AccessRules | None = None,
        first_delay_s: float = FIRST_DELAY_S,
        queued_hashes: int = QUEUED_HASHES,
        renews: bool = True,
        tokens: Tokens | None = None,
    ) -> None:
        """cache: shared with other processes, whose checks need not be made once more; None: there is none. limits: of
        failed logins; access: who may log in from where; tokens: of an issuer; None: there are none. renews: stored
        passwords are replaced by what would be stored today, when they are at hand.
        """
        self._renews = renews
        self.token_hints = tokens.hints if tokens is not None else TokenHints()
        """For clients whose token is not good."""
        self._tokens = tokens
        self.passwords = Passwords(parameters)
        self._directory = directory
        self._clock = clock
        self._hashing = Hashing(parameters.concurrent_hashes, queued_hashes)
        self._remembered = OwnSuccesses(parameters.cache_s, clock)
        self._shared = SharedSuccesses(parameters.cache_s, clock, cache, directory) if cache is not None else None
        self._wrong = OwnSuccesses(WINDOW_S, clock)
        """Checks that have failed lately: the same one again need not be made."""
        self._access = access
        self._delays = FailureDelays(first_delay_s, rates, limits)
        self._afterwards: set[asyncio.Task[None]] = set()
        self._may_act = frozenset(filter(None, map(_address_of, parameters.act_for_others)))
        self._secret: bytes | None = None
        """Of the installation, once it was needed."""
        self.unusable_hashes = 0
        """Logins that failed because of what is stored in place of a password."""

    # ---- claims

    async def authenticate(self, credentials: Credentials, peer: str | None = None) -> Entered:
        """By password. Raises as `verify`, and AuthorizationFailed: may not act for whom it asks to act for (RFC 4616 §2,
        RFC 5530 §3), said only to those whose password is right.
        """
        user = await self.verify(credentials.username, credentials.password, peer)
        by_app = digest_of(credentials.password) is not None
        return await self._enter(user, credentials.authorization, may_act=not by_app)

    async def verify(self, username: bytes, password: bytes, peer: str | None = None, *, scope: Scope = "imap") -> User:
        """The account whose name and password these are. Does not suspend when a recent check is remembered and the
        Directory answers at once.

        scope: what for; an app password must have it.
        Raises AuthenticationFailed; AccountDisabled (the password was right); TooManyLogins; Unavailable (the
        Directory, or too many checks waiting).
        """
        since_s = self._clock.monotonic_s()
        address = _address(username)
        user = await self._find(address)
        digest = digest_of(password)
        if digest is not None:
            app_password = await self._directory.find_app_password(digest)
            if user is not None and app_password is not None and app_password.user_id == user.id:
                if scope in app_password.scopes:
                    await self._succeeded(user, peer, since_s)
                    self._used(app_password)
                    return user
                _log.info("app password without this scope", user=user.address, label=app_password.label, scope=scope)
        if not await self._is_password_of(user, password, address, peer):
            raise await self._failure(address, peer, since_s, await self._again(user, address, peer, password))
        assert user is not None  # nobody's password is never right
        await self._succeeded(user, peer, since_s)
        if self._renews and self.passwords.needs_renewal(user.password_hash, user.challenge_secrets):
            return await self._renew(user, password)
        return user

    async def proven(self, proven: Proven, peer: str | None = None) -> Entered:
        """By a challenge. Raises as `authenticate`."""
        since_s = self._clock.monotonic_s()
        address = _address(proven.username)
        user = await self._find(address)
        if user is None:
            raise await self._failure(address, peer, since_s)
        await self._succeeded(user, peer, since_s)
        return await self._enter(user, proven.authorization)

    async def bearer(self, bearer: Bearer, peer: str | None = None) -> Entered:
        """By token. Raises TokenRefused, which costs no time yet; otherwise as `authenticate`."""
        since_s = self._clock.monotonic_s()
        if self._tokens is None:
            raise TokenRefused("none are taken here")
        address = _address_of(await self._tokens.address_of(bearer.token))
        user = await self._find(address)
        if user is None:
            raise TokenRefused("no account of its address")
        await self._succeeded(user, peer, since_s)
        return await self._enter(user, bearer.authorization)

    async def failed(self, failed: Failed, peer: str | None = None) -> AuthenticationFailed:
        """What to raise, after the time that a failure takes."""
        _log.info(
            "exchange failed", user=failed.username.decode("utf-8", "backslashreplace")[:254], reason=failed.reason
        )
        return await self._failure(_address(failed.username), peer, self._clock.monotonic_s())

    # ---- what challenge mechanisms ask for

    async def scram_keys(self, kind: str, username: bytes) -> ScramKeys:
        """kind: as in `scram_keys.HASHES`. For a name that has none, those of no password, with the same salt every time
        (RFC 5802 §9). Raises Unavailable.
        """
        name = _address(username)
        salt = challenge_secrets.false_salt(await self._shared_secret(), kind, (name or "").encode() or username)
        user = await self._find(name)
        if user is not None:
            try:
                keys = await self._keys_of(user, kind, salt)
            except PasswordHashUnusable as error:
                self._unusable(user, error)
                keys = None
            if keys is not None:
                return keys
            _log.info("no secrets for this mechanism", user=user.address, kind=kind)
        return challenge_secrets.false_keys(kind, salt, self.passwords.scram_iterations)

    async def cram_md5_contexts(self, username: bytes) -> bytes:
        """Likewise."""
        user = await self._find(_address(username))
        if user is not None:
            try:
                kept = self.passwords.cram_md5_contexts(user.password_hash, user.challenge_secrets)
            except PasswordHashUnusable as error:
                self._unusable(user, error)
                kept = None
            if kept is not None:
                return kept
            _log.info("no secrets for this mechanism", user=user.address, kind=CRAM_MD5)
        return challenge_secrets.false_contexts()

    async def _keys_of(self, user: User, kind: str, salt: bytes) -> ScramKeys | None:
        keys = self.passwords.scram_keys(kind, user.password_hash, user.challenge_secrets)
        if isinstance(keys, ScramKeys) or keys is None:
            return keys
        # The password itself is stored: its salt is nowhere, and has to stay the same.
        return await self._hashing.run(ScramKeys.derive, kind, keys, salt, self.passwords.scram_iterations)

    # ----

    def close(self) -> None:
        """Checks that wait are dropped; those that run finish."""
        self._hashing.close()
        for task in self._afterwards:
            task.cancel()

    async def _enter(self, user: User, authorization: bytes, *, may_act: bool = True) -> Entered:
        """As itself, or for whom it may act for, if it `may_act` at all. Raises AuthorizationFailed, AccountDisabled."""
        wanted = _address(authorization)
        if not authorization or wanted == user.address:
            return Entered(user)
        if not (may_act and (user.administrator or user.address in self._may_act)):
            raise AuthorizationFailed(user.address)
        other = await self._find(wanted)
        if other is None or (other.administrator and not user.administrator):
            raise AuthorizationFailed(user.address)
        if not other.enabled:
            raise AccountDisabled(other.address)
        return Entered(other, by=user.address)

    async def _find(self, address: str | None) -> User | None:
        if address is None:
            return None
        try:
            return await self._directory.get_user(address)
        except UserNotFound:
            return None

    async def _succeeded(self, user: User, peer: str | None, since_s: float) -> None:
        """Raises NetworkRefused, as late as if the password had been wrong; AccountDisabled."""
        if self._access is not None and not self._access.allow(user, peer):
            await self._failure(user.address, peer, since_s)
            raise NetworkRefused
        if self._delays.succeeded(user.address, peer or ""):
            self._later(self._delays.forget(user.address, peer or ""))
        if not user.enabled:
            raise AccountDisabled(user.address)

    async def _failure(
        self, address: str | None, peer: str | None, since_s: float, again: str = ""
    ) -> AuthenticationFailed:
        delay_s = await self._delays.failed(address or "", peer or "", again=again)
        # Not behind the check: how long that takes tells which scheme an account has.
        await asyncio.sleep(since_s + delay_s - self._clock.monotonic_s())
        return AuthenticationFailed()

    async def _shared_secret(self) -> bytes:
        if self._secret is None:
            self._secret = await self._directory.shared_secret()
        return self._secret

    async def _again(self, user: User | None, address: str | None, peer: str | None, password: bytes) -> str:
        """The same for every process when the same password was wrong for the same name from the same address; nothing
        that a password could be found by without the secret of the database.
        """
        try:
            secret = await self._shared_secret()
        except Unavailable:
            return ""
        told = f"{user.password_hash if user is not None else ''}\0{address or ''}\0{peer or ''}\0".encode()
        return hashlib.blake2b(told + password[: MAX_PASSWORD_OCTETS + 1], digest_size=16, key=secret).hexdigest()

    async def _is_password_of(self, user: User | None, password: bytes, address: str | None, peer: str | None) -> bool:
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
        if self._wrong.has(key):
            return False
        async with self._delays.turn(address or "", peer or ""):
            if self._remembered.has(key):
                return True  # as another session has found out meanwhile
            if self._wrong.has(key):
                return False
            try:
                right = await self._hashing.check(key, self.passwords.verify, stored, password)
            except PasswordHashUnusable as error:
                self._unusable(user, error)
                return False
        if not right:
            self._wrong.add(key)
            return False
        self._remembered.add(key)
        if shared is not None and shared_key is not None:
            self._later(shared.add(shared_key))
        return True

    def _used(self, password: AppPassword) -> None:
        now_s = self._clock.now_s()
        if password.last_used_s is None or now_s - password.last_used_s >= USED_EVERY_S:
            self._later(self._tell_used(password, now_s))

    async def _tell_used(self, password: AppPassword, now_s: int) -> None:
        with suppress(Unavailable):  # nobody's login depends on it
            await self._directory.app_password_used(password.digest, now_s)

    def _unusable(self, user: User | None, error: PasswordHashUnusable) -> None:
        self.unusable_hashes += 1
        _log.error("stored password unusable", user=user.address if user is not None else "", problem=error.reason)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        """What nobody waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)

    async def _renew(self, user: User, password: bytes) -> User:
        """What is stored is not what would be stored today. Costs one login a second hash."""
        try:
            renewed = await self._hashing.run(self.passwords.renew, user.password_hash, password)
            await self._directory.set_password(
                user.id,
                renewed.password_hash,
                challenge_secrets=renewed.challenge_secrets,
                only_if=user.password_hash,
            )
            return await self._directory.get_user_by_id(user.id)
        except Unavailable:
            return user  # what is stored is as good as it was; the next login tries again


def _address(username: bytes) -> str | None:
    """The address that the Directory knows; None: no account can have this name."""
    try:
        return _address_of(username.decode("utf-8").strip())
    except UnicodeDecodeError:
        return None


def _address_of(text: str) -> str | None:
    try:
        return normal_address(text)
    except AddressInvalid:
        return None
