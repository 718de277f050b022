"""AUTHENTICATE as clients' libraries do it: imaplib, IMAPClient."""

from __future__ import annotations

import asyncio
import imaplib
from collections.abc import Callable
from typing import Any

import pytest

from lightmail.auth.passwords import Passwords
from tests.support.aio import run
from tests.unit.auth.test_bearer import Table
from tests.unit.imap.desk import PASSWORD, USER
from tests.unit.net.imap_lobby import TIMEOUT_S, lobby

OFFER = {
    "mechanisms": ("CRAM-MD5", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"),
    "mechanisms_without_tls": ("CRAM-MD5", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"),
    "challenge_keys": ("CRAM-MD5",),
}
imapclient = pytest.importorskip("imapclient")
NAME, SECRET = USER.decode(), PASSWORD.decode()


class Anns(Table):
    async def address_of(self, token: bytes) -> str:
        return NAME if token == b"anns" else await super().address_of(token)


def client(port: int, log_in: Callable[[Any], object]) -> int:
    """How many mailboxes it sees."""
    connection = imapclient.IMAPClient("127.0.0.1", port, ssl=False, timeout=TIMEOUT_S)
    try:
        log_in(connection)
        return len(connection.list_folders())
    finally:
        connection.shutdown()


def cram_md5(port: int) -> int:
    connection = imaplib.IMAP4("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.login_cram_md5(NAME, SECRET)
        return len(connection.list()[1])
    finally:
        connection.shutdown()


def test_libraries_log_in() -> None:
    async def scenario() -> None:
        async with lobby(auth=OFFER) as place:
            place.desk.authenticator._tokens = Anns()  # type: ignore[assignment]
            house = place.desk.house
            made = Passwords(place.desk.config.auth).secrets(PASSWORD)
            await house.mail.directory.set_password(
                house.user.id, made.password_hash, challenge_secrets=made.challenge_secrets
            )
            expected = len(await house.mail.mailboxes.list(house.user.id))
            for log_in in (
                lambda connection: connection.oauth2_login(NAME, "anns"),
                lambda connection: connection.oauthbearer_login(NAME, "anns"),
                lambda connection: connection.plain_login(NAME, SECRET),
                lambda connection: connection.login(NAME, SECRET),
            ):
                assert await asyncio.to_thread(client, place.port, log_in) == expected
            assert await asyncio.to_thread(cram_md5, place.port) == expected
            for log_in in (
                lambda connection: connection.oauth2_login(NAME, "wrong"),
                lambda connection: connection.oauthbearer_login(NAME, "wrong"),
                lambda connection: connection.plain_login(NAME, "wrong"),
            ):
                with pytest.raises(imapclient.exceptions.LoginError):
                    await asyncio.to_thread(client, place.port, log_in)

    run(scenario())
