"""Bodies and manifests that are encrypted: the body store holds nothing readable, and nobody can put anything there."""

from __future__ import annotations

import random
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from lightmail._core.frames import Keyring, decode_all, key_id
from lightmail.backends.memory import MemoryBlobs
from lightmail.backends.nodecache import CachedBlobs
from lightmail.config import Config
from lightmail.errors import BodyCorrupt, KeyUnusable
from lightmail.imap.response_codes import refusal
from lightmail.mail.check.checker import Checker
from lightmail.mail.check.damage import Kind
from tests.support.aio import run
from tests.support.caches import DictCache
from tests.unit.mail.house import House, message_octets
from tests.unit.mail.test_rebuild import write_manifests

OLD, NEW = b"o" * 32, b"n" * 32
KEYRING = Keyring({"old": OLD, "new": NEW}, "new")


def large(octets: int) -> bytes:
    return message_octets(1) + random.Random(5).randbytes(octets)


async def stored_octets(house: House) -> bytes:
    """All objects behind each other."""
    return b"".join([await house._blobs.read(key, 0, 1 << 30) for key in await house.objects()])


def test_nothing_in_the_body_store_can_be_read() -> None:
    async def scenario() -> None:
        house = await House.build(keyring=KEYRING)
        inbox = await house.inbox(messages=3)
        await house.append(inbox, 1, octets=900_000)
        await write_manifests(house)
        for key in await house.objects():
            assert key_id(key) == "new"
        objects = await stored_octets(house)
        for word in (b"Subject", b"example.org", b"0123456789abcdef", b'"line"', b"INBOX"):
            assert word not in objects
        await house.close()

    run(scenario())


def test_what_is_encrypted_comes_back_whole_and_by_ranges() -> None:
    async def scenario() -> None:
        house = await House.build(keyring=KEYRING, cache=DictCache())
        octets = large(3_000_000)
        body_id = await house.stored(octets)
        for reader in (house, await house.again(), await house.again(slow_bodies=True)):
            assert await reader.mail.bodies.read(body_id, 2_000_000, 16_384) == octets[2_000_000:2_016_384]
            got = b""
            async with aclosing(reader.mail.bodies.stream(body_id, 0, len(octets))) as chunks:
                async for chunk in chunks:
                    got += chunk
            assert got == octets
        await house.close()

    run(scenario())


def test_a_range_of_a_large_body_decrypts_only_its_frames() -> None:
    """As of one that is not encrypted: at most two frames more than were asked for (law 5)."""

    async def scenario() -> None:
        house = await House.build(keyring=KEYRING)
        octets = large(3_000_000)
        body_id = await house.stored(octets)
        key = (await house.objects())[0]
        whole = await house._blobs.read(key, 0, 1 << 30)
        # All others are damaged.
        tail = bytes(len(whole) - 1_500_000 - 4096) + whole[-4096:]
        await house._blobs.put(key, bytes(1_000_000) + whole[1_000_000:1_500_000] + tail)
        fresh = await house.again()
        assert await fresh.mail.bodies.read(body_id, 1_200_000, 100_000) == octets[1_200_000:1_300_000]
        with pytest.raises(BodyCorrupt):
            await fresh.mail.bodies.read(body_id, 900_000, 100_000)
        await house.close()

    run(scenario())


@pytest.mark.parametrize("octets", [1_000, 1_500_000], ids=["small", "large"])
@pytest.mark.parametrize("keyring", [Keyring({"old": OLD}, "old"), Keyring({"new": OLD}, "new")], ids=["none", "other"])
def test_without_its_key_a_body_is_unavailable_and_not_damaged(octets: int, keyring: Keyring) -> None:
    async def scenario() -> None:
        house = await House.build(keyring=KEYRING, cache=DictCache())
        body_id = await house.stored(large(octets))
        house._blobs.keyring = keyring
        fresh = await house.again()
        with pytest.raises(KeyUnusable, match=r"the encrypted object .*\.new .*key .new.*encryption\.keys") as refused:
            await fresh.mail.bodies.read(body_id, 0, 100)
        done = refusal(refused.value, command="FETCH", user=None)
        assert (done.status, done.code) == (b"NO", b"UNAVAILABLE")
        assert "new" not in done.text
        await house.close()

    run(scenario())


