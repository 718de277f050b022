"""The Authenticator: verdicts, memory of verdicts, bounds, delays."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from lightmail.auth.authenticator import Authenticator
from lightmail.auth.passwords import Passwords
from lightmail.auth.sasl import Credentials
from lightmail.auth.throttle import ENTRIES, MAX_DELAY_S, WINDOW_S, FailureDelays
from lightmail.backends.local import LocalRates
from lightmail.config import Auth
from lightmail.errors import AccountDisabled, AuthenticationFailed, AuthorizationFailed, Unavailable, UserNotFound
from lightmail.model import AppPassword, User, UserId
from lightmail.ports.cache import Cache
from tests.support.aio import run
from tests.support.caches import DictCache

CHEAP = Auth(argon2_memory_kib=8, argon2_passes=1)
SECRET = Passwords(CHEAP).hash(b"secret")


class OneTable:
    """The part of a Directory that is asked for here."""

    def __init__(self, *users: User) -> None:
        self.users = {user.address: user for user in users}
        self.failing = False
        self.app_passwords: dict[bytes, AppPassword] = {}
        self.asked_for_app_passwords = 0
        self.told_used = 0
        self.secret: bytes | None = b"of all nodes"

    async def shared_secret(self) -> bytes:
        if self.secret is None:
            raise Unavailable("directory")
        return self.secret

    async def get_user(self, address: str) -> User:
        if self.failing:
            raise Unavailable("directory")
        try:
            return self.users[address]
        except KeyError:
            raise UserNotFound(address) from None

    async def find_app_password(self, digest: bytes) -> AppPassword | None:
        self.asked_for_app_passwords += 1
        return self.app_passwords.get(digest)

    async def app_password_used(self, digest: bytes, now_s: int) -> None:
        self.told_used += 1
        if self.failing:
            raise Unavailable("directory")
        self.app_passwords[digest] = replace(self.app_passwords[digest], last_used_s=now_s)

    async def get_user_by_id(self, user_id: UserId) -> User:
        return next(user for user in self.users.values() if user.id == user_id)

    async def set_password(
        self, user_id: UserId, password_hash: str, *, challenge_secrets: str = "", only_if: str | None = None
    ) -> None:
        if self.failing:
            raise Unavailable("directory")
        user = await self.get_user_by_id(user_id)
        if only_if is None or user.password_hash == only_if:
            changed = replace(user, password_hash=password_hash, challenge_secrets=challenge_secrets)
            self.users[user.address] = changed


class HandClock:
    def __init__(self) -> None:
        self.s = 1000.0

    def now_s(self) -> int:
        return int(self.s)

    def monotonic_s(self) -> float:
        return self.s


def user(number: int, address: str, password_hash: str = SECRET, *, enabled: bool = True) -> User:
    return User(UserId(number), address, password_hash, enabled, created_s=0)


class Room:
    """An Authenticator with its surroundings; counts the hashes that really ran."""

    def __init__(self, parameters: Auth, queued_hashes: int, cache: Cache | None) -> None:
        self.directory = OneTable(
            user(1, "pat@example.org"), user(2, "off@example.org", enabled=False), user(3, "none@example.org", "")
        )
        self.clock = HandClock()
        self.authenticator = Authenticator(
            directory=self.directory,  # type: ignore[arg-type]  # the verbs that are used
            clock=self.clock,
            parameters=parameters,
            rates=LocalRates(self.clock),
            cache=cache,
            first_delay_s=0,
            queued_hashes=queued_hashes,
        )
        self.hashes = 0
        self.gate = threading.Event()
        self.gate.set()
        verify = self.authenticator.passwords.verify

        def counted(stored: str, password: bytes) -> bool:
            self.hashes += 1
            self.gate.wait(10)
            return verify(stored, password)

        self.authenticator.passwords.verify = counted  # type: ignore[method-assign]

    async def fails(self, username: bytes, password: bytes) -> None:
        with pytest.raises(AuthenticationFailed):
            await self.authenticator.verify(username, password, "192.0.2.1")


@asynccontextmanager
async def room(parameters: Auth = CHEAP, queued_hashes: int = 100, cache: Cache | None = None) -> AsyncIterator[Room]:
    made = Room(parameters, queued_hashes, cache)
    try:
        yield made
    finally:
        made.gate.set()
        made.authenticator.close()


def test_the_right_password() -> None:
    async def scenario() -> None:
        async with room() as at:
            found = await at.authenticator.verify(b"pat@example.org", b"secret", "192.0.2.1")
            assert found.id == 1
            assert (await at.authenticator.verify(b" Pat@Example.ORG ", b"secret")).id == 1

    run(scenario())


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (b"pat@example.org", b"Secret"),
        (b"pat@example.org", b""),
        (b"pat@example.org", b"x" * 100_000),
        (b"nobody@example.org", b"secret"),
        (b"none@example.org", b"secret"),
        (b"none@example.org", b""),
        (b"", b"secret"),
        (b"\xff\xfe", b"secret"),
        (b"pat@example.org\x00", b"secret"),
        (b"x" * 100_000, b"secret"),
        (b"off@example.org", b"wrong"),
    ],
)
def test_failures_cost_one_hash_each(username: bytes, password: bytes) -> None:
    """Nothing tells a wrong password from an account that is not there."""

    async def scenario() -> None:
        async with room() as at:
            await at.fails(username, password)
            assert at.hashes == 1

    run(scenario())


def test_a_stored_password_that_is_none_is_counted_and_refused() -> None:
    """As a wrong password is, for the client."""

    async def scenario() -> None:
        async with room() as at:
            at.directory.users["broken@example.org"] = user(4, "broken@example.org", "{SSHA}!!!")
            for count in (1, 2):
                await at.fails(b"broken@example.org", b"secret")
                assert (at.hashes, at.authenticator.unusable_hashes) == (count, count)

    run(scenario())


def test_hashes_of_other_systems_are_replaced_at_the_first_login() -> None:
    async def scenario() -> None:
        async with room(Auth(argon2_memory_kib=8, argon2_passes=1, old_schemes=("PLAIN",))) as at:
            at.directory.users["old@example.org"] = user(4, "old@example.org", "{PLAIN}secret")
            found = await at.authenticator.verify(b"old@example.org", b"secret")
            assert found.password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
            assert at.directory.users["old@example.org"] == found

    run(scenario())


def test_a_disabled_account_is_told_to_its_owner_only() -> None:
    async def scenario() -> None:
        async with room() as at:
            with pytest.raises(AccountDisabled):
                await at.authenticator.verify(b"off@example.org", b"secret")

    run(scenario())


def test_acting_for_others_is_refused() -> None:
    """RFC 4616 §2; RFC 5530 §3 (AUTHORIZATIONFAILED)."""

    async def scenario() -> None:
        async with room() as at:
            for authorization in (b"", b"PAT@example.org"):
                credentials = Credentials(b"pat@example.org", b"secret", authorization)
                assert (await at.authenticator.authenticate(credentials)).user.id == 1
            for authorization in (b"off@example.org", b"\xff"):
                with pytest.raises(AuthorizationFailed):
                    await at.authenticator.authenticate(Credentials(b"pat@example.org", b"secret", authorization))
            with pytest.raises(AuthenticationFailed):
                await at.authenticator.authenticate(Credentials(b"pat@example.org", b"wrong", b"off@example.org"))

    run(scenario())


def test_success_is_remembered_and_does_not_suspend() -> None:
    async def scenario() -> None:
        async with room() as at:
            await at.authenticator.verify(b"pat@example.org", b"secret")
            with pytest.raises(StopIteration) as stopped:
                at.authenticator.verify(b"pat@example.org", b"secret").send(None)
            assert stopped.value.value.id == 1
            assert at.hashes == 1
            at.clock.s += CHEAP.cache_s
            await at.authenticator.verify(b"pat@example.org", b"secret")
            assert at.hashes == 2

    run(scenario())


def test_a_new_password_forgets_the_old_one_at_once() -> None:
    async def scenario() -> None:
        async with room() as at:
            await at.authenticator.verify(b"pat@example.org", b"secret")
            await at.directory.set_password(UserId(1), at.authenticator.passwords.hash(b"changed"))
            await at.fails(b"pat@example.org", b"secret")
            assert (await at.authenticator.verify(b"pat@example.org", b"changed")).id == 1

    run(scenario())


def test_a_wrong_password_is_hashed_once() -> None:
    """For as long as it is wrong: the hash of another password makes it unknown again."""

    async def scenario() -> None:
        async with room() as at:
            for _ in range(3):
                await at.fails(b"pat@example.org", b"wrong")
            assert at.hashes == 1
            await at.fails(b"pat@example.org", b"also wrong")
            await at.authenticator.verify(b"pat@example.org", b"secret")
            assert at.hashes == 3
            await at.directory.set_password(UserId(1), at.authenticator.passwords.hash(b"wrong"))
            await at.authenticator.verify(b"pat@example.org", b"wrong")
            assert at.hashes == 4

    run(scenario())


def test_no_memory_when_it_is_switched_off() -> None:
    async def scenario() -> None:
        async with room(Auth(argon2_memory_kib=8, argon2_passes=1, cache_s=0)) as at:
            await at.authenticator.verify(b"pat@example.org", b"secret")
            await at.authenticator.verify(b"pat@example.org", b"secret")
            assert at.hashes == 2

    run(scenario())


def test_sessions_that_ask_the_same_share_one_hash() -> None:
    async def scenario() -> None:
        async with room() as at:
            at.gate.clear()
            tasks = [asyncio.create_task(at.authenticator.verify(b"pat@example.org", b"secret")) for _ in range(20)]
            await asyncio.sleep(0)
            tasks[0].cancel()  # the session that asked first goes away; the others get their answer
            at.gate.set()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(results[0], asyncio.CancelledError)
            assert [found.id for found in results[1:] if isinstance(found, User)] == [1] * 19
            assert at.hashes == 1

    run(scenario())


def test_a_full_queue_is_refused() -> None:
    async def scenario() -> None:
        async with room(queued_hashes=3) as at:
            at.gate.clear()
            tasks = [
                asyncio.create_task(at.authenticator.verify(b"pat@example.org", b"wrong %d" % number))
                for number in range(CHEAP.concurrent_hashes + 3)
            ]
            await asyncio.sleep(0)
            with pytest.raises(Unavailable):
                await at.authenticator.verify(b"pat@example.org", b"secret")
            at.gate.set()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(result, AuthenticationFailed) for result in results)
            assert (await at.authenticator.verify(b"pat@example.org", b"secret")).id == 1

    run(scenario())


def test_a_directory_that_is_away_is_no_verdict() -> None:
    async def scenario() -> None:
        async with room() as at:
            at.directory.failing = True
            with pytest.raises(Unavailable):
                await at.authenticator.verify(b"pat@example.org", b"secret")

    run(scenario())


def test_new_parameters_rehash_at_the_next_login() -> None:
    async def scenario() -> None:
        async with room(Auth(argon2_memory_kib=16, argon2_passes=1)) as at:
            found = await at.authenticator.verify(b"pat@example.org", b"secret")
            assert found.password_hash.startswith("$argon2id$v=19$m=16,t=1,p=1$")
            assert at.directory.users["pat@example.org"] == found
            await at.fails(b"pat@example.org", b"wrong")

    run(scenario())


def test_a_rehash_never_undoes_a_new_password() -> None:
    async def scenario() -> None:
        async with room(Auth(argon2_memory_kib=16, argon2_passes=1)) as at:
            at.gate.clear()
            login = asyncio.create_task(at.authenticator.verify(b"pat@example.org", b"secret"))
            await asyncio.sleep(0)
            changed = at.authenticator.passwords.hash(b"changed")
            await at.directory.set_password(UserId(1), changed)
            at.gate.set()
            await login
            assert at.directory.users["pat@example.org"].password_hash == changed

    run(scenario())


def test_delays_grow_per_address_and_peer_and_end() -> None:
    async def scenario() -> None:
        clock = HandClock()
        delays = FailureDelays(0.5, LocalRates(clock))
        assert [await delays.failed("a", "p") for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, MAX_DELAY_S]
        assert await delays.failed("a", "elsewhere") == 0.5
        assert await delays.failed("b", "p") == 0.5
        clock.s += 2 * WINDOW_S
        assert await delays.failed("b", "p") == 0.5
        assert delays.failed_here("a", "p") and not delays.failed_here("a", "nowhere")
        await delays.forget("a", "p")
        assert not delays.failed_here("a", "p")
        assert await delays.failed("a", "p") == 0.5
        assert max([await delays.failed("a", "p") for _ in range(5000)]) == MAX_DELAY_S

    run(scenario())


def test_what_failed_here_is_remembered_for_a_bounded_number() -> None:
    async def scenario() -> None:
        delays = FailureDelays(0.5, LocalRates(HandClock()))
        for number in range(ENTRIES + 1):
            await delays.failed(str(number), "p")
        assert not delays.failed_here("0", "p")
        assert delays.failed_here("1", "p")

    run(scenario())


def test_a_success_forgets_the_failures_before_it() -> None:
    async def scenario() -> None:
        async with room() as at:
            delays = FailureDelays(0.0, rates := LocalRates(at.clock))
            at.authenticator._delays = delays
            for number in range(3):
                await at.fails(b"pat@example.org", b"wrong %d" % number)
            assert await rates.count("login:pat@example.org:192.0.2.1", window_s=WINDOW_S) == 3
            await at.authenticator.verify(b"pat@example.org", b"secret", "192.0.2.1")
            await asyncio.sleep(0)
            assert await rates.count("login:pat@example.org:192.0.2.1", window_s=WINDOW_S) == 0

    run(scenario())


def test_a_success_elsewhere_is_not_checked_again() -> None:
    async def scenario() -> None:
        cache = DictCache()
        async with room(cache=cache) as one, room(cache=cache) as other:
            await one.authenticator.verify(b"pat@example.org", b"secret")
            await asyncio.sleep(0)
            await other.authenticator.verify(b"pat@example.org", b"secret")
            assert (one.hashes, other.hashes) == (1, 0)
            # From now on it is remembered here, and nobody is asked.
            asked = cache.asked
            with pytest.raises(StopIteration):
                other.authenticator.verify(b"pat@example.org", b"secret").send(None)
            assert cache.asked == asked
            # Not longer than where the check was made, wherever it is used.
            other.clock.s += CHEAP.cache_s
            await other.authenticator.verify(b"pat@example.org", b"secret")
            assert other.hashes == 1

    run(scenario())


def test_a_new_password_is_not_known_elsewhere() -> None:
    async def scenario() -> None:
        cache = DictCache()
        async with room(cache=cache) as one, room(cache=cache) as other:
            await one.authenticator.verify(b"pat@example.org", b"secret")
            await asyncio.sleep(0)
            await other.directory.set_password(UserId(1), other.authenticator.passwords.hash(b"changed"))
            await other.fails(b"pat@example.org", b"secret")
            assert other.hashes == 1

    run(scenario())


def test_what_is_in_the_cache_is_of_no_use_without_the_secret() -> None:
    """Neither to guess passwords by, nor to let somebody in: with another secret, the same password has another key."""

    async def scenario() -> None:
        cache = DictCache()
        async with room(cache=cache) as one, room(cache=cache) as other:
            other.directory.secret = b"another secret"
            await one.authenticator.verify(b"pat@example.org", b"secret")
            await asyncio.sleep(0)
            (key,) = cache.values
            assert re.fullmatch(r"auth:[0-9a-f]{64}", key)
            await other.authenticator.verify(b"pat@example.org", b"secret")
            assert other.hashes == 1
            await asyncio.sleep(0)
            assert len(cache.values) == 2

    run(scenario())


@pytest.mark.parametrize("value", [b"", b"x", b"-1", b"9" * 400, b"12 3"])
def test_nonsense_in_the_cache_is_no_success_for_long(value: bytes) -> None:
    async def scenario() -> None:
        cache = DictCache()
        async with room(cache=cache) as one, room(cache=cache) as other:
            await one.authenticator.verify(b"pat@example.org", b"secret")
            await asyncio.sleep(0)
            cache.values = dict.fromkeys(cache.values, value)
            await other.authenticator.verify(b"pat@example.org", b"secret")
            assert other.hashes == 1

    run(scenario())


def test_a_cache_is_asked_the_same_for_accounts_that_are_not_there() -> None:
    """Otherwise the time would tell."""

    async def scenario() -> None:
        cache = DictCache()
        async with room(cache=cache) as at:
            await at.fails(b"pat@example.org", b"wrong")
            await at.fails(b"nobody@example.org", b"wrong")
            assert cache.asked == at.hashes == 2
            assert cache.values == {}

    run(scenario())


def test_without_the_secret_every_node_checks_for_itself() -> None:
    async def scenario() -> None:
        cache = DictCache()
        async with room(cache=cache) as at:
            at.directory.secret = None
            await at.authenticator.verify(b"pat@example.org", b"secret")
            assert at.hashes == 1 and not cache.values

    run(scenario())
