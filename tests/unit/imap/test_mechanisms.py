"""AUTHENTICATE with mechanisms of several steps, and for others (RFC 9051 §6.2.2)."""

from __future__ import annotations

from base64 import b64decode, b64encode

from structlog.testing import capture_logs

from lightmail.auth.passwords import Passwords
from lightmail.config import Auth
from lightmail.imap.state import State
from tests.support.aio import run
from tests.support.sasl_clients import ScramClient, cram_md5
from tests.unit.imap.desk import PASSWORD, USER, Client, Desk

OFFER = {
    "mechanisms": ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN"),
    "challenge_keys": ("SCRAM-SHA-256", "CRAM-MD5"),
    "scram_iterations": 4096,
}


class Bindings:
    def get(self, name: str) -> bytes | None:
        return b"exported" if name == "tls-exporter" else None


async def desk(**auth: object) -> Desk:
    made = await Desk.build(auth=OFFER | auth)
    keeping = Passwords(Auth(argon2_memory_kib=8, argon2_passes=1, challenge_keys=("SCRAM-SHA-256", "CRAM-MD5")))
    secrets = keeping.secrets(PASSWORD)
    await made.house.mail.directory.set_password(
        made.house.user.id, secrets.password_hash, challenge_secrets=secrets.challenge_secrets
    )
    return made


async def scram(client: Client, name: str, peer: ScramClient) -> bytes:
    """The tagged answer."""
    line = await client.say(b"a AUTHENTICATE %s %s" % (name.encode(), b64encode(peer.first())))
    if not line.startswith(b"+ "):
        return line
    line = await client.say(b64encode(peer.final(b64decode(line[2:]))))
    if not line.startswith(b"+ "):
        return line
    assert peer.verify(b64decode(line[2:]))
    return await client.say(b"")


def test_scram() -> None:
    async def scenario() -> None:
        at = await desk()
        client = at.connect()
        wrong = await scram(client, "SCRAM-SHA-256", ScramClient("SCRAM-SHA-256", USER.decode(), "wrong"))
        nobody = await scram(client, "SCRAM-SHA-256", ScramClient("SCRAM-SHA-256", "nobody@example.org", "secret"))
        assert wrong == nobody and wrong.startswith(b"a NO [AUTHENTICATIONFAILED] ")
        assert at.counts.logins == {"refused": 2}
        answer = await scram(client, "SCRAM-SHA-256", ScramClient("SCRAM-SHA-256", USER.decode(), PASSWORD.decode()))
        assert answer.startswith(b"a OK [CAPABILITY ")
        assert client.session.state is State.AUTHENTICATED
        await at.close()

    run(scenario())


def test_scram_without_tls_needs_none_and_plain_does() -> None:
    async def scenario() -> None:
        at = await desk(plaintext_without_tls="never")
        client = at.connect(host="192.0.2.1")
        capabilities = (await client.say(b"a CAPABILITY")).split()
        assert b"AUTH=SCRAM-SHA-256" in capabilities and b"AUTH=PLAIN" not in capabilities
        assert (await client.say(b"a AUTHENTICATE PLAIN")).startswith(b"a NO [PRIVACYREQUIRED] ")
        assert (await client.say(b"a AUTHENTICATE LOGIN")).startswith(b"a NO That mechanism")
        assert (await client.say(b"a AUTHENTICATE SCRAM-SHA-1")).startswith(b"a NO That mechanism")
        answer = await scram(client, "SCRAM-SHA-256", ScramClient("SCRAM-SHA-256", USER.decode(), PASSWORD.decode()))
        assert answer.startswith(b"a OK ")
        await at.close()

    run(scenario())


def test_plus_where_there_is_a_binding() -> None:
    async def scenario() -> None:
        at = await desk()
        client = at.connect(tls=True)
        assert b"-PLUS" not in await client.say(b"a CAPABILITY")
        assert (await client.say(b"a AUTHENTICATE SCRAM-SHA-256-PLUS")).startswith(b"a NO ")
        client.channel_bindings = Bindings()
        assert b" AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 " in await client.say(b"a CAPABILITY")
        name, user, password = "SCRAM-SHA-256", USER.decode(), PASSWORD.decode()
        downgraded = ScramClient(name, user, password, flag="y")
        assert (await scram(client, name, downgraded)).startswith(b"a NO [AUTHENTICATIONFAILED] ")
        bound = ScramClient(name, user, password, flag="p=tls-exporter", binding=b"exported")
        assert (await scram(client, "SCRAM-SHA-256-PLUS", bound)).startswith(b"a OK ")
        await at.close()

    run(scenario())


def test_hiding_plus_is_no_downgrade() -> None:
    async def scenario() -> None:
        at = await Desk.build(auth=OFFER, imap={"hide_capabilities": ("AUTH=SCRAM-SHA-256-PLUS",)})
        secrets = Passwords(at.config.auth).secrets(PASSWORD)
        await at.house.mail.directory.set_password(
            at.house.user.id, secrets.password_hash, challenge_secrets=secrets.challenge_secrets
        )
        client = at.connect(tls=True)
        client.channel_bindings = Bindings()
        peer = ScramClient("SCRAM-SHA-256", USER.decode(), PASSWORD.decode(), flag="y")
        assert (await scram(client, "SCRAM-SHA-256", peer)).startswith(b"a OK ")
        await at.close()

    run(scenario())


def test_cram_md5() -> None:
    async def scenario() -> None:
        at = await desk()
        client = at.connect()
        line = await client.say(b"a AUTHENTICATE CRAM-MD5")
        response = cram_md5(USER.decode(), PASSWORD.decode(), b64decode(line[2:]))
        assert (await client.say(b64encode(response))).startswith(b"a OK ")
        await at.close()

    run(scenario())


def test_acting_for_another_is_logged_with_both_names() -> None:
    async def scenario() -> None:
        at = await desk()
        accounts, directory = at.house.mail.accounts, at.house.mail.directory
        kim = await accounts.create("kim@example.org", "")
        client = at.connect()
        plain = b64encode(b"kim@example.org\0" + USER + b"\0" + PASSWORD)
        assert b"a NO [AUTHORIZATIONFAILED] " in await client.say(b"a AUTHENTICATE PLAIN " + plain)
        await directory.set_administrator(at.house.user.id, True)
        with capture_logs() as logged:
            assert b"a OK " in await client.say(b"a AUTHENTICATE PLAIN " + plain)
        assert client.session.user is not None and client.session.user.id == kim.id
        (line,) = [line for line in logged if line["event"] == "login"]
        assert (line["user"], line["by"], line["mechanism"]) == ("kim@example.org", USER.decode(), "PLAIN")
        await at.close()

    run(scenario())
