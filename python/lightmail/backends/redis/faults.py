"""What can go wrong between us and Redis, and what the rest of the program is told of it."""

from __future__ import annotations

from redis import exceptions

from lightmail.backends.certificates import certificate_problem
from lightmail.errors import NeedsOperator, Unavailable

AWAY = (
    OSError,
    TimeoutError,
    RuntimeError,  # uvloop's, when it is told to write to a connection that has just ended
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterDownError,
    exceptions.ReadOnlyError,
    exceptions.RedisClusterException,
)
"""Redis, or the part of it that is needed, does not answer for the time being."""

_PASSWORD = "check the user and the password in storage.redis"
_RIGHTS = "allow the user what docs/production.md lists"
_CERTIFICATE = "renew its certificate, or set redis.tls_ca"


def unavailable(error: BaseException) -> Unavailable:
    """The cause is to be attached by `raise ... from error`."""
    certificate = certificate_problem(error)
    if certificate:
        return NeedsOperator(f"Redis ({certificate})", _CERTIFICATE)
    if isinstance(error, RuntimeError):
        return Unavailable("Redis (the connection broke)")
    text = f"Redis ({(str(error) or type(error).__name__).rstrip('.')})"
    if isinstance(error, exceptions.AuthenticationError):
        return NeedsOperator(text, _PASSWORD)
    if isinstance(error, exceptions.NoPermissionError):
        return NeedsOperator(text, _RIGHTS)
    return Unavailable(text)
