"""Configuration: `lightmail.toml`, the environment, the defaults; precedence in the reverse order."""

from __future__ import annotations

from lightmail.config.sections import (
    Access,
    Auth,
    AuthPolicy,
    Config,
    Http,
    Imap,
    Limits,
    Lmtp,
    Log,
    Mail,
    OAuth,
    Server,
    Storage,
    Tls,
)

__all__ = [
    "Access",
    "Auth",
    "AuthPolicy",
    "Config",
    "Http",
    "Imap",
    "Limits",
    "Lmtp",
    "Log",
    "Mail",
    "OAuth",
    "Server",
    "Storage",
    "Tls",
]
