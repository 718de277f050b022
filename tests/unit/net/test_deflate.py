"""COMPRESS=DEFLATE (RFC 4978), by itself and on connections."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
import zlib

import pytest

from lightmail.net.deflate import PIECE_OCTETS, BrokenStream, Deflate
from lightmail.net.imap_connection import INPUT_HIGH_WATER_OCTETS, Connection
from tests.support.aio import run
from tests.unit.net.imap_lobby import LOGIN, Lobby, Wire, lobby, until


def _client() -> zlib._Compress:
    return zlib.compressobj(wbits=-15)


def _flushed(client: zlib._Compress, octets: bytes, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
    return client.compress(octets) + client.flush(mode)


def _all(deflate: Deflate) -> bytes:
    return b"".join(iter(deflate.take, b""))


def _mixed(octets: int) -> bytes:
    """Text that repeats itself, near and far, with what does not in between."""
    chance = random.Random(octets)
    parts = [b"a%d UID FETCH %d:* (FLAGS)\r\n" % (n, chance.randrange(9)) for n in range(octets // 50)]
    return b"".join(part + chance.randbytes(20) for part in parts)


@pytest.mark.parametrize("cut", [1, 7, 4_096, 1 << 20])
@pytest.mark.parametrize("mode", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH])
def test_whatever_a_client_makes_is_read(cut: int, mode: int) -> None:
    deflate, client = Deflate(), _client()
    for octets in (1, 100, PIECE_OCTETS, 200_000):
        said = _mixed(octets) if octets > 100 else b"x" * octets
        wire = _flushed(client, said, mode)
        heard = b""
        for start in range(0, len(wire), cut):
            deflate.receive(wire[start : start + cut])
            heard += _all(deflate)
        assert len(heard) == len(said) and hash(heard) == hash(said)


def test_each_way_through_sleep_is_one_stream() -> None:
    deflate, client, reader = Deflate(), _client(), zlib.decompressobj(wbits=-15)
    text = _mixed(60_000)
    for start in range(0, len(text), 500):
        said = text[start : start + 500]
        deflate.receive(_flushed(client, said))
        assert _all(deflate) == said
        assert reader.decompress(deflate.compress(said)) == said
        if start % 1_500 == 0:
            deflate.sleep()
            assert not deflate.awake
            assert reader.decompress(deflate.compress(b"* 1 EXISTS\r\n")) == b"* 1 EXISTS\r\n"
    assert reader.decompress(deflate.end(b"bye")) == b"bye" and reader.eof


def test_nobody_sleeps_within_a_block() -> None:
    client = _client()
    wire = _flushed(client, _mixed(4_000))
    deflate, heard = Deflate(), b""
    for octet in wire:
        deflate.receive(bytes([octet]))
        heard += _all(deflate)
        deflate.sleep()
    assert heard == _mixed(4_000) and not deflate.awake


def test_a_sleeping_connection_holds_little() -> None:
    """What clients send repeats itself, so that the history that they may refer to is small."""
    client = _client()
    said = [b"a%d UID FETCH %d:* (UID FLAGS) (CHANGEDSINCE %d)\r\n" % (n, n * 7, n * 31) for n in range(2_000)]
    wire = [_flushed(client, line) for line in said]
    tracemalloc.start()
    try:
        deflate = Deflate()
        for octets in wire:
            deflate.receive(octets)
            _all(deflate)
            deflate.compress(b"* OK\r\n")
        deflate.sleep()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 12_000


@pytest.mark.parametrize("octets", [b"\xff" * 8, b"a1 NOOP\r\n"])
def test_what_is_no_stream_is_refused(octets: bytes) -> None:
    deflate = Deflate()
    deflate.receive(octets)
    with pytest.raises(BrokenStream):
        _all(deflate)


def test_a_stream_that_has_ended_goes_no_further() -> None:
    deflate = Deflate()
    deflate.receive(_flushed(_client(), b"a1 NOOP\r\n", zlib.Z_FINISH) + b"more")
    assert deflate.take() == b"a1 NOOP\r\n"
    with pytest.raises(BrokenStream):
        deflate.take()


# ---- on connections


class Compressed:
    """A wire that speaks DEFLATE."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.out = _client()
        self.back = zlib.decompressobj(wbits=-15)

    async def say(self, *lines: bytes) -> bytes:
        """Everything up to the tagged response to the last line."""
        self.wire.send(_flushed(self.out, b"".join(line + b"\r\n" for line in lines)))
        tag = lines[-1].split(b" ", 1)[0]
        heard = b""
        while not (heard.startswith(tag + b" ") or b"\r\n" + tag + b" " in heard) or not heard.endswith(b"\r\n"):
            heard += await self.read()
        return heard

    async def read(self) -> bytes:
        octets = await asyncio.wait_for(self.wire.reader.read(65_536), 20)
        assert octets, "the connection has ended"
        return self.back.decompress(octets)


