"""A whole server behind proxies: whose connection it is, everywhere it is told."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.server import LightMailServer
from tests.unit.net.proxied import tls, version_1, version_2

pytestmark = pytest.mark.integration

CONFIG = {
    "server": {"workers": 2},
    "imap": {"listen": ["127.0.0.1:0"], "proxy_on": ["127.0.0.1:0"]},
    "lmtp": {"listen": ["localhost:0", "unix://lmtp.sock"], "proxy_on": ["localhost:0"], "xclient_from": ["unix"]},
    "access": {"trusted_proxies": ["127.0.0.0/8", "::1"], "listeners": {"127.0.0.1:0": "!192.0.2.66"}},
    "auth": {"plaintext_without_tls": "never"},
}


def say(sock: socket.socket, octets: bytes, end: bytes) -> bytes:
    """What is answered, up to the line that begins with `end`."""
    sock.sendall(octets)
    heard = b""
    while not any(line.startswith(end) for line in heard.split(b"\r\n")[:-1]):
        piece = sock.recv(65_536)
        assert piece, heard
        heard += piece
    return heard


def test_the_client_and_not_the_proxy(tmp_path: Path) -> None:
    with LightMailServer(tmp_path / "data", CONFIG) as server:
        address, password = server.add_user()
        with socket.create_connection(server.address("imap"), timeout=60) as plain:
            assert b" LOGINDISABLED" in say(plain, version_1("::ffff:192.0.2.9"), b"* OK")
        with socket.create_connection(server.address("imap"), timeout=60) as refused:
            refused.sendall(version_1("192.0.2.66"))
            assert refused.recv(1) == b""
        with socket.create_connection(server.address("imap"), timeout=60) as client:
            greeting = say(client, version_2("2001:db8::9", tlvs=tls(), checksum=True), b"* OK")
            assert b" AUTH=PLAIN" in greeting and b"STARTTLS" not in greeting, "TLS ends at the proxy"
            assert b"a OK" in say(client, f"a LOGIN {address} {password}\r\n".encode(), b"a ")
            assert b"b OK" in say(client, b'b ID ("name" "Test")\r\n', b"b ")

            def peers() -> list[str]:
                return [row["peer"] for row in json.loads(server.command("sessions", "--json").stdout)]

            assert eventually(lambda: peers() == ["2001:db8::9"])
        with socket.create_connection(server.address("lmtp"), timeout=60) as lmtp:
            say(lmtp, version_2("192.0.2.25"), b"220 ")
            assert b"XCLIENT" not in say(lmtp, b"LHLO mta.example\r\n", b"250 ")
            say(lmtp, b"MAIL FROM:<>\r\nRCPT TO:<%b>\r\nDATA\r\n" % address.encode(), b"354 ")
            say(lmtp, b"Subject: one\r\n\r\n.\r\n", b"250 2.1.5")
        with socket.socket(socket.AF_UNIX) as lmtp:
            lmtp.connect(str(tmp_path / "data" / "lmtp.sock"))
            say(lmtp, b"", b"220 ")
            say(lmtp, b"XCLIENT ADDR=IPV6:2001:db8::25 NAME=mx.example HELO=helo.example LOGIN=pat\r\n", b"220 ")
            assert b"XCLIENT NAME ADDR" in say(lmtp, b"LHLO filter.example\r\n", b"250 ")
            say(lmtp, b"MAIL FROM:<>\r\nRCPT TO:<%b>\r\nDATA\r\n" % address.encode(), b"354 ")
            say(lmtp, b"Subject: two\r\n\r\n.\r\n", b"250 2.1.5")
        with socket.create_connection(server.address("imap"), timeout=60) as client:
            say(client, version_2("2001:db8::9", tlvs=tls()), b"* OK")
            say(client, f"a LOGIN {address} {password}\r\nb SELECT INBOX\r\n".encode(), b"b ")
            headers = say(client, b"c FETCH 1:2 BODY.PEEK[HEADER.FIELDS (RECEIVED)]\r\n", b"c ")
        assert b"Received: from mta.example ([192.0.2.25])" in headers
        assert b"Received: from helo.example (mx.example [IPv6:2001:db8::25])" in headers
        log = server.log()
    for line in (
        "login                          ",
        "client                         ",
    ):
        assert any(line.strip() in each and "peer=2001:db8::9" in each for each in log.splitlines()), line
    assert any("connection refused" in each and "peer=192.0.2.66" in each for each in log.splitlines())
    assert any("delivered" in each and "login=pat" in each and "2001:db8::25" in each for each in log.splitlines())
