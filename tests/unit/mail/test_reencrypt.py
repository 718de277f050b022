"""Bodies encrypted anew, beside those who read them."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import pytest

from lightmail._core.frames import Keyring, key_id
from lightmail._core.index import UidSet
from lightmail.errors import KeyUnusable, StoreSealed
from lightmail.mail.collect import Collector
from lightmail.mail.manifests import state_of
from lightmail.mail.reencrypt import Reencrypted, Reencrypter
from tests.support.aio import run
from tests.unit.mail.house import House, message_octets
from tests.unit.mail.test_bodies import large
from tests.unit.mail.test_rebuild import view, write_manifests

OLD = Keyring({"old": b"o" * 32}, "old")
BOTH = Keyring({"old": b"o" * 32, "new": b"n" * 32}, "new")


async def reencrypt(house: House, **options: Any) -> Reencrypted:
    with ThreadPoolExecutor(2) as workers:
        return await Reencrypter(
            metadata=house.metadata, upkeep=house.upkeep, blobs=house.blobs, config=house.config, workers=workers
        ).run(**options)


async def collect(house: House) -> None:
    """At once: by a clock that is ahead."""
    await Collector(
        metadata=house.metadata, blobs=house.blobs, upkeep=house.upkeep, clock=house.clock, grace_s=-100
    ).run()


async def keys(house: House) -> Counter[str | None]:
    return Counter(key_id(key) for key in await house.objects() if not key.startswith("manifests/"))


def test_from_plain_to_a_key_to_another_and_back() -> None:
    async def scenario() -> None:
        house = await House.build(body_cache_octets=0)
        inbox = await house.inbox(messages=5)
        await house.append(inbox, 1, octets=900_000)
        await house.mail.copy(inbox.id, UidSet([1, 2]), (await house.mail.mailboxes.create(house.user.id, "B")).id)
        before = await view(house)
        steps = ((OLD, "", "old"), (BOTH, "old", "new"), (Keyring({"new": b"n" * 32}), "new", None))
        for keyring, by_key, left in steps:
            house._blobs.keyring = keyring
            fresh, reader = await house.again(), await house.again()
            assert await view(reader) == before
            dry = await reencrypt(fresh, dry=True)
            done = await reencrypt(fresh)
            assert (done.bodies, done.octets, done.whole, done.failures) == (6, dry.octets, True, 0)
            assert dry.bodies == 6 and dry.by_key == done.by_key == {by_key: 6}
            assert (await keys(house)).total() == 12
            assert await view(fresh) == before
            await collect(fresh)
            assert await keys(house) == {left: 6}
            # Who has known the old objects finds the new ones.
            assert await view(reader) == await view(await house.again()) == before
            again = await reencrypt(fresh)
            assert (again.bodies, again.whole) == (0, True)
        await house.close()

    run(scenario())


def test_who_reads_a_body_when_its_object_goes_reads_on() -> None:
    async def scenario() -> None:
        house = await House.build()
        octets = large(3_000_000)
        body_id = await house.stored(octets)
        house._blobs.keyring = OLD
        reader = await house.again(slow_bodies=True)
        got = b""
        async with aclosing(reader.mail.bodies.stream(body_id, 0, len(octets))) as chunks:
            got += await anext(chunks)
            await reencrypt(house)
            await collect(house)
            assert await keys(house) == {"old": 1}
            async for chunk in chunks:
                got += chunk
        assert got == octets
        await house.close()

    run(scenario())


def test_what_was_interrupted_goes_on_and_an_orphan_is_all_that_is_left() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=250)
        house._blobs.keyring = OLD
        asked = 0

        async def holds() -> bool:
            nonlocal asked
            asked += 1
            return asked < 2

        first = await reencrypt(house, holds=holds)
        assert (first.bodies, first.whole) == (100, False)
        second = await reencrypt(house)
        assert (second.bodies, second.whole, second.by_key["old"]) == (150, True, 100)
        await house.close()

    run(scenario())


def test_what_is_damaged_stays_and_is_told() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=3)
        first, second, _ = await house.objects()
        whole = await house._blobs.read(first, 0, 1 << 20)
        await house._blobs.put(first, whole[:20] + b"?" + whole[21:])
        other = await House.build()
        await other.store(message_octets(99))
        await house._blobs.delete([second])
        house._blobs.keyring = OLD
        done = await reencrypt(house)
        assert (done.bodies, done.failures, done.whole) == (1, 2, True)
        assert {key for _, key, _ in done.failed} == {first, second}
        assert await keys(house) == {None: 2, "old": 1}
        await house.close()

    run(scenario())


def test_without_the_old_key_nothing_is_done() -> None:
    async def scenario() -> None:
        house = await House.build(keyring=OLD)
        await house.inbox(messages=2)
        house._blobs.keyring = Keyring({"new": b"n" * 32}, "new")
        with pytest.raises(KeyUnusable):
            await reencrypt(house)
        assert await keys(house) == {"old": 2}
        await house.upkeep.seal("moved")
        with pytest.raises(StoreSealed):
            await reencrypt(house)
        await house.close()

    run(scenario())


def test_manifests_name_the_new_objects() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=2)
        await write_manifests(house)
        house._blobs.keyring = OLD
        await reencrypt(house)
        state = await state_of(house.upkeep)
        assert state is not None and state.rewrite
        await write_manifests(house)
        assert {key_id(key) for key in await house.objects() if key.startswith("manifests/")} == {"old"}
        state = await state_of(house.upkeep)
        assert state is not None and not state.rewrite
        await house.close()

    run(scenario())
