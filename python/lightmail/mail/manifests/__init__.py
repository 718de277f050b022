"""Manifests: mailboxes, written to the body store beside the bodies, so that they can be rebuilt when the database is lost."""

from __future__ import annotations

from lightmail.mail.manifests.objects import PREFIX, StoreSeen, delete_manifests, stores_seen
from lightmail.mail.manifests.writer import ManifestWriter, Written, ask_for_all, is_behind, state_of

__all__ = [
    "PREFIX",
    "ManifestWriter",
    "StoreSeen",
    "Written",
    "ask_for_all",
    "delete_manifests",
    "is_behind",
    "state_of",
    "stores_seen",
]
