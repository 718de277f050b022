"""The workers of one configuration, as the supervisor knows them: who fills which place, and when a lost one is replaced."""

from __future__ import annotations

from dataclasses import dataclass

from lightmail.config import Config
from lightmail.net.tls import Identity
from lightmail.serving.channel import Channel

STEADY_S = 30.0
"""A worker that has served for so long does not count as one that dies at once."""
LONGEST_PAUSE_S = 30.0


@dataclass(slots=True, eq=False)
class Place:
    """One of `server.workers`."""

    crew: Crew
    number: int
    """1 is the first."""
    worker: Worker | None = None
    failures: int = 0
    """Deaths in a row."""
    due_s: float = 0.0
    """When it is empty: the time to fill it."""

    def pause_s(self, lived_s: float) -> float:
        """How long the place stays empty after a worker's death: not at all, then 0.5 s, 1 s, 2 s, and so on."""
        self.failures = 1 if lived_s >= STEADY_S else self.failures + 1
        return 0.0 if self.failures == 1 else min(0.5 * 2 ** (self.failures - 2), LONGEST_PAUSE_S)


@dataclass(slots=True, eq=False)
class Worker:
    """One process."""

    pid: int
    place: Place
    channel: Channel
    started_s: float
    """On the monotonic clock, like all times here."""
    ready: bool = False
    leaving: bool = False
    """It was told to end, at once or after its connections."""
    problem: str = ""
    """Why it could not start, in its own words."""

    @property
    def label(self) -> str:
        """Of its numbers."""
        return f"retired-{self.pid}" if self.leaving else str(self.place.number)


class Crew:
    def __init__(self, config: Config, identity: Identity | None) -> None:
        self.config = config
        self.identity = identity
        self.places = [Place(self, number) for number in range(1, config.server.workers + 1)]
        self.prepared: tuple[str, ...] = ()
        """What the first worker has prepared in the store."""

    @property
    def workers(self) -> list[Worker]:
        return [place.worker for place in self.places if place.worker is not None]

    @property
    def empty(self) -> list[Place]:
        return [place for place in self.places if place.worker is None]

    @property
    def complete(self) -> bool:
        """Every place is filled by one that serves."""
        return all(place.worker is not None and place.worker.ready for place in self.places)
