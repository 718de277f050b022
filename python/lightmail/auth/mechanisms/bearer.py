"""Mechanisms that send a token: OAUTHBEARER (RFC 7628), and Google's XOAUTH2 before it."""

from __future__ import annotations

import json

from lightmail.auth.mechanisms.gs2 import parse_header
from lightmail.auth.sasl import Bearer, Challenge, Failed, MalformedResponse, Step, TokenHints

_SEPARATOR = b"\x01"
_SCHEME = b"bearer "


class OAuthBearer:
    """gs2-header ^A *(key=value ^A) ^A (RFC 7628 §3.1)."""

    def __init__(self) -> None:
        self._refused: Failed | None = None

    def step(self, response: bytes | None) -> Step:
        if self._refused is not None:
            return self._refused  # RFC 7628 §3.2.3: whatever the client has to say to it
        if response is None:
            return Challenge(b"")
        header, behind = parse_header(response)
        if header.flag == b"p":
            raise MalformedResponse("OAUTHBEARER has no channel binding")
        if not behind.startswith(_SEPARATOR):
            raise MalformedResponse("OAUTHBEARER expects a GS2 header and pairs behind ^A")
        return Bearer(_token(_pairs(behind[1:])), header.authorization, self._refuse)

    def _refuse(self, hints: TokenHints, refused: Failed) -> Step:
        """RFC 7628 §3.2.2."""
        self._refused = refused
        words = {"status": "invalid_token", "scope": hints.scope, "openid-configuration": hints.discovery}
        return Challenge(_json(words))


class XOAuth2:
    """user=ADDRESS ^A auth=Bearer TOKEN ^A ^A (https://developers.google.com/gmail/imap/xoauth2-protocol)."""

    def __init__(self) -> None:
        self._refused: Failed | None = None

    def step(self, response: bytes | None) -> Step:
        if self._refused is not None:
            return self._refused
        if response is None:
            return Challenge(b"")
        pairs = _pairs(response)
        if not pairs.get(b"user"):
            raise MalformedResponse("XOAUTH2 expects user=ADDRESS")
        return Bearer(_token(pairs), pairs[b"user"], self._refuse)

    def _refuse(self, hints: TokenHints, refused: Failed) -> Step:
        self._refused = refused
        return Challenge(_json({"status": "401", "schemes": "Bearer", "scope": hints.scope}))


def _json(words: dict[str, str]) -> bytes:
    return json.dumps({name: value for name, value in words.items() if value}).encode("ascii")


def _pairs(octets: bytes) -> dict[bytes, bytes]:
    """*(key=value ^A) ^A. Raises MalformedResponse."""
    if octets == _SEPARATOR:
        return {}
    if not octets.endswith(_SEPARATOR * 2):
        raise MalformedResponse("pairs end in ^A, and all of them in one more")
    pairs: dict[bytes, bytes] = {}
    for pair in octets[:-2].split(_SEPARATOR):
        key, equals, value = pair.partition(b"=")
        if not equals or not key.isalpha() or key.lower() in pairs:
            raise MalformedResponse("a pair is KEY=VALUE, and each key comes once")
        pairs[key.lower()] = value
    return pairs


def _token(pairs: dict[bytes, bytes]) -> bytes:
    """b"": the client asks what it would need (RFC 7628 §4.3). Raises MalformedResponse."""
    value = pairs.get(b"auth", b"")
    if value and not value.lower().startswith(_SCHEME):
        raise MalformedResponse("auth=Bearer TOKEN is expected")
    return value[len(_SCHEME) :].strip(b" ")
