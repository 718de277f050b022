"""`_core.frames`: bodies in and out, whole and by ranges; `Ingest` is encoder and analyzer at once."""

from __future__ import annotations

import random

import pytest

from lightmail._core import frames, mime
from tests.support import messages

LIMITS = mime.MimeLimits()


def body(octets: int) -> bytes:
    """Half of it compresses."""
    chance = random.Random(octets)
    return b"".join(chance.randbytes(500) + b"the same words again. " * 25 for _ in range(octets // 1000))


def store(raw: bytes, chunk: int, frame_octets: int = 4096) -> tuple[bytes, frames.Ingested]:
    ingest = frames.Ingest(LIMITS, frame_octets=frame_octets)
    stored = b"".join(ingest.feed(raw[start : start + chunk]) for start in range(0, len(raw), chunk))
    done = ingest.finish()
    return stored + done.tail, done


def test_round_trip() -> None:
    raw = body(100_000)
    stored, done = store(raw, 7000)
    assert (done.raw_octets, done.stored_octets) == (len(raw), len(stored))
    assert len(done.digest) == 32
    assert len(stored) < len(raw)
    assert frames.decode_all(stored) == raw
    assert frames.decode_all(bytearray(stored)) == raw


def test_ranges() -> None:
    raw = body(50_000)
    stored, _ = store(raw, 50_000)
    layout = frames.Layout.parse(stored[-frames.TAIL_OCTETS :], len(stored))
    assert layout.raw_octets == len(raw)
    for start, octets in ((0, 1), (4095, 2), (10_000, 16_384), (49_999, 10), (0, len(raw)), (60_000, 5), (5, 0)):
        at, count = layout.read_plan(start, octets)
        assert layout.decode(stored[at : at + count], at, start, octets) == raw[start : start + octets]


def test_a_long_table_asks_for_its_tail() -> None:
    stored, _ = store(random.Random(1).randbytes(1_000_000), 1_000_000, frame_octets=1024)
    with pytest.raises(frames.NeedTail) as raised:
        frames.Layout.parse(stored[-frames.TAIL_OCTETS :], len(stored))
    layout = frames.Layout.parse(stored[-raised.value.octets :], len(stored))
    assert layout.raw_octets == 1_000_000


def test_damage() -> None:
    stored, _ = store(body(20_000), 20_000)
    with pytest.raises(frames.CorruptBody):
        frames.decode_all(stored[:-1])
    damaged = bytearray(stored)
    damaged[1000] ^= 1
    with pytest.raises(frames.CorruptBody):
        frames.decode_all(damaged)
    with pytest.raises(frames.CorruptBody):
        frames.Layout.parse(stored, len(stored) + 1)


@pytest.mark.parametrize("chunk", [1000, 200_000])
def test_ingest_is_encoder_and_analyzer(chunk: int) -> None:
    raw = messages.plain("big", body(300_000))
    ingest = frames.Ingest(LIMITS)
    stored = b"".join(ingest.feed(raw[start : start + chunk]) for start in range(0, len(raw), chunk))
    assert ingest.raw_octets == len(raw)
    done = ingest.finish()
    stored += done.tail
    assert (done.raw_octets, done.stored_octets) == (len(raw), len(stored))
    assert frames.decode_all(stored) == raw
    assert done.summary.envelope == mime.analyze(raw, LIMITS).envelope
    with pytest.raises(ValueError, match="finish"):
        ingest.finish()
    at_once = frames.ingest(raw, LIMITS)
    assert (at_once.tail, at_once.digest) == (stored, done.digest)
    assert at_once.summary.parts == done.summary.parts


def test_gain() -> None:
    letters = bytes(random.Random(2).choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef", k=100_000))
    shrunk = frames.ingest(letters, LIMITS).tail
    plain = frames.ingest(letters, LIMITS, min_gain_percent=50).tail
    assert len(shrunk) < 70_000
    assert len(plain) > 100_000
    assert letters in plain
    assert frames.decode_all(plain) == letters
