"""Counting within one process: what the contract of the port leaves to it."""

from __future__ import annotations

import pytest

from lightmail.backends.local import LocalRates
from lightmail.backends.local.rates import ENTRIES, Place, estimate, place
from tests.support.aio import run
from tests.support.backends import HandClock


def test_keys_are_bounded() -> None:
    async def test() -> None:
        rates = LocalRates(HandClock())
        for number in range(ENTRIES):
            await rates.hit(str(number), window_s=60)
        await rates.hit("0", window_s=60)
        await rates.hit("one more", window_s=60)
        assert await rates.count("0", window_s=60) == 2
        assert await rates.count("1", window_s=60) == 0
        assert await rates.count("2", window_s=60) == 1

    run(test())


@pytest.mark.parametrize(
    ("now_s", "window_s", "number", "elapsed"),
    [(0, 60, 0, 0.0), (59, 60, 0, 59 / 60), (60, 60, 1, 0.0), (7, 0.5, 14, 0)],
)
def test_places(now_s: float, window_s: float, number: int, elapsed: float) -> None:
    assert place(now_s, window_s) == (number, pytest.approx(elapsed))


def test_the_window_before_counts_for_what_is_left_of_it() -> None:
    assert [estimate(3, 10, Place(0, elapsed)) for elapsed in (0.0, 0.25, 0.99)] == [13, 10, 3]
