"""A trouble is one line in the log, whoever meets it, and however often."""

from __future__ import annotations

import structlog

from lightmail.errors import NeedsOperator, Unavailable
from lightmail.obs.troubles import OVER_AFTER_S, REMIND_EVERY_S, Troubles


class Times:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_all_who_meet_a_trouble_get_its_id_and_the_log_has_it_once() -> None:
    troubles = Troubles(Times())
    full = "the body store (the disk is full)"
    with structlog.testing.capture_logs() as lines:
        ids = [troubles.met(Unavailable(full, "make room"), "command failed", command="APPEND") for _ in range(3)]
        other = troubles.met(NeedsOperator("the metadata database"), "lmtp fault", session="x")
    assert len(set(ids)) == 1 and other not in ids
    assert lines == [
        {
            "event": "command failed",
            "log_level": "warning",
            "fault_id": ids[0],
            "error": f"{full} is not available; make room",
            "command": "APPEND",
        },
        {
            "event": "lmtp fault",
            "log_level": "error",
            "fault_id": other,
            "error": "the metadata database cannot be used",
            "session": "x",
        },
    ]
    assert troubles.times == 4


def test_one_that_lasts_is_told_again_after_minutes_with_how_often() -> None:
    times = Times()
    troubles = Troubles(times)
    with structlog.testing.capture_logs() as lines:
        first = troubles.met(Unavailable("S3"), "command failed")
        for _ in range(int(2 * REMIND_EVERY_S)):
            times.now_s += 1
            assert troubles.met(Unavailable("S3"), "command failed") == first
    assert [(line["event"], line["fault_id"], line.get("times")) for line in lines] == [
        ("command failed", first, None),
        ("still failing", first, 300),
        ("still failing", first, 300),
    ]


def test_one_that_comes_back_after_a_while_is_a_new_one() -> None:
    times = Times()
    troubles = Troubles(times)
    with structlog.testing.capture_logs() as lines:
        first = troubles.met(Unavailable("S3"), "command failed")
        times.now_s += OVER_AFTER_S + 1
        assert troubles.met(Unavailable("S3"), "command failed") != first
    assert len(lines) == 2


def test_texts_that_differ_each_time_cost_no_memory() -> None:
    troubles = Troubles(Times())
    with structlog.testing.capture_logs() as lines:
        for number in range(1000):
            troubles.met(Unavailable(f"S3 (request {number})"), "command failed")
    assert len(lines) == 1000
    assert len(troubles._known) <= 64
