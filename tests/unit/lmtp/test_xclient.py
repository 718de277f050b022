"""XCLIENT: for whom a trusted client speaks."""

from __future__ import annotations

import pytest

from lightmail.lmtp.xclient import Client
from tests.unit.lmtp.driver import ENVELOPE, GREETING, LHLO, Driver


@pytest.fixture
def trusted() -> Driver:
    driver = Driver()
    driver.machine.may_speak_for_others = True
    return driver


def test_it_is_told_to_those_who_may_only(trusted: Driver) -> None:
    assert b"XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n" in trusted.send(LHLO)
    driver = Driver()
    assert b"XCLIENT" not in driver.send(LHLO)
    assert driver.send(b"XCLIENT ADDR=192.0.2.9\r\n") == b"550 5.7.0 you may not speak for others\r\n"
    assert driver.machine.client == Client()


def test_the_session_begins_again(trusted: Driver) -> None:
    assert trusted.send(LHLO + b"xclient addr=192.0.2.9 NAME=mx.example.org\r\n").endswith(GREETING)
    assert trusted.machine.client == Client(name="mx.example.org", host="192.0.2.9")
    assert trusted.send_codes(b"MAIL FROM:<>\r\n") == [503], "LHLO is missing"
    assert trusted.send(b"XCLIENT HELO=client+2Eexample PROTO=esmtp PORT=25\r\n") == GREETING
    assert trusted.machine.client == Client("mx.example.org", "192.0.2.9", "25", "ESMTP", "client.example")
    assert trusted.send(b"XCLIENT NAME=[TEMPUNAVAIL] ADDR=[unavailable]\r\n") == GREETING
    assert trusted.machine.client == Client("", "", "25", "ESMTP", "client.example")
    assert trusted.send_codes(ENVELOPE)[-1] == 250


@pytest.mark.parametrize(
    ("argument", "client"),
    [
        (b"ADDR=IPV6:2001:db8::9", Client(host="2001:db8::9")),
        (b"ADDR=2001:DB8:0::9", Client(host="2001:db8::9")),
        (b"ADDR=IPv6:::ffff:192.0.2.9", Client(host="192.0.2.9")),
        (b"LOGIN=chris+40bar.com", Client(login="chris@bar.com")),
        (b"LOGIN=chris+2B+C3+A4", Client(login="chris+ä")),
        (b"DESTADDR=192.0.2.1 DESTPORT=24", Client()),
    ],
)
def test_values(argument: bytes, client: Client) -> None:
    assert Client().told(argument) == client


@pytest.mark.parametrize(
    "argument",
    [
        b"",
        b"ADDR",
        b"ADDR=nobody",
        b"ADDR=[192.0.2.1]",
        b"PORT=65536",
        b"PORT=x",
        b"PROTO=HTTP",
        b"HOST=192.0.2.1",
        b"ADDR=192.0.2.1 ADDR=192.0.2.2",
        b"NAME=a+0D+0Ab",
        b"NAME=a+00b",
        b"NAME=a+zz",
        b"NAME=a b",
        b"NAME=a(b)",
        b"NAME=\xff",
        b"LOGIN=+FF",
        b"LOGIN=+2b",
        b"HELO=" + b"x" * 256,
    ],
)
def test_what_cannot_be(trusted: Driver, argument: bytes) -> None:
    assert trusted.send_codes(b"XCLIENT " + argument + b"\r\n") == [501]
    assert trusted.machine.client == Client()


def test_not_within_a_transaction(trusted: Driver) -> None:
    trusted.send(ENVELOPE)
    assert trusted.send_codes(b"XCLIENT ADDR=192.0.2.9\r\nRSET\r\nXCLIENT ADDR=192.0.2.9\r\n") == [503, 250, 220]