async def _compressed(place: Lobby) -> tuple[Compressed, Connection]:
    wire = await place.login(select=b"INBOX")
    connection = max(place.server._connections, key=lambda each: each._session.name)
    assert (await wire.say(b"z COMPRESS DEFLATE"))[-1] == b"z OK DEFLATE active"
    return Compressed(wire), connection


def test_a_session_compressed() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            client, _ = await _compressed(place)
            text = _mixed(300_000).replace(b"\n", b"")
            appended = await client.say(b"a APPEND INBOX {%d+}\r\n" % len(text) + text)
            assert b"a OK" in appended
            heard = await client.say(b"b FETCH 1 BODY.PEEK[]")
            assert heard.count(text) == 1
            assert b"c BAD" in await client.say(b"c COMPRESS DEFLATE")
            assert place.server.counts.octets_out < len(text)

    run(scenario())


def test_what_was_pipelined_in_clear_behind_compress_is_dropped() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.login()
            wire.send(b"z COMPRESS DEFLATE\r\nx NOOP\r\n")
            assert (await wire.until(b"z"))[-1].startswith(b"z OK")
            assert await Compressed(wire).say(b"y NOOP") == b"y OK Nothing done\r\n"

    run(scenario())


@pytest.mark.parametrize("mode", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])
def test_unauthenticate_ends_compression_with_what_follows_in_clear(mode: int) -> None:
    """RFC 8437 §3, §4.1: pipelined, whether the client ends its stream or only stops."""

    async def scenario() -> None:
        async with lobby() as place:
            client, _ = await _compressed(place)
            client.wire.send(_flushed(client.out, b"a NOOP\r\nb UNAUTHENTICATE\r\n", mode) + LOGIN + b"\r\n")
            heard = b""
            while not client.back.eof:
                heard += await client.read()
            assert heard == b"a OK Nothing done\r\nb OK Nobody is logged in\r\n"
            plain = client.back.unused_data
            while not plain.endswith(b"Logged in\r\n"):
                plain += await client.wire.reader.read(65_536)
            assert plain.startswith(b"l OK [CAPABILITY ")

    run(scenario())


def test_a_bomb_waits_its_turn_in_little_memory() -> None:
    """A few octets that stand for very many: what is inflated of them is one piece at a time (law 7)."""

    async def scenario() -> None:
        async with lobby() as place:
            client, connection = await _compressed(place)
            other = await place.login()
            # A literal that is not wanted is swallowed: 64 MiB of it, in 64 KiB.
            bomb = b"a NOOP {67108864+}\r\n" + b"x" * 67_108_864
            task = asyncio.ensure_future(client.say(bomb, b"b NOOP"))
            for _ in range(5):
                assert (await other.say(b"n NOOP"))[-1].startswith(b"n OK")
                assert connection._dispatcher.buffered_octets <= 2 * PIECE_OCTETS
                assert connection._waits_compressed <= INPUT_HIGH_WATER_OCTETS + 262_144
            heard = await task
            assert heard.startswith(b"a BAD") and heard.endswith(b"b OK Nothing done\r\n")

    run(scenario())


def test_a_silent_connection_sleeps_and_is_told_what_happens() -> None:
    async def scenario() -> None:
        async with lobby(tick_s=0.001) as place:
            place.server.awake_ticks = 2
            client, connection = await _compressed(place)
            client.wire.send(_flushed(client.out, b"i IDLE\r\n"))
            assert await client.read() == b"+ idling\r\n"
            deflate = connection._deflate
            assert deflate is not None
            await until(lambda: not deflate.awake)
            other = await place.login()
            other.send(b"a APPEND INBOX {5+}\r\nhello\r\n")
            assert (await other.until(b"a"))[-1].startswith(b"a OK")
            assert await client.read() == b"* 1 EXISTS\r\n* 1 RECENT\r\n"
            assert not deflate.awake
            client.wire.send(_flushed(client.out, b"DONE\r\n"))
            assert await client.read() == b"i OK No longer idle\r\n"
            await until(lambda: not deflate.awake)
            assert await client.say(b"n NOOP") == b"n OK Nothing done\r\n"

    run(scenario())


def test_what_is_no_stream_costs_the_connection() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            client, _ = await _compressed(place)
            client.wire.send(b"a1 NOOP\r\n")
            assert await client.read() == b"* BYE That is not what DEFLATE makes\r\n"
            assert await client.wire.rest() == b""

    run(scenario())
