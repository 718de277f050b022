"""Bodies that are encrypted, on every body store: they come back, whole and by ranges, and go into another object."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

from lightmail._core.frames import Keyring, key_id
from lightmail.backends.memory import MemoryState
from lightmail.config import Config
from lightmail.mail.reencrypt import Reencrypter
from lightmail.ports.blobs import BlobStore
from tests.support.backends import on_every_blob_backend
from tests.unit.mail.house import FixedClock, House, message_octets
from tests.unit.mail.test_bodies import large

OLD = Keyring({"old": b"o" * 32}, "old")
BOTH = Keyring({"old": b"o" * 32, "new": b"n" * 32}, "new")


@on_every_blob_backend
async def test_encrypted_bodies_come_back_and_are_encrypted_anew(blobs: BlobStore) -> None:
    blobs.keyring = OLD
    like = cast(House, SimpleNamespace(_state=MemoryState(FixedClock()), _blobs=blobs))
    house = House(Config(), like=like)
    house.user = await house.mail.accounts.create("ann@example.org", "")
    messages = [message_octets(1), large(1_500_000)]
    body_ids = [await house.stored(octets) for octets in messages]

    async def come_back() -> None:
        reader = House(Config(), like=like)
        for body_id, octets in zip(body_ids, messages, strict=True):
            assert await reader.mail.bodies.read(body_id, 0, len(octets)) == octets
            assert await reader.mail.bodies.read(body_id, 100, 50) == octets[100:150]
        await reader.close()

    async def by_key() -> list[str | None]:
        return sorted([key_id(found.key) async for found in blobs.objects()], key=str)

    await come_back()
    async for found in blobs.objects():
        assert b"Subject" not in await blobs.read(found.key, 0, found.octets)
    assert await by_key() == ["old", "old"]

    blobs.keyring = BOTH
    with ThreadPoolExecutor(2) as workers:
        done = await Reencrypter(
            metadata=house.metadata, upkeep=house.upkeep, blobs=blobs, config=Config(), workers=workers
        ).run()
    assert (done.bodies, done.failures, done.whole) == (2, 0, True)
    assert await by_key() == ["new", "new", "old", "old"]
    await come_back()
    await house.close()
