"""CRAM-MD5, SCRAM and what of them is offered; those that send the password are in test_sasl.py."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightmail.auth import cram_md5, sasl
from lightmail.auth.line import TLS_EXPORTER, TLS_SERVER_END_POINT, Line
from lightmail.auth.mechanisms import MECHANISMS, offered
from lightmail.auth.mechanisms.cram_md5 import CramMd5
from lightmail.auth.mechanisms.gs2 import parse_header, saslname
from lightmail.auth.mechanisms.scram import Scram
from lightmail.auth.sasl import Challenge, ContextsWanted, Failed, MalformedResponse, Mechanism, Proven, ScramWanted
from lightmail.auth.scram_keys import ScramKeys
from lightmail.config import Auth
from lightmail.config.combinations import MECHANISMS as CONFIGURABLE
from tests.support import sasl_clients
from tests.support.sasl_clients import ScramClient


class Bindings:
    """As a TLS connection has them."""

    def __init__(self, **known: bytes) -> None:
        self._known = {name.replace("_", "-"): octets for name, octets in known.items()}

    def get(self, name: str) -> bytes | None:
        return self._known.get(name)


BOUND = Bindings(tls_exporter=b"e" * 32, tls_server_end_point=b"p" * 32)


def server(
    name: str = "SCRAM-SHA-256",
    *,
    bindings: Bindings | None = None,
    plus_offered: bool = False,
    nonce: bytes | None = None,
) -> Scram:
    return Scram(name, bindings, plus_offered=plus_offered, nonce=nonce)


def supplied(step: object, password: bytes = b"pencil", salt: bytes = b"salt", iterations: int = 4096) -> sasl.Step:
    assert isinstance(step, ScramWanted)
    return step.supply(ScramKeys.derive(step.scheme, password, salt, iterations))


def talk(mechanism: Scram, client: ScramClient) -> sasl.Step:
    """Until something other than a challenge comes, or the server has proven itself."""
    step = mechanism.step(client.first())
    if isinstance(step, Failed):
        return step
    challenge = supplied(step)
    assert isinstance(challenge, Challenge)
    step = mechanism.step(client.final(challenge.octets))
    if not isinstance(step, Challenge):
        return step
    assert client.verify(step.octets)
    return mechanism.step(b"")


EXAMPLES = {
    # RFC 5802 §5
    "SCRAM-SHA-1": (
        b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        b"3rfcNHYJY1ZVvWVs7j",
        "QSXCR+Q6sek8bf92",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    # RFC 7677 §3
    "SCRAM-SHA-256": (
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_scram_as_in_the_rfcs(name: str) -> None:
    first, nonce, salt, server_first, final, server_final = EXAMPLES[name]
    mechanism = server(name, nonce=nonce)
    assert mechanism.step(None) == Challenge(b"")
    assert supplied(mechanism.step(first), salt=base64.b64decode(salt)) == Challenge(server_first)
    assert mechanism.step(final) == Challenge(server_final)
    assert mechanism.step(b"") == Proven(b"user")


@pytest.mark.parametrize("name", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_scram_with_names_to_be_escaped(name: str) -> None:
    client = ScramClient(name, "a=b,c", "pencil", authzid="d=3De=2Cf")
    assert talk(server(name), client) == Proven(b"a=b,c", b"d=e,f")


def test_scram_with_a_wrong_password() -> None:
    step = talk(server(), ScramClient("SCRAM-SHA-256", "user", "pencill"))
    assert step == Failed(b"user", "wrong proof")


@pytest.mark.parametrize("binding", [TLS_EXPORTER, TLS_SERVER_END_POINT])
@pytest.mark.parametrize("name", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"])
def test_channel_binding(name: str, binding: str) -> None:
    octets = BOUND.get(binding)
    assert octets
    client = ScramClient(name, "user", "pencil", flag=f"p={binding}", binding=octets)
    assert talk(server(name, bindings=BOUND, plus_offered=True), client) == Proven(b"user")
    # Somebody in between has a TLS connection of his own with each side.
    client = ScramClient(name, "user", "pencil", flag=f"p={binding}", binding=b"x" * 32)
    assert talk(server(name, bindings=BOUND, plus_offered=True), client) == Failed(b"user", "another channel binding")


def test_a_channel_binding_that_is_not_to_be_had() -> None:
    client = ScramClient("SCRAM-SHA-256-PLUS", "user", "pencil", flag="p=tls-unique", binding=b"x")
    step = talk(server("SCRAM-SHA-256-PLUS", bindings=BOUND, plus_offered=True), client)
    assert step == Failed(b"user", "no channel binding tls-unique here")


def test_downgrades_are_seen() -> None:
    """RFC 5802 §6: a client that could bind, and was not shown -PLUS, says "y"."""
    client = ScramClient("SCRAM-SHA-256", "user", "pencil", flag="y")
    assert isinstance(talk(server(bindings=BOUND, plus_offered=True), client), Failed)
    client = ScramClient("SCRAM-SHA-256", "user", "pencil", flag="y")
    assert talk(server(), client) == Proven(b"user")
    client = ScramClient("SCRAM-SHA-256", "user", "pencil", flag="n")
    assert talk(server(bindings=BOUND, plus_offered=True), client) == Proven(b"user")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SCRAM-SHA-256", b""),
        ("SCRAM-SHA-256", b"n,,"),
        ("SCRAM-SHA-256", b"x,,n=user,r=abc"),
        ("SCRAM-SHA-256", b"n,n=user,r=abc"),
        ("SCRAM-SHA-256", b"n,b=x,n=user,r=abc"),
        ("SCRAM-SHA-256", b"n,,n=,r=abc"),
        ("SCRAM-SHA-256", b"n,,n=us=er,r=abc"),
        ("SCRAM-SHA-256", b"n,,n=us\0er,r=abc"),
        ("SCRAM-SHA-256", b"n,,n=\xff,r=abc"),
        ("SCRAM-SHA-256", b"n,,n=user,r="),
        ("SCRAM-SHA-256", b"n,,n=user,r=a b"),
        ("SCRAM-SHA-256", b"n,,m=x,n=user,r=abc"),
        ("SCRAM-SHA-256", b"p=tls-exporter,,n=user,r=abc"),
        ("SCRAM-SHA-256-PLUS", b"n,,n=user,r=abc"),
        ("SCRAM-SHA-256-PLUS", b"y,,n=user,r=abc"),
    ],
)
def test_first_messages_that_are_none(name: str, message: bytes) -> None:
    with pytest.raises(MalformedResponse):
        server(name, bindings=BOUND).step(message)


def final_of(change: Callable[[bytes], bytes]) -> sasl.Step:
    mechanism, client = server(), ScramClient("SCRAM-SHA-256", "user", "pencil")
    challenge = supplied(mechanism.step(client.first()))
    assert isinstance(challenge, Challenge)
    return mechanism.step(change(client.final(challenge.octets)))


def test_final_messages_that_are_none() -> None:
    for change in (
        lambda _: b"",
        lambda message: message.replace(b",p=", b",q="),
        lambda message: message.replace(b"c=", b"d="),
        lambda message: message + b",x=y",
        lambda message: message.partition(b",p=")[0],
    ):
        with pytest.raises(MalformedResponse):
            final_of(change)


def test_final_messages_that_prove_nothing() -> None:
    for change, reason in (
        (lambda message: message.replace(b",r=", b",r=x"), "another nonce"),
        (lambda message: message.replace(b"c=biws", b"c=eSws"), "another channel binding"),
        (lambda message: message.partition(b",p=")[0] + b",p=AAAA", "wrong proof"),
        (lambda message: message.partition(b",p=")[0] + b",p=A", "wrong proof"),
        (lambda message: message.replace(b",p=", b",x=y,p="), "wrong proof"),
    ):
        assert final_of(change) == Failed(b"user", reason)


def test_extensions_are_ignored() -> None:
    """RFC 5802 §5.1: unknown optional attributes."""
    mechanism = server()
    assert isinstance(mechanism.step(b"n,,n=user,r=abc,x=something"), ScramWanted)


def test_an_answer_to_the_servers_proof_is_empty() -> None:
    mechanism, client = server(), ScramClient("SCRAM-SHA-256", "user", "pencil")
    challenge = supplied(mechanism.step(client.first()))
    assert isinstance(challenge, Challenge)
    assert isinstance(mechanism.step(client.final(challenge.octets)), Challenge)
    with pytest.raises(MalformedResponse):
        mechanism.step(b"more")


def test_every_exchange_has_its_own_nonce() -> None:
    nonces = set()
    for _ in range(8):
        challenge = supplied(server().step(b"n,,n=user,r=abc"), iterations=1)
        assert isinstance(challenge, Challenge)
        nonces.add(challenge.octets.split(b",")[0])
    assert len(nonces) == 8


def test_cram_md5_as_in_the_rfc() -> None:
    """RFC 2195 §2."""
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    mechanism = CramMd5(challenge=challenge)
    assert mechanism.step(None) == Challenge(challenge)
    step = mechanism.step(b"tim b913a602c7eda7a495b4e6e7334d3890")
    assert isinstance(step, ContextsWanted) and step.username == b"tim"
    assert step.supply(cram_md5.contexts(b"tanstaaftanstaaf")) == Proven(b"tim")
    assert step.supply(cram_md5.contexts(b"other")) == Failed(b"tim", "wrong digest")


def test_cram_md5_with_a_name_of_blanks() -> None:
    mechanism = CramMd5()
    challenge = mechanism.step(None)
    assert isinstance(challenge, Challenge)
    step = mechanism.step(sasl_clients.cram_md5("Tim Q", "secret", challenge.octets))
    assert isinstance(step, ContextsWanted) and step.username == b"Tim Q"
    assert step.supply(cram_md5.contexts(b"secret")) == Proven(b"Tim Q")
    assert CramMd5().step(None) != challenge


@pytest.mark.parametrize("response", [b"", b"tim", b"tim abc", b" b913a602c7eda7a495b4e6e7334d3890"])
def test_cram_md5_malformed(response: bytes) -> None:
    mechanism = CramMd5()
    mechanism.step(None)
    with pytest.raises(MalformedResponse):
        mechanism.step(response)
    with pytest.raises(MalformedResponse):
        CramMd5().step(response)


def started(name: str) -> Mechanism:
    return MECHANISMS[name].create(Line("192.0.2.1", True, True, BOUND), tuple(MECHANISMS))


@pytest.mark.parametrize("name", MECHANISMS)
@given(responses=st.lists(st.none() | st.binary(max_size=120), max_size=5))
def test_whatever_comes_is_a_step_or_malformed(name: str, responses: list[bytes | None]) -> None:
    mechanism = started(name)
    for response in responses:
        try:
            step = mechanism.step(response)
            if isinstance(step, ScramWanted):
                step = supplied(step, iterations=1)
            elif isinstance(step, ContextsWanted):
                step = step.supply(b"\0" * cram_md5.CONTEXT_OCTETS)
        except MalformedResponse:
            return
        if not isinstance(step, Challenge):
            assert not isinstance(step, Proven)
            return


@given(st.binary(max_size=60), st.sampled_from([b"n,,", b"y,a=x,", b"p=tls-exporter,,", b"p=", b"n,a=", b""]))
def test_gs2_headers(rest: bytes, start: bytes) -> None:
    try:
        header, behind = parse_header(start + rest)
    except MalformedResponse:
        return
    assert header.octets + behind == start + rest


@given(st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text))
def test_saslnames(name: str) -> None:
    octets = name.encode("utf-8", "surrogatepass") if name.isascii() else name.encode("utf-8", "replace")
    assert saslname(octets.replace(b"=", b"=3D").replace(b",", b"=2C")) == octets


def test_what_is_offered() -> None:
    everything = Auth(mechanisms=tuple(MECHANISMS))
    bound, plain = Line("192.0.2.1", True, True, BOUND), Line("192.0.2.1", True, True)
    clear, private = Line("192.0.2.1", False, False), Line("127.0.0.1", False, True)
    scram = ("SCRAM-SHA-256", "SCRAM-SHA-1")
    plus = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS")
    sending = ("OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN")
    assert offered(everything, bound) == (*plus, *scram, "CRAM-MD5", *sending)
    assert offered(everything, plain) == (*scram, "CRAM-MD5", *sending)
    assert offered(everything, clear) == (*scram, "CRAM-MD5")
    assert offered(everything, private) == (*scram, "CRAM-MD5", "PLAIN", "LOGIN")
    assert offered(Auth(), bound) == ("PLAIN", "LOGIN")
    assert offered(Auth(), clear) == ()
    assert offered(Auth(mechanisms=("plain", "scram-sha-256"), mechanisms_without_tls=()), private) == ()
    assert offered(Auth(mechanisms=("plain", "scram-sha-256")), plain) == ("SCRAM-SHA-256", "PLAIN")
    assert set(CONFIGURABLE) == set(MECHANISMS)
