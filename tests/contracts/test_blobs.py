"""The BlobStore port: immutable objects under keys that are never used again (law 3)."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from lightmail.backends.files import FileBlobs
from lightmail.ports.blobs import BlobNotFound, BlobStore
from tests.support.attributes import attributes_are_kept
from tests.support.backends import on_every_blob_backend


async def _keys(blobs: BlobStore) -> list[str]:
    return sorted([found.key async for found in blobs.objects()])


@on_every_blob_backend
async def test_octets_come_back_exactly(blobs: BlobStore) -> None:
    octets = bytes(range(256)) * 100 + b"\r\n\x00"
    await blobs.put("7f/0a1b2c", octets)
    assert await blobs.read("7f/0a1b2c", 0, len(octets)) == octets


@on_every_blob_backend
async def test_ranges(blobs: BlobStore) -> None:
    await blobs.put("k", b"0123456789")
    for start, octets, expected in (
        (0, 3, b"012"),
        (3, 4, b"3456"),
        (8, 100, b"89"),
        (10, 5, b""),
        (50, 5, b""),
        (0, 0, b""),
    ):
        assert await blobs.read("k", start, octets) == expected
        assert blobs.read_nowait("k", start, octets) in (expected, None)


@on_every_blob_backend
async def test_ranges_are_read_at_the_same_time(blobs: BlobStore) -> None:
    octets = random.Random(1).randbytes(300_000)
    await blobs.put("ab/shared", octets)
    ranges = [(start, 1 + start * 7 % 50_000) for start in range(0, 300_000, 3_001)]
    read = await asyncio.gather(*(blobs.read("ab/shared", start, count, account=start % 3) for start, count in ranges))
    assert read == [octets[start : start + count] for start, count in ranges]


@on_every_blob_backend
async def test_what_an_object_is_about_does_not_change_it(blobs: BlobStore) -> None:
    about = {
        "accounts": ",".join([f"user{number}@example.org" for number in range(500)]),
        "mailbox": "Entwürfe/日本, 50 % \r\n",
        "uid_validity": "1",
        "flags": "",
    }
    await blobs.put("ab/small", b"octets", about=about, account=7)
    writer = await blobs.create("ab/streamed", about=about, account=7)
    await writer.write(b"octets")
    await writer.commit()
    assert await blobs.read("ab/small", 0, 10, account=7) == await blobs.read("ab/streamed", 0, 10) == b"octets"


@on_every_blob_backend
async def test_a_large_object_in_chunks_of_any_size(blobs: BlobStore) -> None:
    chances = random.Random(2)
    octets = chances.randbytes(13_000_001)
    writer = await blobs.create("ab/large", account=7)
    at = 0
    while at < len(octets):
        chunk = octets[at : at + chances.choice((0, 1, 777, 65_536, 262_144, 6_000_000))]
        await writer.write(chunk)
        at += len(chunk)
    assert await _keys(blobs) == []
    await writer.commit()
    assert await _keys(blobs) == ["ab/large"]
    assert await blobs.read("ab/large", 0, len(octets) + 1) == octets
    assert await blobs.read("ab/large", 5_242_870, 20) == octets[5_242_870:5_242_890]
    assert await blobs.read("ab/large", len(octets) - 3, 100) == octets[-3:]


@on_every_blob_backend
async def test_a_large_object_that_is_given_up_leaves_nothing(blobs: BlobStore) -> None:
    writer = await blobs.create("ab/large")
    for _ in range(12):
        await writer.write(bytes(1_000_000))
    await writer.abort()
    await writer.abort()
    with pytest.raises(BlobNotFound):
        await blobs.read("ab/large", 0, 1)
    assert await _keys(blobs) == []


@on_every_blob_backend
async def test_an_empty_object(blobs: BlobStore) -> None:
    await blobs.put("empty", b"")
    writer = await blobs.create("empty-too")
    await writer.commit()
    assert await blobs.read("empty", 0, 10) == b"" == await blobs.read("empty-too", 0, 10)


@on_every_blob_backend
async def test_a_streamed_object_is_seen_after_commit_only(blobs: BlobStore) -> None:
    writer = await blobs.create("ab/streamed")
    for number in range(20):
        await writer.write(bytes([number]) * 70_000)
    with pytest.raises(BlobNotFound):
        await blobs.read("ab/streamed", 0, 1)
    assert blobs.read_nowait("ab/streamed", 0, 1) is None
    assert await _keys(blobs) == []
    await writer.commit()
    await writer.abort()
    assert await blobs.read("ab/streamed", 69_999, 2) == b"\x00\x01"
    assert len(await blobs.read("ab/streamed", 0, 10_000_000)) == 1_400_000


@on_every_blob_backend
async def test_an_aborted_object_leaves_nothing(blobs: BlobStore) -> None:
    writer = await blobs.create("ab/given-up")
    await writer.write(b"half")
    await writer.abort()
    await writer.abort()
    unused = await blobs.create("ab/never-begun")
    await unused.abort()
    with pytest.raises(BlobNotFound):
        await blobs.read("ab/given-up", 0, 1)
    assert await _keys(blobs) == []


@on_every_blob_backend
async def test_what_is_not_there(blobs: BlobStore) -> None:
    with pytest.raises(BlobNotFound):
        await blobs.read("ab/missing", 0, 1)
    assert blobs.read_nowait("ab/missing", 0, 1) is None


@on_every_blob_backend
async def test_delete_many(blobs: BlobStore) -> None:
    for number in range(5):
        await blobs.put(f"ab/{number}", b"x")
    await blobs.delete(["ab/1", "ab/none", "ab/3", "ab/1"])
    await blobs.delete([])
    assert await _keys(blobs) == ["ab/0", "ab/2", "ab/4"]
    with pytest.raises(BlobNotFound):
        await blobs.read("ab/1", 0, 1)


@on_every_blob_backend
async def test_delete_a_great_many(blobs: BlobStore) -> None:
    for number in (0, 1200, 2400):
        await blobs.put(f"ab/{number}", b"x")
    await blobs.put("ab/kept", b"x")
    await blobs.delete([f"ab/{number}" for number in range(2500)])
    assert await _keys(blobs) == ["ab/kept"]


@on_every_blob_backend
async def test_the_sweep_sees_every_object(blobs: BlobStore) -> None:
    keys = [f"{number % 7:02x}/{number:08x}" for number in range(300)] + ["plain", "with.dots-and_more"]
    await asyncio.gather(*(blobs.put(key, key.encode()) for key in keys))
    assert await _keys(blobs) == sorted(keys)
    assert await asyncio.gather(*(blobs.read(key, 0, 100) for key in keys)) == [key.encode() for key in keys]


@on_every_blob_backend
async def test_objects_tell_their_size_and_age(blobs: BlobStore) -> None:
    await blobs.put("ab/small", b"12345")
    writer = await blobs.create("ab/streamed")
    await writer.write(bytes(6_000_000))
    await writer.commit()
    found = {each.key: each async for each in blobs.objects()}
    assert {key: each.octets for key, each in found.items()} == {"ab/small": 5, "ab/streamed": 6_000_000}
    assert all(abs(time.time() - each.modified_s) < 600 for each in found.values())


@on_every_blob_backend
async def test_objects_whose_key_begins_so(blobs: BlobStore) -> None:
    for key in ("ab/1", "ab/2", "abc", "b/1"):
        await blobs.put(key, b"x")
    for prefix, expected in (("ab/", {"ab/1", "ab/2"}), ("ab", {"ab/1", "ab/2", "abc"}), ("none/", set())):
        assert {each.key async for each in blobs.objects(prefix)} == expected


@on_every_blob_backend
async def test_what_an_object_is_about_comes_back(blobs: BlobStore) -> None:
    about = {
        "account": "ann@example.org,bob@example.org",
        "mailbox": "Entwürfe/日本, 50 % \r\n",
        "uid-validity": "7",
    }
    await blobs.put("ab/put", b"x", about=about, account=7)
    writer = await blobs.create("ab/streamed", about=about)
    await writer.write(b"x" * 6_000_000)
    await writer.commit()
    await blobs.put("ab/plain", b"x")
    if isinstance(blobs, FileBlobs) and not attributes_are_kept():
        pytest.skip("this file system keeps no extended attributes")
    assert await blobs.about("ab/put") == await blobs.about("ab/streamed") == about
    assert await blobs.about("ab/plain") == {}


@on_every_blob_backend
async def test_what_a_missing_object_is_about(blobs: BlobStore) -> None:
    with pytest.raises(BlobNotFound):
        await blobs.about("ab/missing")
    await blobs.put("ab/gone", b"x", about={"mailbox": "INBOX"})
    await blobs.delete(["ab/gone"])
    with pytest.raises(BlobNotFound):
        await blobs.about("ab/gone")
