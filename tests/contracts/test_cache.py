"""The Cache port: small values that all processes share."""

from __future__ import annotations

from lightmail.ports.cache import Cache
from tests.support.shared import CACHES, Pair, on_every

on_every_cache = on_every(CACHES)


@on_every_cache
async def test_what_one_puts_the_others_get(pair: Pair[Cache]) -> None:
    values = {"kind:1": b"one", "kind:2": b"\x00\xff" * 1000, "kind:3": b""}
    await pair.one.put(values, keep_s=60)
    assert await pair.other.get([*values, "kind:4"]) == values
    await pair.other.put({"kind:1": b"new"}, keep_s=60)
    assert await pair.one.get(["kind:1"]) == {"kind:1": b"new"}


@on_every_cache
async def test_values_end(pair: Pair[Cache]) -> None:
    await pair.one.put({"kind:short": b"1"}, keep_s=30)
    await pair.one.put({"kind:long": b"2"}, keep_s=90)
    await pair.pass_time(31)
    assert await pair.other.get(["kind:short", "kind:long"]) == {"kind:long": b"2"}


@on_every_cache
async def test_nothing_is_kept_for_no_time(pair: Pair[Cache]) -> None:
    await pair.one.put({"kind:1": b"1"}, keep_s=0)
    assert await pair.one.get(["kind:1"]) == {}


@on_every_cache
async def test_nothing_at_all(pair: Pair[Cache]) -> None:
    await pair.one.put({}, keep_s=60)
    assert await pair.one.get([]) == {}


@on_every_cache
async def test_many_at_once(pair: Pair[Cache]) -> None:
    values = {f"kind:{number}": b"%d" % number for number in range(2000)}
    await pair.one.put(values, keep_s=60)
    assert await pair.other.get(list(values)) == values