def test_both_keys_read_and_one_writes() -> None:
    async def scenario() -> None:
        house = await House.build()
        plain = await house.stored(message_octets(1))
        house._blobs.keyring = Keyring({"old": OLD}, "old")
        old = await (await house.again()).stored(message_octets(2))
        house._blobs.keyring = KEYRING
        new = await (await house.again()).stored(message_octets(3))
        assert sorted(str(key_id(key)) for key in await house.objects()) == ["None", "new", "old"]
        reader = await house.again()
        for number, body_id in enumerate((plain, old, new), 1):
            assert await reader.mail.bodies.read(body_id, 0, 10_000) == message_octets(number)
        await house.close()

    run(scenario())


def test_an_object_is_neither_replaced_by_another_nor_by_one_in_plain() -> None:
    async def scenario() -> None:
        house = await House.build(keyring=KEYRING)
        first, second = await house.stored(message_octets(1)), await house.stored(message_octets(2))
        one, two = (found.object_key for found in await house.metadata.body_locations([first, second]))
        whole = await house._blobs.read(two, 0, 1 << 30)
        await house._blobs.put(one, whole)
        with pytest.raises(BodyCorrupt):
            await (await house.again()).mail.bodies.read(first, 0, 10)
        plain = await House.build()
        await plain.stored(message_octets(1))
        await house._blobs.put(one, await plain._blobs.read((await plain.objects())[0], 0, 1 << 30))
        with pytest.raises(BodyCorrupt):
            await (await house.again()).mail.bodies.read(first, 0, 10)
        await house.close()

    run(scenario())


def test_a_check_tells_what_has_no_key_and_repairs_nothing() -> None:
    async def scenario() -> None:
        house = await House.build(keyring=KEYRING)
        await house.inbox(messages=2)
        house._blobs.keyring = Keyring({})
        checker = Checker(
            upkeep=house.upkeep,
            metadata=house.metadata,
            directory=house.directory,
            blobs=house.blobs,
            clock=house.clock,
            config=house.config,
        )
        report = await checker.run(sample=None)
        assert report.counts == {Kind.KEY_MISSING: 2}
        assert {each.text for each in report.damages} == {'there is no key "new"'}
        await house.close()

    run(scenario())


def test_the_cache_of_a_node_holds_what_the_store_does(tmp_path: Path) -> None:
    async def scenario() -> None:
        cached = await CachedBlobs.open(MemoryBlobs(keyring=KEYRING), tmp_path, 1 << 30)
        state = (await House.build())._state
        like = SimpleNamespace(_state=state, _blobs=cached)
        house = House(Config(), like=cast(House, like))
        house.user = await house.directory.get_user("ann@example.org")
        octets = message_octets(1, octets=600_000)
        body_ids = [await house.stored(message_octets(2)), await house.stored(octets)]
        fresh = House(Config(), like=cast(House, like))
        for body_id in body_ids:
            assert await fresh.mail.bodies.read(body_id, 0, 200)
        await cached.close()
        held = b"".join(path.read_bytes() for path in (tmp_path / "objects").rglob("*") if path.is_file())
        assert len(held) > 1_000 and b"Subject" not in held and b"0123456789abcdef" not in held
        await fresh.close()
        await house.close()

    run(scenario())


def test_an_encrypted_object_is_read_under_its_own_key_alone() -> None:
    async def scenario() -> None:
        house = await House.build(keyring=KEYRING)
        await house.stored(message_octets(9))
        (key,) = await house.objects()
        whole = await house._blobs.read(key, 0, 1 << 30)
        assert decode_all(whole, key, KEYRING) == message_octets(9)
        assert "Keyring" in repr(KEYRING) and "n" * 8 not in repr(KEYRING)
        await house.close()

    run(scenario())
