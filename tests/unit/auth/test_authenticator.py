"""The Authenticator: verdicts, memory of verdicts, bounds, delays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from lightmail.auth.authenticator import Authenticator
from lightmail.auth.passwords import Passwords
from lightmail.auth.sasl import Credentials
from lightmail.auth.throttle import ENTRIES, MAX_DELAY_S, WINDOW_S, FailureDelays
from lightmail.config import Auth
from lightmail.errors import AccountDisabled, AuthenticationFailed, AuthorizationFailed, Unavailable, UserNotFound
from lightmail.model import User, UserId
from tests.support.aio import run

CHEAP = Auth(argon2_memory_kib=8, argon2_passes=1)
SECRET = Passwords(CHEAP).hash(b"secret")


class OneTable:
    """The part of a Directory that is asked for here."""

    def __init__(self, *users: User) -> None:
        self.users = {user.address: user for user in users}
        self.failing = False

    async def get_user(self, address: str) -> User:
        if self.failing:
            raise Unavailable("directory")
        try:
            return self.users[address]
        except KeyError:
            raise UserNotFound(address) from None

    async def get_user_by_id(self, user_id: UserId) -> User:
        return next(user for user in self.users.values() if user.id == user_id)

    async def set_password(self, user_id: UserId, password_hash: str, *, only_if: str | None = None) -> None:
        if self.failing:
            raise Unavailable("directory")
        user = await self.get_user_by_id(user_id)
        if only_if is None or user.password_hash == only_if:
            self.users[user.address] = replace(user, password_hash=password_hash)


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

    def __init__(self, parameters: Auth, queued_hashes: int) -> None:
        self.directory = OneTable(
            user(1, "pat@example.org"), user(2, "off@example.org", enabled=False), user(3, "none@example.org", "")
        )
        self.clock = HandClock()
        self.authenticator = Authenticator(
            directory=self.directory,  # type: ignore[arg-type]  # the verbs that are used
            clock=self.clock,
            parameters=parameters,
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
async def room(parameters: Auth = CHEAP, queued_hashes: int = 100) -> AsyncIterator[Room]:
    made = Room(parameters, queued_hashes)
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
                assert (await at.authenticator.authenticate(credentials)).id == 1
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


def test_failures_are_not_remembered_as_anything() -> None:
    async def scenario() -> None:
        async with room() as at:
            await at.fails(b"pat@example.org", b"wrong")
            await at.fails(b"pat@example.org", b"wrong")
            assert at.hashes == 2

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
    delays = FailureDelays(first_s=0.5)
    assert [delays.failed("a", "p", now_s=10.0) for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, MAX_DELAY_S]
    assert delays.failed("a", "elsewhere", now_s=10.0) == 0.5
    assert delays.failed("b", "p", now_s=10.0) == 0.5
    assert delays.failed("b", "p", now_s=10.0 + WINDOW_S + 1) == 0.5
    delays.succeeded("a", "p")
    assert delays.failed("a", "p", now_s=10.0) == 0.5
    assert max(delays.failed("a", "p", now_s=10.0) for _ in range(5000)) == MAX_DELAY_S


def test_delays_remember_a_bounded_number() -> None:
    delays = FailureDelays(first_s=0.5)
    delays.failed("first", "p", now_s=0.0)
    for number in range(ENTRIES):
        delays.failed(str(number), "p", now_s=0.0)
    assert delays.failed("first", "p", now_s=0.0) == 0.5
