"""What a server does in the background, as configured: see `mail.housekeeping`."""

from __future__ import annotations

import functools

from lightmail.config import Config
from lightmail.mail.collect import Collector
from lightmail.mail.housekeeping import LEASE_S, Housekeeping, Task
from lightmail.mail.leases import Holds, Lease
from lightmail.mail.manifests import ManifestWriter, Written
from lightmail.mail.sweep import LEAST_GRACE_S, Sweeper
from lightmail.obs.metrics import counts
from lightmail.serving.store import Store


class Manifests:
    """Implements `mail.housekeeping.Task`. Who has written manifests knows what they say, and goes on with it."""

    name = "manifests"
    keeps_lease = True

    def __init__(self, writer: ManifestWriter, interval_s: float) -> None:
        self.interval_s = interval_s
        self._writer = writer

    async def wanted(self) -> bool:
        return True  # the writer looks for itself

    async def run(self, holds: Holds) -> object:
        return await self._writer.write(holds=holds)


def collector(store: Store, config: Config, *, grace_s: float | None = None) -> Collector:
    """grace_s: for one time other than configured."""
    return Collector(
        metadata=store.metadata,
        blobs=store.blobs,
        upkeep=store.upkeep,
        clock=store.mail.clock,
        grace_s=config.upkeep.grace_s if grace_s is None else grace_s,
        interval_s=config.upkeep.interval_s,
    )


def sweeper(store: Store, config: Config, *, grace_s: float | None = None) -> Sweeper:
    """grace_s: for one time other than configured, and as short as it may be."""
    return Sweeper(
        metadata=store.metadata,
        blobs=store.blobs,
        upkeep=store.upkeep,
        clock=store.mail.clock,
        grace_s=max(config.upkeep.grace_s, LEAST_GRACE_S) if grace_s is None else grace_s,
        every_s=config.upkeep.sweep_interval_s,
    )


async def manifests(store: Store, config: Config) -> Written | None:
    """Write what has changed, once. None: not configured, or a server does it. Raises Unavailable."""
    if not config.upkeep.manifests:
        return None
    lease = Lease(store.upkeep, Manifests.name, _holder(store, config), seconds=LEASE_S, clock=store.mail.clock)
    if not await lease.holds():
        return None
    try:
        return await _writer(store).write(holds=lease.holds, now=True)
    finally:
        await lease.end()


def housekeeping(store: Store, config: Config) -> Housekeeping:
    """Of one process, with its numbers. `upkeep.interval_s = 0`: none."""
    collecting, sweeping = collector(store, config), sweeper(store, config)
    tasks: list[Task] = []
    if config.upkeep.interval_s:
        tasks += [collecting, sweeping]
        if config.upkeep.manifests:
            tasks.append(Manifests(_writer(store), config.upkeep.interval_s))
    kept = Housekeeping(tasks, upkeep=store.upkeep, clock=store.mail.clock, holder=_holder(store, config))
    _count(kept, collecting, sweeping)
    return kept


def _writer(store: Store) -> ManifestWriter:
    return ManifestWriter(metadata=store.metadata, upkeep=store.upkeep, blobs=store.blobs, clock=store.mail.clock)


def _holder(store: Store, config: Config) -> str:
    """This process among those of all nodes."""
    return f"{config.server.hostname}-{store.mail.sessions.process}"


def _count(kept: Housekeeping, collecting: Collector, sweeping: Sweeper) -> None:
    for each in kept.rounds:
        for name, help_text, attribute in (
            ("upkeep_runs_total", "Background work done", "runs"),
            ("upkeep_failures_total", "Background work that failed", "failures"),
            ("upkeep_seconds_total", "Time spent on background work", "seconds"),
        ):
            counts.source(name, help_text, functools.partial(getattr, each, attribute), label=each.task.name)
    total = collecting.total
    counts.source("collected_bodies_total", "Bodies deleted that no message had", lambda: total.bodies)
    counts.source("collected_octets_total", "Octets of bodies deleted that no message had", lambda: total.octets)
    counts.source("disputed_bodies_total", "Bodies spared that were counted as unused", lambda: total.disputed)
    counts.source("swept_objects_total", "Objects deleted that no body had", lambda: sweeping.deleted)
    counts.source(
        "orphan_objects", "Objects that no body had, at the last sweep", lambda: sweeping.last.orphans, across="max"
    )
    counts.source(
        "missing_bodies", "Bodies without their object, at the last sweep", lambda: sweeping.last.missing, across="max"
    )
