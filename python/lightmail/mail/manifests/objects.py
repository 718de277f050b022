"""The objects that manifests are kept in: manifests/STORE/NUMBER-CHANCE, with .ID behind it where the key ID encrypts them.

STORE names one database for its life: who finds manifests of another one beside the bodies is in somebody else's place,
or has come back with an empty database.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lightmail._core.frames import TAIL_OCTETS, CorruptBody, Keyring, Layout, NeedTail
from lightmail._core.frames import KeyUnusable as NoKey
from lightmail.errors import KeyUnusable
from lightmail.mail.incoming import encrypted_mark
from lightmail.mail.manifests.lines import BadManifest, Head, head_of, packed, text_of
from lightmail.ports.blobs import BlobStore

PREFIX = "manifests/"
_KEY = re.compile(r"manifests/([0-9a-f]{16})/([0-9]{10})-([0-9a-f]{8})(?:\.[a-z0-9_-]+)?")
_FIRST_READ_OCTETS = 65_536


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object."""

    key: str
    store: str
    number: int
    octets: int
    modified_s: int


@dataclass(frozen=True, slots=True)
class StoreSeen:
    """A database that has written manifests here."""

    name: str
    manifests: int
    octets: int
    last_written_s: int


def new_store() -> str:
    return os.urandom(8).hex()


def new_key(store: str, number: int, keyring: Keyring) -> str:
    """Of its own even when two write the same number."""
    return f"{PREFIX}{store}/{number:010d}-{os.urandom(4).hex()}{encrypted_mark(keyring)}"


async def manifests_of(blobs: BlobStore, store: str) -> list[Manifest]:
    """Ascending by number. Raises Unavailable."""
    return await _listed(blobs, f"{PREFIX}{store}/")


async def stores_seen(blobs: BlobStore) -> list[StoreSeen]:
    """The latest first. Raises Unavailable."""
    by_store: dict[str, list[Manifest]] = {}
    for manifest in await _listed(blobs, PREFIX):
        by_store.setdefault(manifest.store, []).append(manifest)
    seen = [
        StoreSeen(store, len(all_), sum(each.octets for each in all_), max(each.modified_s for each in all_))
        for store, all_ in by_store.items()
    ]
    return sorted(seen, key=lambda store: (-store.last_written_s, store.name))


async def delete_manifests(blobs: BlobStore, store: str) -> None:
    """All of a database. Raises Unavailable."""
    await blobs.delete([manifest.key for manifest in await manifests_of(blobs, store)])


async def write(blobs: BlobStore, head: Head, lines: Sequence[bytes]) -> Manifest:
    """Durable when it returns. Raises Unavailable."""
    key = new_key(head.store, head.number, blobs.keyring)
    octets = await asyncio.to_thread(packed, head, lines, key, blobs.keyring)
    await blobs.put(key, octets, about={"manifest": str(head.version), "store": head.store})
    return Manifest(key, head.store, head.number, len(octets), head.started_s)


async def read_text(blobs: BlobStore, manifest: Manifest) -> bytes:
    """All of it. Raises BlobNotFound, BadManifest, KeyUnusable, Unavailable."""
    stored = await blobs.read(manifest.key, 0, manifest.octets)
    try:
        return await asyncio.to_thread(text_of, stored, manifest.key, blobs.keyring)
    except NoKey as error:
        raise KeyUnusable(manifest.key, str(error)) from error


async def read_head(blobs: BlobStore, manifest: Manifest) -> Head:
    """No more of it than is needed for that. Raises BlobNotFound, BadManifest, KeyUnusable, Unavailable."""
    if manifest.octets <= _FIRST_READ_OCTETS:
        head = head_of(await read_text(blobs, manifest))
        if head is None:
            raise BadManifest("it has no head")
        return head
    layout = await _layout(blobs, manifest)
    octets = _FIRST_READ_OCTETS
    while True:
        octets = min(octets, layout.raw_octets)
        start, stored_octets = layout.read_plan(0, octets)
        stored = await blobs.read(manifest.key, start, stored_octets)
        try:
            head = head_of(layout.decode(stored, start, 0, octets))
        except CorruptBody as error:
            raise BadManifest(f"it is damaged: {error}") from error
        if head is not None:
            return head
        if octets == layout.raw_octets:
            raise BadManifest("it has no head")
        octets *= 8


async def _listed(blobs: BlobStore, prefix: str) -> list[Manifest]:
    found = []
    async for each in blobs.objects(prefix):
        named = _KEY.fullmatch(each.key)
        if named:
            found.append(Manifest(each.key, named[1], int(named[2]), each.octets, each.modified_s))
    return sorted(found, key=lambda manifest: (manifest.number, manifest.key))


async def _layout(blobs: BlobStore, manifest: Manifest) -> Layout:
    tail_octets = min(TAIL_OCTETS, manifest.octets)
    while True:
        tail = await blobs.read(manifest.key, manifest.octets - tail_octets, tail_octets)
        try:
            return Layout.parse(tail, manifest.octets, manifest.key, blobs.keyring)
        except NeedTail as need:
            tail_octets = need.octets
        except CorruptBody as error:
            raise BadManifest(f"it is damaged: {error}") from error
        except NoKey as error:
            raise KeyUnusable(manifest.key, str(error)) from error
