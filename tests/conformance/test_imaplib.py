"""Python's imaplib does an ordinary session."""

from __future__ import annotations

import imaplib
import ssl

import pytest

from tests.support.installation import Installation

pytestmark = pytest.mark.integration


def test_a_session(any_server: Installation) -> None:
    user, password = any_server.add_user()
    host, port = any_server.address("imap")
    with imaplib.IMAP4(host, port) as client:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        assert client.starttls(context)[0] == "OK"
        assert client.login(user, password)[0] == "OK"
        assert client.create("Projects/2024")[0] == "OK"
        message = b"Subject: imaplib\r\n\r\nhello\r\n"
        status, answer = client.append("Projects/2024", "(\\Seen)", '"17-Jul-1996 02:44:25 -0700"', message)
        assert status == "OK"
        assert b"APPENDUID" in answer[0]
        assert client.select("Projects/2024") == ("OK", [b"1"])
        assert client.search(None, "SUBJECT", "imaplib") == ("OK", [b"1"])
        status, data = client.uid("FETCH", "1", "(FLAGS BODY.PEEK[])")
        assert status == "OK"
        assert data[0][1] == message
        assert client.uid("STORE", "1", "+FLAGS", "(\\Deleted)")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.close()[0] == "OK"
        status, names = client.list()
        assert status == "OK"
        assert any(name.endswith(b"Projects/2024") for name in names)
        assert client.logout()[0] == "BYE"


def test_implicit_tls_and_authenticate_plain(any_server: Installation) -> None:
    user, password = any_server.add_user()
    host, port = any_server.address("imaps")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with imaplib.IMAP4_SSL(host, port, ssl_context=context) as client:
        status, _ = client.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        assert status == "OK"
        assert client.enable("UTF8=ACCEPT")[0] == "OK"
        assert client.noop()[0] == "OK"
