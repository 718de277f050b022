"""Password checks that ended well, for a short while: of this process, and of all nodes.

Neither holds passwords, or anything of use to somebody who reads it: keyed hashes of (user, stored hash, password). A
changed password is forgotten by itself. Whoever can write to the shared cache can make it forget, or remember a success
that there was, for `keep_s` at most; a success that there was not needs the secret, which only the database has.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

from lightmail.errors import Unavailable
from lightmail.ports.cache import Cache
from lightmail.ports.clock import Clock
from lightmail.ports.directory import Directory

CACHED_SUCCESSES = 20_000
"""Remembered checks; the oldest go first."""


class OwnSuccesses:
    """In memory, by a secret that is made with it."""

    def __init__(self, keep_s: float, clock: Clock) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def key(self, user_id: int, stored: str, password: bytes) -> bytes:
        return _mac(self._secret, user_id, stored, password)

    def has(self, key: bytes) -> bool:
        now_s = self._clock.monotonic_s()
        return self._until.get(key, now_s) > now_s

    def add(self, key: bytes, *, for_s: float | None = None) -> None:
        """for_s: less than usual."""
        keep_s = self._keep_s if for_s is None else min(for_s, self._keep_s)
        if keep_s <= 0:
            return
        now_s = self._clock.monotonic_s()
        self._until[key] = now_s + keep_s
        self._until.move_to_end(key)
        while len(self._until) > CACHED_SUCCESSES or next(iter(self._until.values())) <= now_s:
            self._until.popitem(last=False)


class SharedSuccesses:
    """In a cache that other processes read and write: "auth:MAC", until when (seconds since the epoch)."""

    def __init__(self, keep_s: float, clock: Clock, cache: Cache, directory: Directory) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._cache = cache
        self._directory = directory
        self._secret: bytes | None = None

    async def key(self, user_id: int, stored: str, password: bytes) -> str | None:
        """None: nothing is shared for the time being. Takes as long for one account as for another, or for none."""
        if self._keep_s <= 0:
            return None
        if self._secret is None:
            try:
                self._secret = await self._directory.shared_secret()
            except Unavailable:
                return None
        return f"auth:{_mac(self._secret, user_id, stored, password).hex()}"

    async def remaining_s(self, key: str) -> float:
        """How long the success is still remembered; 0: it is not."""
        until = (await self._cache.get([key])).get(key, b"")
        if not until.isdigit() or len(until) > 15:
            return 0.0
        return max(0.0, min(int(until) - self._clock.now_s(), self._keep_s))

    async def add(self, key: str) -> None:
        until = int(self._clock.now_s() + self._keep_s)
        await self._cache.put({key: b"%d" % until}, keep_s=self._keep_s)


def _mac(secret: bytes, user_id: int, stored: str, password: bytes) -> bytes:
    fields = stored.encode("utf-8")
    mac = hashlib.blake2b(b"%d %d %b" % (user_id, len(fields), fields), digest_size=32, key=secret)
    mac.update(password)
    return mac.digest()
