"""Annotations of mailboxes and of the server (RFC 5464)."""

from __future__ import annotations

from dataclasses import dataclass

from lightmail.model.ids import MailboxId, UserId

SERVER = MailboxId(0)
"""In the place of a mailbox: the server itself."""
NOBODY = UserId(0)
"""In the place of an account: shared by all."""
PRIVATE = "/private/"
"""What entries begin with that belong to one user; all others are shared (RFC 5464 §3.3)."""


@dataclass(frozen=True, slots=True, order=True)
class Annotation:
    mailbox_id: MailboxId
    """Or SERVER."""
    entry: str
    """In lower case: "/shared/comment"."""
    value: bytes

    @property
    def private(self) -> bool:
        """Whether it belongs to one user."""
        return self.entry.startswith(PRIVATE)
