"""Passwords that are made here for one program each, and can be revoked by themselves.

They have 120 bits of chance, and so need no slow hash: a digest finds them by an index. What does not look like one is
not looked up.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import Literal

from lightmail.model import AppPassword, UserId

Scope = Literal["imap", "lmtp-admin", "api"]
SCOPES: tuple[Scope, ...] = ("imap", "lmtp-admin", "api")
USED_EVERY_S = 3600
"""How coarse `last_used_s` is: one write an hour, not one a login."""
MOST_LABEL_CHARACTERS = 255

_OCTETS = 15
_GROUP = 4
_PATTERN = re.compile(rb"[a-z2-7]{4}(?:[- ]?[a-z2-7]{4}){5}", re.IGNORECASE)


def make(user_id: UserId, label: str, scopes: frozenset[str], now_s: int) -> tuple[str, AppPassword]:
    """The password, which is nowhere afterwards, and what is stored of it. Raises ValueError."""
    label = label.strip()
    if not label or len(label) > MOST_LABEL_CHARACTERS or not label.isprintable():
        raise ValueError(f"a label has from 1 to {MOST_LABEL_CHARACTERS} printable characters")
    if not scopes or not scopes <= set(SCOPES):
        raise ValueError(f"a scope is one of {', '.join(SCOPES)}")
    text = base64.b32encode(secrets.token_bytes(_OCTETS)).decode("ascii").lower()
    password = "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
    digest = digest_of(password.encode("ascii"))
    assert digest is not None
    return password, AppPassword(user_id, label, tuple(sorted(scopes)), digest, now_s)


def digest_of(password: bytes) -> bytes | None:
    """32 octets, however it is written: with hyphens, blanks or nothing between its groups; None: it is none of ours."""
    if _PATTERN.fullmatch(password) is None:
        return None
    return hashlib.sha256(password.lower().replace(b"-", b"").replace(b" ", b"")).digest()
