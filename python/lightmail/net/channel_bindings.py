"""tls-server-end-point, the channel binding that is known without asking the TLS library (RFC 5929 §4)."""

from __future__ import annotations

import ssl
import weakref
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from lightmail.auth.line import TLS_SERVER_END_POINT

_WEAK = (hashes.MD5, hashes.SHA1)


@dataclass(frozen=True, slots=True)
class ServerEndPoint:
    """Implements `auth.line.ChannelBindings`. One for all connections with a certificate."""

    digest: bytes

    def get(self, name: str) -> bytes | None:
        return self.digest if name == TLS_SERVER_END_POINT else None


_of_contexts: weakref.WeakKeyDictionary[ssl.SSLContext, ServerEndPoint] = weakref.WeakKeyDictionary()


def serves(context: ssl.SSLContext, leaf: x509.Certificate) -> None:
    """Connections that begin with this context from now on show this certificate."""
    end_point = server_end_point(leaf)
    if end_point is None:
        _of_contexts.pop(context, None)
    else:
        _of_contexts[context] = end_point


def channel_bindings(context: ssl.SSLContext) -> ServerEndPoint | None:
    """Of a connection that has just begun with this context."""
    return _of_contexts.get(context)


def server_end_point(leaf: x509.Certificate) -> ServerEndPoint | None:
    """The hash of the certificate, by the function of its own signature, and SHA-256 in place of MD5 and SHA-1; None: its
    signature has none, or not one (RFC 5929 §4.1).
    """
    try:
        algorithm = leaf.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None
    digest = hashes.Hash(hashes.SHA256() if isinstance(algorithm, _WEAK) else algorithm)
    digest.update(leaf.public_bytes(Encoding.DER))
    return ServerEndPoint(digest.finalize())
