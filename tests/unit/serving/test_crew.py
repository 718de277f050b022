"""Who fills which place, and when a lost worker is replaced."""

from __future__ import annotations

import socket

from lightmail.config import Config, Server
from lightmail.serving.channel import Channel
from lightmail.serving.crew import LONGEST_PAUSE_S, STEADY_S, Crew, Worker


def crew(workers: int = 2) -> Crew:
    return Crew(Config(server=Server(workers=workers)), None)


def test_pauses_grow_while_workers_die_at_once() -> None:
    place = crew().places[0]
    assert [place.pause_s(0.1) for _ in range(5)] == [0, 0.5, 1, 2, 4]
    for _ in range(50):
        longest = place.pause_s(0.1)
    assert longest == LONGEST_PAUSE_S
    assert place.pause_s(STEADY_S) == 0, "one that has served for long is replaced at once"
    assert place.pause_s(0.1) == 0.5


def test_complete_when_everybody_serves() -> None:
    two = crew()
    assert [place.number for place in two.places] == [1, 2]
    assert two.empty == two.places and not two.complete
    ours, theirs = socket.socketpair()
    with theirs:
        channel = Channel(ours)
        for place in two.places:
            place.worker = Worker(100 + place.number, place, channel, 0.0)
        assert not two.complete and not two.empty
        for worker in two.workers:
            worker.ready = True
        assert two.complete
        two.places[0].worker = None
        assert not two.complete and two.empty == two.places[:1]
        channel.close()


def test_numbers_are_labelled_by_place() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        worker = Worker(77, crew().places[1], Channel(ours), 0.0)
        assert worker.label == "2"
        worker.leaving = True
        assert worker.label == "retired-77", "another one has the place now"
        worker.channel.close()
