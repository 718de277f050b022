"""Mechanisms that send the password: PLAIN, and LOGIN before it."""

from __future__ import annotations

from lightmail.auth.sasl import Challenge, Credentials, MalformedResponse, Step


class Plain:
    """[authzid] NUL authcid NUL passwd (RFC 4616 §2)."""

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        fields = response.split(b"\0")
        if len(fields) != 3:
            raise MalformedResponse("PLAIN expects [authzid] NUL authcid NUL passwd")
        authorization, username, password = fields
        if not username or not password:
            raise MalformedResponse("PLAIN expects an authcid and a passwd of at least one octet")
        return Credentials(username, password, authorization)


class Login:
    """User name, then password, each in a response of its own (draft-murchison-sasl-login-00).

    The prompts are the ones that Outlook knows. Some clients send the user name as initial response.
    """

    def __init__(self) -> None:
        self._username: bytes | None = None

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"Username:")
        if b"\0" in response or not response:
            raise MalformedResponse("LOGIN expects a response of at least one octet, without NUL")
        if self._username is None:
            self._username = response
            return Challenge(b"Password:")
        return Credentials(self._username, response)
