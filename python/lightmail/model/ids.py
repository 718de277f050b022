"""Identifiers. Mixing them does not type-check."""

from __future__ import annotations

from typing import NewType

UserId = NewType("UserId", int)
MailboxId = NewType("MailboxId", int)
BodyId = NewType("BodyId", int)
Uid = NewType("Uid", int)
"""32 bit, per mailbox, strictly ascending, never reused (RFC 9051 §2.3.1.1)."""
UidValidity = NewType("UidValidity", int)
ModSeq = NewType("ModSeq", int)
"""63 bit, per mailbox, at least 1 (RFC 7162 §3.1)."""
