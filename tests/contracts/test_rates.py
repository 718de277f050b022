"""The RateLimiter port: how often something has happened lately."""

from __future__ import annotations

import asyncio

from lightmail.ports.rates import RateLimiter
from tests.support.shared import RATES, Pair, on_every

on_every_limiter = on_every(RATES)

WINDOW_S = 100.0
"""The clock starts at the beginning of a window."""


@on_every_limiter
async def test_hits_are_counted_over_all_processes(pair: Pair[RateLimiter]) -> None:
    assert [await pair.one.hit("a:1", window_s=WINDOW_S) for _ in range(3)] == [1, 2, 3]
    assert await pair.other.hit("a:1", window_s=WINDOW_S) == 4
    assert await pair.one.count("a:1", window_s=WINDOW_S) == await pair.other.count("a:1", window_s=WINDOW_S) == 4
    assert await pair.other.count("a:2", window_s=WINDOW_S) == 0


@on_every_limiter
async def test_counting_adds_nothing(pair: Pair[RateLimiter]) -> None:
    for _ in range(3):
        assert await pair.one.count("a", window_s=WINDOW_S) == 0
    assert await pair.one.hit("a", window_s=WINDOW_S) == 1


@on_every_limiter
async def test_what_is_long_ago_counts_less_and_then_no_more(pair: Pair[RateLimiter]) -> None:
    for _ in range(8):
        await pair.one.hit("a", window_s=WINDOW_S)
    await pair.pass_time(WINDOW_S)
    assert await pair.other.count("a", window_s=WINDOW_S) == 8
    await pair.pass_time(WINDOW_S / 2)
    assert await pair.other.count("a", window_s=WINDOW_S) == 4
    assert await pair.other.hit("a", window_s=WINDOW_S) == 5
    await pair.pass_time(WINDOW_S / 2)
    assert await pair.one.count("a", window_s=WINDOW_S) == 1
    await pair.pass_time(WINDOW_S)
    assert await pair.one.count("a", window_s=WINDOW_S) == 0
    assert await pair.one.hit("a", window_s=WINDOW_S) == 1


@on_every_limiter
async def test_a_key_begins_again(pair: Pair[RateLimiter]) -> None:
    for key in ("a", "b"):
        await pair.one.hit(key, window_s=WINDOW_S)
    await pair.other.forget("a")
    await pair.other.forget("never seen")
    assert await pair.one.count("a", window_s=WINDOW_S) == 0
    assert await pair.one.hit("a", window_s=WINDOW_S) == 1
    assert await pair.one.count("b", window_s=WINDOW_S) == 1


@on_every_limiter
async def test_no_hit_is_lost_among_many(pair: Pair[RateLimiter]) -> None:
    counts = await asyncio.gather(
        *(limiter.hit("a", window_s=WINDOW_S) for _ in range(50) for limiter in (pair.one, pair.other))
    )
    assert sorted(counts) == list(range(1, 101))


@on_every_limiter
async def test_keys_are_any_text(pair: Pair[RateLimiter]) -> None:
    for key in ("login:zoë@example.org:2001:db8::7", "login::", "{}{", "a b\r\n*1"):
        assert await pair.one.hit(key, window_s=WINDOW_S) == 1
        assert await pair.other.count(key, window_s=WINDOW_S) == 1
