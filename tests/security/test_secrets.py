"""No secret is in a log, an error, a metric or what the command line prints: a whole run at the most talkative level is
searched for each of them, as it is and in the forms in which it travels.
"""

from __future__ import annotations

import base64
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.installation import KINDS, Installation
from tests.support.services import Services
from tests.support.wire import ImapClient, Wire

pytestmark = pytest.mark.integration

RIGHT = "right-Plugh7742"
WRONG = "wrong-Plover9981"
NEW = "new-Frobozz3310"
ADDRESS = "ann@example.org"


@pytest.fixture(params=["sqlite+files", "mysql+s3+redis"])
def talkative(request: pytest.FixtureRequest, tmp_path: Path, services: Services) -> Iterator[Installation]:
    config = {"log": {"level": "debug"}, "auth": {"plaintext_without_tls": "always"}}
    with Installation(KINDS[request.param], tmp_path, services, config) as installation:
        installation.add_user(ADDRESS, RIGHT)
        yield installation


def plain(password: str, authorization: str = "") -> bytes:
    return base64.b64encode(f"{authorization}\0{ADDRESS}\0{password}".encode())


def logins(talkative: Installation) -> list[bytes]:
    """Every way in which a password comes, wrong, right and mangled; what was answered. Right after wrong, so that
    failures do not add up to long delays.
    """
    heard: list[bytes] = []
    address = ADDRESS.encode()
    for password in (WRONG, RIGHT):
        secret = password.encode()
        for text, literals in (
            (b"LOGIN %b %b superfluous" % (address, secret), []),
            (b'LOGIN %b "%b' % (address, secret), []),
            (b"LOGIN %b" % secret, []),
            (b"%b" % secret, []),
            (b"%b" % plain(password), []),
            (b"AUTHENTICATE PLAIN %b!" % plain(password), []),
            (b"AUTHENTICATE UNKNOWN-%b %b" % (secret, plain(password)), []),
            (b"LOGIN %b {}" % address, [secret * 400]),
        ):
            heard += said_to(talkative, text, *literals)
    for make in (
        lambda secret: (b'LOGIN %b "%b"' % (address, secret), []),
        lambda secret: (b"LOGIN {} {}", [address, secret]),
        lambda secret: (b"AUTHENTICATE PLAIN %b" % plain(secret.decode()), []),
        lambda secret: (b"AUTHENTICATE PLAIN %b" % plain(secret.decode(), "somebody@example.org"), []),
    ):
        for password in (WRONG, RIGHT):
            text, literals = make(password.encode())
            heard += said_to(talkative, text, *literals)
    for password in (WRONG, RIGHT):
        with Wire(talkative.address("imap")) as wire:
            for octets in (b"a AUTHENTICATE LOGIN", base64.b64encode(address), base64.b64encode(password.encode())):
                heard.append(wire.response() or b"")
                wire.send(octets + b"\r\n")
            heard.append(wire.response() or b"")
    return heard


def said_to(talkative: Installation, text: bytes, *literals: bytes) -> list[bytes]:
    with ImapClient(talkative.address("imap")) as client:
        answer = client.command(text, *literals)
        return [*answer.untagged, answer.tagged]


def test_a_whole_run_says_no_secret(talkative: Installation) -> None:
    heard = logins(talkative)
    assert any(line.startswith(b"OK [CAPABILITY") for line in heard)
    assert any(line.startswith(b"NO [AUTHENTICATIONFAILED]") for line in heard)
    printed: list[bytes] = []
    for arguments, stdin in (
        (["config", "show"], ""),
        (["config", "show", "--json"], ""),
        (["user", "show", ADDRESS], ""),
        (["user", "list", "--json"], ""),
        (["user", "passwd", ADDRESS, "--password-stdin"], f"{NEW}\n"),
        (["user", "add", ADDRESS, "--password-stdin"], f"{NEW}\n"),
        (["user", "passwd", "nobody@example.org", "--password-stdin"], f"{NEW}\n"),
        (["sessions"], ""),
    ):
        done = talkative.command(*arguments, stdin=stdin.encode())
        printed += [done.stdout, done.stderr]
    with ImapClient(talkative.address("imap")) as client:
        client.login(ADDRESS, NEW)

    node = talkative.nodes[0]
    metrics = node.data / "metrics.prom"
    node.signal(signal.SIGUSR1)
    assert eventually(metrics.exists)
    talkative.stop()
    said = {
        "log": node.log().encode(),
        "metrics": metrics.read_bytes(),
        "printed at the start": "\n".join(node.printed).encode(),
        "command line": b"\n".join(printed),
        "answers": b"\n".join(heard),
    }
    assert ADDRESS.encode() in said["log"], "it is the log of this run"
    for name, secrets in secrets_of(node.config_file.read_text()).items():
        for secret in secrets:
            for place, octets in said.items():
                assert secret not in octets, f"{name} in {place}: {context(octets, secret)!r}"


def secrets_of(config: str) -> dict[str, list[bytes]]:
    """By name: each as it is and as it travels. The parts of base64 that do not depend on what is around them."""
    found = {
        name: [name.encode(), *(plain(name)[:-4],), base64.b64encode(name.encode()).rstrip(b"=")[:-2]]
        for name in (RIGHT, WRONG, NEW)
    }
    for line in config.splitlines():
        key, _, value = line.partition(" = ")
        if key in ("secret_key", "password"):
            found[key] = [value.strip('"').encode()]
        if key in ("metadata", "redis") and "@" in value:
            credentials = value.partition("://")[2].partition("@")[0]
            found[f"{key} URL"] = [credentials.rpartition(":")[2].encode()] if ":" in credentials else []
    return found


def context(octets: bytes, secret: bytes) -> bytes:
    at = octets.index(secret)
    return octets[max(0, at - 80) : at + len(secret) + 20]
