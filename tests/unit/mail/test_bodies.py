"""Bodies: in as a stream, out by ranges; durable before anyone knows, never an empty string for what is missing."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing

import pytest

from lightmail.errors import BodyCorrupt, BodyMissing, EmptyMessage, TooBig, Unavailable
from lightmail.mail.bodies import BLOCK_OCTETS
from lightmail.mail.incoming import new_object_key
from tests.support.aio import run
from tests.unit.mail.house import House, message_octets


def large(octets: int, seed: int = 1) -> bytes:
    """A message of about so many octets that does not compress."""
    return message_octets(seed) + random.Random(seed).randbytes(octets)


def test_a_small_message_is_one_put() -> None:
    async def scenario() -> None:
        house = await House.build()
        octets = message_octets(7)
        body = await house.store(octets, chunk=10)
        assert house.blobs.calls == ["put"]
        assert body.raw_octets == len(octets)
        assert body.summary.header == octets[: octets.index(b"\r\n\r\n") + 4]
        assert body.summary.message_id == b"<7@example.org>"
        await house.close()

    run(scenario())


@pytest.mark.parametrize("chunk", [1_000, 65_536, 2_000_000])
def test_a_large_message_is_streamed(chunk: int) -> None:
    async def scenario() -> None:
        house = await House.build()
        octets = large(1_500_000)
        inbox = await house.inbox()
        body = await house.store(octets, chunk=chunk)
        assert "put" not in house.blobs.calls and house.blobs.count("create") == 1
        assert body.raw_octets == len(octets)
        appended = await house.mail.append([house.message(inbox, body)])
        got = b""
        async with aclosing(house.mail.bodies.stream(appended[0].body_id, 0, len(octets))) as chunks:
            async for part in chunks:
                assert len(part) <= BLOCK_OCTETS
                got += part
        assert got == octets
        await house.close()

    run(scenario())


def test_compressible_messages_are_not_held_whole_when_read() -> None:
    """A small stored form may hide many raw octets; it is read by frames all the same (law 7)."""

    async def scenario() -> None:
        house = await House.build()
        octets = message_octets(1, octets=5_000_000)
        body_id = await house.stored(octets)
        assert await house.mail.bodies.read(body_id, 4_000_000, 1000) == octets[4_000_000:4_001_000]
        sizes = [len(part) async for part in house.mail.bodies.stream(body_id, 0, len(octets))]
        assert sum(sizes) == len(octets) and max(sizes) <= BLOCK_OCTETS
        await house.close()

    run(scenario())


def test_ranges_of_a_large_body_read_only_their_frames() -> None:
    """Law 5: a part or partial FETCH reads only the octet ranges it needs."""

    async def scenario() -> None:
        house = await House.build()
        octets = large(3_000_000)
        body_id = await house.stored(octets)
        ranges: list[tuple[int, int]] = []
        house.blobs.on("read", lambda key, start, count: ranges.append((start, count)))
        for start, count in [(0, 10), (1_000_000, 16_384), (BLOCK_OCTETS - 5, 10), (2_990_000, 10**9)]:
            assert await house.mail.bodies.read(body_id, start, count) == octets[start : start + count]
        assert sum(count for _, count in ranges) < 1_000_000
        assert await house.mail.bodies.read(body_id, len(octets) + 5, 10) == b""
        await house.close()

    run(scenario())


def test_equal_steps_through_an_attachment_read_each_frame_once() -> None:
    async def scenario() -> None:
        house = await House.build()
        octets = large(600_000)
        body_id = await house.stored(octets)
        await house.mail.bodies.read(body_id, 0, 1)
        house.blobs.calls.clear()
        got = b"".join([await house.mail.bodies.read(body_id, start, 16_384) for start in range(0, 600_000, 16_384)])
        assert got == octets[: len(got)]
        assert house.blobs.count("read") <= 600_000 // BLOCK_OCTETS + 1
        await house.close()

    run(scenario())


def test_what_was_read_is_here_without_waiting() -> None:
    async def scenario() -> None:
        house = await House.build()
        octets = message_octets(3)
        body_id = await house.stored(octets)
        assert await house.mail.bodies.read(body_id, 0, len(octets)) == octets
        house.blobs.calls.clear()
        house.metadata.calls.clear()
        assert house.mail.bodies.read_nowait(body_id, 0, len(octets)) == octets
        assert house.mail.bodies.read_nowait(body_id, 5, 10) == octets[5:15]
        assert house.blobs.calls == [] and house.metadata.calls == []
        await house.close()

    run(scenario())


def test_locations_are_asked_for_at_once() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=20)
        fresh = await house.again()
        live = await fresh.mail.open(inbox.id)
        ids = live.snapshot.body_ids(live.snapshot.uids())
        fresh.metadata.calls.clear()
        await fresh.mail.bodies.locate(ids)
        await fresh.mail.bodies.locate(ids)
        for body_id in ids:
            await fresh.mail.bodies.read(body_id, 0, 1)
        assert fresh.metadata.calls == ["body_locations"]
        await fresh.close()
        await house.close()

    run(scenario())


def test_nothing_stays_of_a_message_given_up() -> None:
    async def scenario() -> None:
        house = await House.build()
        for octets in (message_octets(1), large(1_000_000)):
            incoming = house.mail.bodies.receive()
            await incoming.write(octets)
            await incoming.abort()
            await incoming.abort()
        assert await house.objects() == []
        await house.close()

    run(scenario())


def test_a_message_of_no_octets_is_none() -> None:
    async def scenario() -> None:
        house = await House.build()
        incoming = house.mail.bodies.receive()
        await incoming.write(b"")
        with pytest.raises(EmptyMessage):
            await incoming.finish()
        assert await house.objects() == []
        await house.close()

    run(scenario())


def test_a_message_beyond_the_limit_is_stopped_where_it_exceeds_it() -> None:
    async def scenario() -> None:
        house = await House.build(message_octets=500_000)
        incoming = house.mail.bodies.receive()
        await incoming.write(large(400_000))
        with pytest.raises(TooBig):
            await incoming.write(bytes(100_001))
        assert await house.objects() == []
        await house.close()

    run(scenario())


def test_a_store_that_fails_leaves_nothing() -> None:
    async def scenario() -> None:
        house = await House.build()
        house.blobs.fail("put", Unavailable("the body store"))
        with pytest.raises(Unavailable):
            await house.store(message_octets(1))
        house.blobs.fail("create", Unavailable("the body store"))
        with pytest.raises(Unavailable):
            await house.store(large(1_000_000))
        assert await house.objects() == []
        await house.close()

    run(scenario())


@pytest.mark.parametrize("octets", [2_000, 1_000_000])
def test_a_missing_body_is_an_error(octets: int) -> None:
    """Law 10: never an empty string."""

    async def scenario() -> None:
        house = await House.build()
        body_id = await house.stored(large(octets))
        await house.blobs.delete(await house.objects())
        assert house.mail.bodies.read_nowait(body_id, 0, 100) is None
        with pytest.raises(BodyMissing):
            await house.mail.bodies.read(body_id, 0, 100)
        with pytest.raises(BodyMissing):
            await anext(house.mail.bodies.stream(body_id, 0, 100))
        with pytest.raises(BodyMissing):
            await house.mail.bodies.read(10_000, 0, 100)
        await house.close()

    run(scenario())


@pytest.mark.parametrize("octets", [2_000, 1_000_000])
def test_a_damaged_body_is_an_error(octets: int) -> None:
    async def scenario() -> None:
        house = await House.build()
        body_id = await house.stored(large(octets))
        (key,) = await house.objects()
        location = (await house.metadata.body_locations([body_id]))[0]
        stored = bytearray(await house.blobs.read(key, 0, location.stored_octets))
        stored[len(stored) // 2] ^= 0xFF
        await house.blobs.delete([key])
        await house.blobs.put(key, bytes(stored))
        with pytest.raises(BodyCorrupt):
            [part async for part in house.mail.bodies.stream(body_id, 0, octets * 2)]
        await house.close()

    run(scenario())


def test_a_stream_left_early_leaves_no_task() -> None:
    async def scenario() -> None:
        house = await House.build()
        body_id = await house.stored(large(2_000_000))
        async with aclosing(house.mail.bodies.stream(body_id, 0, 2_000_000)) as chunks:
            await anext(chunks)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await house.close()

    run(scenario())


def test_keys_are_spread_and_tell_nothing() -> None:
    keys = {new_object_key() for _ in range(2_000)}
    assert len(keys) == 2_000
    assert len({key[:2] for key in keys}) > 200
    assert all(len(key) == 33 and key[2] == "/" for key in keys)
