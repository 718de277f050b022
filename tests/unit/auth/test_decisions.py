"""The decision service, asked over HTTP, and what becomes of logins by its answers."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from aiohttp import web

from lightmail.auth.decisions import Attempt, DecisionService
from lightmail.auth.entrance import Entrance, Visitor
from lightmail.auth.sasl import Credentials, Failed
from lightmail.config import AuthPolicy
from lightmail.errors import AuthenticationFailed, PolicyRefused
from lightmail.obs.metrics import Counts
from lightmail.obs.troubles import troubles
from tests.support.aio import run
from tests.support.decisions import Decisions, decision_server
from tests.unit.auth.test_authenticator import Room, room
from tests.unit.net.imap_lobby import until

NONCE = "of all nodes"
ATTEMPT = Attempt("pat@example.org", b"secret", "192.0.2.1", "imap", True, "abcd", '"name" "Test"')
RIGHT = Credentials(b"pat@example.org", b"secret")
WRONG = Credentials(b"pat@example.org", b"wrong")


@pytest.fixture(autouse=True)
def forget_troubles() -> None:
    troubles.forget()


class Front:
    def __init__(self, service: Decisions, at: Room, **policy: Any) -> None:
        self.service = service
        self.counts = Counts()
        settings = AuthPolicy(**{"url": service.url, "hash_nonce_secret": NONCE, "timeout_s": 30.0, **policy})
        self.decisions = DecisionService(settings, counted=self.counts)
        visitor = Visitor("192.0.2.1", "imaps", True, {"name": 'a "quoted" one', "version": "1", "os": None})
        self.entrance = Entrance(at.authenticator, visitor, self.decisions)


@asynccontextmanager
async def front(**policy: Any) -> AsyncIterator[Front]:
    async with decision_server() as service, room() as at:
        made = Front(service, at, **policy)
        try:
            yield made
        finally:
            await made.decisions.close()


def test_what_is_told() -> None:
    async def scenario() -> None:
        async with front() as at:
            assert (await at.entrance.authenticate(RIGHT)).user.address == "pat@example.org"
            await until(lambda: at.service.told)
            (before, after), (report,) = at.service.asked, at.service.told
            assert before == after
            assert report == {**before, "success": True, "policy_reject": False}
            assert len(before.pop("session_id")) == 16
            assert before == {
                "login": "pat@example.org",
                "pwhash": at.decisions.password_hash(ATTEMPT),
                "remote": "192.0.2.1",
                "protocol": "imaps",
                "tls": True,
                "device_id": '"name" "a \\"quoted\\" one" "version" "1"',
            }
            assert at.counts.decisions == {"allowed": 2}
            with pytest.raises(AuthenticationFailed):
                await at.entrance.authenticate(WRONG)
            await at.entrance.failed(Failed(b"pat@example.org", "proof"))
            await until(lambda: len(at.service.told) == 3)
            assert len(at.service.asked) == 3, "not after a failure"
            assert [each["success"] for each in at.service.told] == [True, False, False]
            assert at.service.told[1]["pwhash"] != before["pwhash"]

    run(scenario())


@pytest.mark.parametrize(("bits", "mechanism"), [(12, "sha256"), (16, "sha1"), (0, "md5"), (13, "sha512")])
def test_how_much_is_told_of_a_password(bits: int, mechanism: Any) -> None:
    policy = AuthPolicy(hash_nonce_secret=NONCE, hash_truncate_bits=bits, hash_mechanism=mechanism)
    found = DecisionService(policy).password_hash(ATTEMPT)
    digest = hashlib.new(mechanism, b"of all nodes" + b"pat@example.org\0" + b"secret").digest()
    if bits:
        assert len(found) == 4
        assert int(found, 16) == int.from_bytes(digest, "big") >> (len(digest) * 8 - bits)
    else:
        assert found == digest.hex()


def test_the_length_of_a_hash_is_that_of_its_octets() -> None:
    """The first 12 bits of 0xABCD… are told as 0abc."""
    digest = hashlib.sha256(b"of all nodes" + b"pat@example.org\0" + b"secret").hexdigest()
    assert DecisionService(AuthPolicy(hash_nonce_secret=NONCE)).password_hash(ATTEMPT) == "0" + digest[:3]


def test_refused_before_and_after() -> None:
    async def scenario() -> None:
        async with front() as at:
            at.service.answers = [-1]
            with pytest.raises(PolicyRefused) as refused:
                await at.entrance.authenticate(RIGHT)
            assert str(refused.value) == str(AuthenticationFailed())
            at.service.answers = [0, -7]
            with pytest.raises(PolicyRefused):
                await at.entrance.authenticate(RIGHT)
            await until(lambda: len(at.service.told) == 2)
            assert len(at.service.asked) == 3
            assert [(each["success"], each["policy_reject"]) for each in at.service.told] == [(False, True)] * 2
            assert at.counts.decisions == {"refused": 2, "allowed": 1}

    run(scenario())


def test_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(delay_s: float) -> None:
        waits.append(delay_s)

    async def scenario() -> None:
        async with front() as at:
            at.service.answers = [3, 10_000]
            with monkeypatch.context() as patched:
                patched.setattr("lightmail.auth.entrance.asyncio.sleep", sleep)
                await at.entrance.authenticate(RIGHT)
            assert waits == [3, 30.0]

    run(scenario())


@pytest.mark.parametrize("fail", ["open", "closed"])
@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=500),
        web.Response(text="no JSON"),
        web.Response(text='{"state": 0}'),
        web.Response(text='{"status": "0"}'),
        web.Response(text='{"status": 0, "msg": "' + "x" * 70_000 + '"}'),
    ],
)
def test_answers_that_are_none(fail: str, answer: web.Response) -> None:
    async def scenario() -> None:
        async with front(fail=fail, after=False) as at:
            # A response can be sent once.
            at.service.answers = [web.Response(status=answer.status, body=answer.body)]
            with structlog.testing.capture_logs() as logs:
                if fail == "open":
                    await at.entrance.authenticate(RIGHT)
                else:
                    with pytest.raises(PolicyRefused):
                        await at.entrance.authenticate(RIGHT)
            assert [line["event"] for line in logs] == ["the decision service cannot be asked"]
            assert at.counts.decisions == {"none": 1}

    run(scenario())


def test_nobody_answers() -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
            async with front(url=url, after=False) as at:
                assert (await at.entrance.authenticate(RIGHT)).user.address == "pat@example.org"
                assert at.counts.decisions["none"] == 1
        async with front(timeout_s=0.05, after=False) as at:
            at.service.hold = asyncio.Event()
            await at.entrance.authenticate(RIGHT)
            assert at.counts.decisions["none"] == 1

    run(scenario())


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [("Authorization: Basic abc", "Authorization", "Basic abc"), ("abc", "X-API-Key", "abc")],
)
def test_its_own_names_and_headers(header: str, name: str, value: str) -> None:
    async def scenario() -> None:
        attributes = {"user": "login", "attrs/cos": "basic", "attrs/ip": "remote"}
        async with front(api_header_secret=header, attributes=attributes, before=False, report=False) as at:
            await at.entrance.authenticate(RIGHT)
            assert at.service.asked == [{"user": "pat@example.org", "attrs": {"cos": "basic", "ip": "192.0.2.1"}}]
            assert at.service.headers[0][name] == value
            assert at.service.headers[0]["Content-Type"] == "application/json"

    run(scenario())


def test_the_query_of_the_url_stays() -> None:
    for url, asked in (
        ("http://p/", "http://p/?command=allow"),
        ("http://p/?a=1&", "http://p/?a=1&command=allow"),
        ("http://p/x?a=1", "http://p/x?a=1&command=allow"),
    ):
        assert DecisionService(AuthPolicy(url=url))._url("allow") == asked


def test_secrets_are_not_shown() -> None:
    text = repr(AuthPolicy(url="http://p/", api_header_secret="hush", hash_nonce_secret="hush")) + repr(ATTEMPT)
    assert "hush" not in text and "secret'" not in text.replace("_secret='***'", "")
