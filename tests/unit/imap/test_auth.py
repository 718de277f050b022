"""LOGIN and AUTHENTICATE (RFC 9051 §6.2.2, §6.2.3; RFC 4959; RFC 5530 §3)."""

from __future__ import annotations

from base64 import b64encode

import pytest

from lightmail.imap.state import State
from tests.support.aio import run
from tests.unit.imap.desk import PASSWORD, USER, Desk, lines

PLAIN = b64encode(b"\0" + USER + b"\0" + PASSWORD)


def test_login() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        answer = await client.say(b"a LOGIN ann@example.org secret")
        assert answer.startswith(b"a OK [CAPABILITY IMAP4rev1 IMAP4rev2 ") and b" UIDPLUS " in answer
        assert client.session.state is State.AUTHENTICATED
        await desk.close()

    run(scenario())


def test_nobody_and_a_wrong_password_are_told_the_same() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        wrong = await client.say(b"a LOGIN ann@example.org wrong")
        nobody = await client.say(b"a LOGIN nobody@example.org secret")
        assert wrong == nobody and wrong.startswith(b"a NO [AUTHENTICATIONFAILED] ")
        await client.say(b"a LOGIN ann@example.org secret")
        assert desk.counts.logins == {"refused": 2, "ok": 1}
        await desk.close()

    run(scenario())


def test_a_disabled_account_is_told_so_only_with_its_password() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.mail.directory.set_enabled(desk.house.user.id, False)
        client = desk.connect()
        assert b"[AUTHENTICATIONFAILED]" in await client.say(b"a LOGIN ann@example.org wrong")
        assert b"NO [CONTACTADMIN]" in await client.say(b"b LOGIN ann@example.org secret")
        await desk.close()

    run(scenario())


@pytest.mark.parametrize("line", [PLAIN, b64encode(USER + b"\0" + USER + b"\0" + PASSWORD)])
def test_plain(line: bytes) -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        assert await client.say(b"a AUTHENTICATE PLAIN") == b"+ \r\n"
        assert (await client.say(line)).startswith(b"a OK [CAPABILITY ")
        await desk.close()

    run(scenario())


def test_plain_with_an_initial_response() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        assert (await client.say(b"a AUTHENTICATE PLAIN " + PLAIN)).startswith(b"a OK [CAPABILITY ")
        await desk.close()

    run(scenario())


def test_mechanism_login() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        assert await client.say(b"a AUTHENTICATE login") == b"+ VXNlcm5hbWU6\r\n"
        assert await client.say(b64encode(USER)) == b"+ UGFzc3dvcmQ6\r\n"
        assert (await client.say(b64encode(PASSWORD))).startswith(b"a OK [CAPABILITY ")
        await desk.close()

    run(scenario())


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (b"*", b"a BAD AUTHENTICATE cancelled"),
        (b"not base64!", b"a BAD "),
        (b64encode(b"no separators"), b"a BAD PLAIN expects "),
        (b64encode(b"\0" + USER + b"\0wrong"), b"a NO [AUTHENTICATIONFAILED] "),
        (b64encode(b"boss\0" + USER + b"\0" + PASSWORD), b"a NO [AUTHORIZATIONFAILED] "),
        (b"A" * 20_000, b"a BAD "),
    ],
)
def test_responses_that_lead_nowhere(response: bytes, answer: bytes) -> None:
    """And the connection goes on."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        await client.say(b"a AUTHENTICATE PLAIN")
        heard = await client.say(response)
        assert heard.startswith(answer) and len(lines(heard)) == 1
        assert client.session.state is State.NOT_AUTHENTICATED
        assert (await client.say(b"b AUTHENTICATE PLAIN " + PLAIN)).startswith(b"b OK")
        await desk.close()

    run(scenario())


def test_unknown_mechanism() -> None:
    async def scenario() -> None:
        desk = await Desk.build(imap={"hide_capabilities": ("AUTH=LOGIN",)})
        client = desk.connect()
        assert (await client.say(b"a AUTHENTICATE KERBEROS_V4")).startswith(b"a NO ")
        assert (await client.say(b"b AUTHENTICATE LOGIN")).startswith(b"b NO ")
        await desk.close()

    run(scenario())


@pytest.mark.parametrize(
    ("policy", "host", "tls", "allowed"),
    [
        ("never", "127.0.0.1", False, False),
        ("never", "192.0.2.1", True, True),
        ("loopback", "127.0.0.1", False, True),
        ("loopback", "::1", False, True),
        ("loopback", None, False, True),
        ("loopback", "192.0.2.1", False, False),
        ("loopback", "192.0.2.1", True, True),
        ("always", "192.0.2.1", False, True),
    ],
)
def test_passwords_without_tls(policy: str, host: str | None, tls: bool, allowed: bool) -> None:
    """LOGINDISABLED says no before, [PRIVACYREQUIRED] after (RFC 9051 §6.2.3, §7.1)."""

    async def scenario() -> None:
        desk = await Desk.build(auth={"plaintext_without_tls": policy})
        client = desk.connect(host=host, tls=tls)
        capabilities = (await client.say(b"a CAPABILITY")).split()
        assert (b"LOGINDISABLED" in capabilities) is not allowed
        assert (b"AUTH=PLAIN" in capabilities) is allowed
        commands = (b"b LOGIN ann@example.org secret", b"b AUTHENTICATE PLAIN " + PLAIN, b"b AUTHENTICATE PLAIN")
        for command in commands[: 1 if allowed else 3]:
            answer = await client.say(command)
            assert answer.startswith(b"b OK [CAPABILITY" if allowed else b"b NO [PRIVACYREQUIRED] ")
        await desk.close()

    run(scenario())


def test_who_guesses_on_is_sent_away() -> None:
    async def scenario() -> None:
        desk = await Desk.build(failed_logins=3)
        client = desk.connect()
        for _ in range(2):
            assert b"BYE" not in await client.say(b"a LOGIN ann@example.org wrong", b"b NOOP")
        answers = lines(await client.say(b"a LOGIN ann@example.org wrong", b"b LOGIN ann@example.org secret"))
        assert [line.split()[:2] for line in answers] == [[b"a", b"NO"], [b"*", b"BYE"]]
        assert client.closed
        await desk.close()

    run(scenario())
