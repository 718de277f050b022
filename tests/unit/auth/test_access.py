"""From where accounts may log in."""

from __future__ import annotations

import pytest

from lightmail.auth.access import AccessRules
from lightmail.config import Access
from lightmail.errors import AccountDisabled, AuthenticationFailed, NetworkRefused
from lightmail.model import User, UserId
from tests.support.aio import run
from tests.unit.auth.test_authenticator import room

RULES = AccessRules(
    Access(
        users={"Pat@example.org": "192.0.2.0/24", "@example.org": "!198.51.100.0/24"},
        administrators="10.0.0.0/8 unix",
    )
)


def user(address: str, *, administrator: bool = False) -> User:
    return User(UserId(1), address, "", True, 0, administrator)


@pytest.mark.parametrize(
    ("who", "host", "allowed"),
    [
        (user("pat@example.org"), "192.0.2.7", True),
        (user("pat@example.org"), "::ffff:192.0.2.7", True),
        (user("pat@example.org"), "203.0.113.1", False),
        (user("pat@example.org"), None, False),
        (user("kim@example.org"), "203.0.113.1", True),
        (user("kim@example.org"), "198.51.100.1", False),
        (user("kim@example.net"), "198.51.100.1", True),
        (user("demo"), "198.51.100.1", True),
        (user("kim@example.net", administrator=True), "198.51.100.1", False),
        (user("kim@example.net", administrator=True), "10.1.2.3", True),
        (user("kim@example.net", administrator=True), None, True),
        (user("pat@example.org", administrator=True), "10.1.2.3", False),
    ],
)
def test_rules(who: User, host: str | None, allowed: bool) -> None:
    assert RULES.allow(who, host) is allowed


def test_nobody_learns_that_the_password_was_right() -> None:
    async def scenario() -> None:
        async with room() as at:
            at.authenticator._access = AccessRules(Access(users={"@example.org": "192.0.2.0/24"}))
            await at.authenticator.verify(b"pat@example.org", b"secret", "192.0.2.1")
            with pytest.raises(NetworkRefused) as refused:
                await at.authenticator.verify(b"pat@example.org", b"secret", "203.0.113.1")
            with pytest.raises(AuthenticationFailed) as wrong:
                await at.authenticator.verify(b"pat@example.org", b"no secret", "203.0.113.1")
            assert str(refused.value) == str(wrong.value)
            assert at.authenticator._delays.failed_here("pat@example.org", "203.0.113.1")
            with pytest.raises(NetworkRefused):
                await at.authenticator.verify(b"off@example.org", b"secret", "203.0.113.1")
            with pytest.raises(AccountDisabled):
                await at.authenticator.verify(b"off@example.org", b"secret", "192.0.2.1")

    run(scenario())
