"""What backends know of annotations besides their values (RFC 5464)."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from lightmail.model import MailboxId


def mark(value: bytes) -> int:
    """Another one for another value, all but certainly; 63 bits."""
    return int.from_bytes(blake2b(value, digest_size=8).digest()) >> 1


def given(
    special_use: tuple[str, ...], mailbox_id: MailboxId, there: Iterable[tuple[MailboxId, str]]
) -> list[tuple[str, MailboxId]]:
    """What becomes of the special uses of an account's mailboxes when one of them gets these: they are taken from the
    others (RFC 6154 §4). there: mailboxes and their uses, separated by blanks. Returns uses and mailbox.
    """
    changes = [(" ".join(special_use), mailbox_id)]
    for other_id, words in there:
        left = [use for use in words.split() if use not in special_use]
        if other_id != mailbox_id and len(left) < len(words.split()):
            changes.append((" ".join(left), other_id))
    return changes
