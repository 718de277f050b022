"""Counts that forked processes share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from lightmail.backends.local import SharedTally
from lightmail.ports.tally import MINUTE_S, QUARTER_S
from tests.support.backends import HandClock


def in_a_child(work: Callable[[], object], *, killed: bool = False) -> None:
    """Run in a process of its own, which then ends, or is killed."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os.write(theirs, b"+")
            if killed:
                signal.pause()
        finally:
            os._exit(0)
    os.close(theirs)
    assert os.read(ours, 1) == b"+"
    os.close(ours)
    if killed:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_what_is_held() -> None:
    tally = SharedTally()
    assert [tally.hold("a") for _ in range(3)] == [1, 2, 3]
    assert tally.hold("b") == 1
    tally.let_go("a")
    assert tally.hold("a") == 3
    for _ in range(9):
        tally.let_go("a")
    assert tally.hold("a") == 1, "never less than nothing"


def test_events_in_windows_of_their_own() -> None:
    clock = HandClock()
    clock.now = 0
    tally = SharedTally(clock)
    assert [tally.hit("a", window_s=MINUTE_S) for _ in range(4)] == [1, 2, 3, 4]
    assert tally.count("a", window_s=QUARTER_S) == 0
    assert tally.hit("a", window_s=QUARTER_S) == 1
    clock.now += 90
    assert tally.count("a", window_s=MINUTE_S) == 2, "half of the window before"
    assert tally.hit("a", window_s=QUARTER_S) == 2
    tally.forget("a")
    assert tally.count("a", window_s=MINUTE_S) == tally.count("a", window_s=QUARTER_S) == 0


def test_processes_count_together() -> None:
    tally = SharedTally(processes=4)
    tally.join()
    tally.hold("a")
    tally.hit("a", window_s=MINUTE_S)

    def other() -> None:
        tally.join()
        assert tally.hold("a") == 2
        assert tally.hit("a", window_s=MINUTE_S) == 2
        tally.forget("b")

    in_a_child(other)
    assert tally.hold("a") == 3, "it has ended, and nobody has joined since"
    in_a_child(tally.join)
    assert tally.hold("a") == 3, "what it held is gone"
    assert tally.count("a", window_s=MINUTE_S) == 1


def test_a_killed_process_holds_nothing() -> None:
    tally = SharedTally(processes=4)
    tally.join()

    def other() -> None:
        tally.join()
        for _ in range(50):
            tally.hold("a")

    in_a_child(other, killed=True)
    assert tally.hold("a") == 51
    in_a_child(tally.join)
    assert tally.hold("a") == 2


def test_forgetting_is_for_all_processes() -> None:
    tally = SharedTally(processes=2)
    tally.join()
    for _ in range(3):
        tally.hit("a", window_s=QUARTER_S)

    def other() -> None:
        tally.join()
        tally.hit("a", window_s=QUARTER_S)
        tally.forget("a")

    in_a_child(other)
    assert tally.hit("a", window_s=QUARTER_S) == 1


def test_more_processes_than_were_foreseen() -> None:
    tally = SharedTally(processes=1)
    tally.join()
    tally.hold("a")

    def other() -> None:
        tally.join()
        tally.hold("a")

    in_a_child(other)
    assert tally.hold("a") == 3


def test_many_keys_are_never_told_too_little() -> None:
    """And rarely too much, with half as many keys as places."""
    tally = SharedTally(places=1024)
    for number in range(512):
        tally.hold(f"{number}")
        tally.hit(f"{number}", window_s=MINUTE_S)
    counts = [tally.count(f"{number}", window_s=MINUTE_S) for number in range(512)]
    assert min(counts) == 1
    assert sum(count > 1 for count in counts) < 512 // 2
    for number in range(512):
        tally.forget(f"{number}")
    assert max(tally.count(f"{number}", window_s=MINUTE_S) for number in range(512)) <= 2


@pytest.mark.parametrize("window_s", [1.0, 61.0])
def test_other_windows_are_a_mistake(window_s: float) -> None:
    with pytest.raises(KeyError):
        SharedTally().hit("a", window_s=window_s)
