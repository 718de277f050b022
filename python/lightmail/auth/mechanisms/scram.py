"""SCRAM-SHA-1, SCRAM-SHA-256 and their -PLUS forms (RFC 5802, RFC 7677): both sides prove that they know the password,
and neither sends it; -PLUS proves that nobody sits between them, too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets

from lightmail.auth.line import ChannelBindings
from lightmail.auth.mechanisms.gs2 import Gs2Header, parse_header, saslname
from lightmail.auth.sasl import Challenge, Failed, MalformedResponse, Proven, ScramWanted, Step
from lightmail.auth.scram_keys import HASHES, ScramKeys

PLUS = "-PLUS"
_NONCE_OCTETS = 18
_FIRST = re.compile(rb"n=(?P<name>[^,]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,\0]+)*")
_FINAL = re.compile(
    rb"(?P<proofless>c=(?P<binding>[A-Za-z0-9+/]+={0,2}),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,\0]+)*?)"
    rb",p=(?P<proof>[A-Za-z0-9+/]+={0,2})"
)


class Scram:
    """client-first → server-first → client-final → server-final → an empty response."""

    def __init__(
        self, name: str, bindings: ChannelBindings | None, *, plus_offered: bool, nonce: bytes | None = None
    ) -> None:
        """name: of the mechanism. plus_offered: the client could have had -PLUS here. nonce: not a new one."""
        self._scheme = name.removesuffix(PLUS)
        self._hash = HASHES[self._scheme]
        self._plus = name.endswith(PLUS)
        self._bindings = bindings
        self._plus_offered = plus_offered
        self._own_nonce = base64.b64encode(secrets.token_bytes(_NONCE_OCTETS)) if nonce is None else nonce
        self._next = self._client_first
        self._username = b""
        self._expected_binding = b""
        self._header: Gs2Header
        self._keys: ScramKeys
        self._first_messages = b""
        self._nonce = b""

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        return self._next(response)

    def _client_first(self, message: bytes) -> Step:
        header, bare = parse_header(message)
        if bare.startswith(b"m="):
            raise MalformedResponse("mandatory extensions are not supported")  # RFC 5802 §5.1
        match = _FIRST.fullmatch(bare)
        if match is None:
            raise MalformedResponse("client-first-message: n=NAME,r=NONCE is expected")
        if self._plus != (header.flag == b"p"):
            raise MalformedResponse("channel binding goes with -PLUS, and with nothing else")
        self._header, self._username = header, saslname(match["name"])
        binding = self._binding()
        if isinstance(binding, Failed):
            return binding
        self._expected_binding = base64.b64encode(header.octets + binding)
        self._nonce = match["nonce"] + self._own_nonce

        def server_first(keys: ScramKeys) -> Step:
            self._keys = keys
            challenge = b"r=%b,s=%b,i=%d" % (self._nonce, base64.b64encode(keys.salt), keys.iterations)
            self._first_messages = bare + b"," + challenge
            self._next = self._client_final
            return Challenge(challenge)

        return ScramWanted(self._scheme, self._username, server_first)

    def _binding(self) -> bytes | Failed:
        """The octets that bind to this connection; b"" without -PLUS."""
        if self._header.flag == b"y" and self._plus_offered:
            # RFC 5802 §6: somebody in between has taken -PLUS from the list that this client was shown.
            return Failed(self._username, "the client was not shown -PLUS, which is offered here")
        if not self._plus:
            return b""
        octets = self._bindings.get(self._header.binding) if self._bindings is not None else None
        if octets is None:
            return Failed(self._username, f"no channel binding {self._header.binding} here")
        return octets

    def _client_final(self, message: bytes) -> Step:
        match = _FINAL.fullmatch(message)
        if match is None:
            raise MalformedResponse("client-final-message: c=BINDING,r=NONCE,p=PROOF is expected")
        if not hmac.compare_digest(match["nonce"], self._nonce):
            return Failed(self._username, "another nonce")
        if not hmac.compare_digest(match["binding"], self._expected_binding):
            return Failed(self._username, "another channel binding")
        auth_message = self._first_messages + b"," + match["proofless"]
        if not self._is_proof(match["proof"], auth_message):
            return Failed(self._username, "wrong proof")
        self._next = self._end
        signature = hmac.digest(self._keys.server_key, auth_message, self._hash)
        # In a challenge of its own: IMAP has no room beside OK (RFC 4422 §5, item 5a).
        return Challenge(b"v=" + base64.b64encode(signature))

    def _is_proof(self, encoded: bytes, auth_message: bytes) -> bool:
        """RFC 5802 §3: ClientProof XOR ClientSignature is the key whose hash is stored."""
        try:
            proof = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        signature = hmac.digest(self._keys.stored_key, auth_message, self._hash)
        if len(proof) != len(signature):
            return False
        client_key = bytes(one ^ other for one, other in zip(proof, signature, strict=True))
        return hmac.compare_digest(hashlib.new(self._hash, client_key).digest(), self._keys.stored_key)

    def _end(self, message: bytes) -> Step:
        if message:
            raise MalformedResponse("an empty response is expected")
        return Proven(self._username, self._header.authorization)
