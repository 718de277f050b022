"""The collector: bodies that no message has any more lose their rows, and then their objects (law 3).

    reference count 0 for as long as the grace period → no message names it, looked for in all of them → the row goes, if the
    count is still 0 → the object goes

A row that is gone cannot come back: COPY takes its body from a message that is there, under the locks of a transaction,
and a delivery brings a body of its own. So what happens between these steps can only spare a body. A process that dies
between the last two leaves objects behind; their keys were put down before, and the next one deletes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import structlog

from lightmail.errors import StoreSealed
from lightmail.mail.leases import Holds, always
from lightmail.model import BodyId
from lightmail.ports.blobs import BlobStore
from lightmail.ports.clock import Clock
from lightmail.ports.metadata import BodyLocation, MetadataStore
from lightmail.ports.upkeep import Upkeep

_log = structlog.get_logger("lightmail.collect")

JOB = "collect"
CHOSEN = 20_000
"""Bodies that are looked for in all messages at a time."""
TOGETHER = 500
"""Bodies of one transaction."""
REST = 100
"""Looking at all messages takes at most one part in so many of the time: where it takes a second, then every 100 s."""
MOST_REST_S = 86_400


class _Job(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    keys: tuple[str, ...] = ()
    """Of objects that may be about to go: those that no row has any more."""
    rests_until_s: int = 0


@dataclass(slots=True)
class Collected:
    bodies: int = 0
    octets: int = 0
    """Of the objects."""
    disputed: int = 0
    """Spared: messages name them, although their count was 0. It has been made right."""
    more: bool = False
    """There may be more than that."""


async def refuse_sealed(upkeep: Upkeep) -> None:
    """Objects of a store that has been moved, or is being filled, may be those of another one. Raises StoreSealed."""
    reason = await upkeep.sealed()
    if reason is not None:
        raise StoreSealed(reason)


class Collector:
    """Implements `mail.housekeeping.Task`. One per process."""

    name = JOB
    keeps_lease = False

    def __init__(
        self,
        *,
        metadata: MetadataStore,
        blobs: BlobStore,
        upkeep: Upkeep,
        clock: Clock,
        grace_s: float,
        interval_s: float = 0.0,
    ) -> None:
        self.interval_s = interval_s
        self.total = Collected()
        """Of all runs."""
        self._metadata = metadata
        self._blobs = blobs
        self._upkeep = upkeep
        self._clock = clock
        self._grace_s = grace_s

    async def wanted(self) -> bool:
        """One statement that finds nothing, as a rule."""
        return bool(await self._unreferenced(1)) and await self._rested()

    async def waiting(self) -> Collected:
        """What `run` would find; at most some 100,000 bodies are counted. Changes nothing."""
        found = await self._unreferenced(5 * CHOSEN)
        named = await self._metadata.named_bodies([body.body_id for body in found]) if found else frozenset()
        bodies = [body for body in found if body.body_id not in named]
        octets = sum(body.stored_octets for body in bodies)
        return Collected(len(bodies), octets, disputed=len(named), more=len(found) == 5 * CHOSEN)

    async def run(self, holds: Holds = always) -> Collected:
        """Until there are no more. Raises Unavailable, StoreSealed; then the next run goes on."""
        done = Collected()
        await refuse_sealed(self._upkeep)
        await self._finish(done)
        looked_s = 0.0
        while await holds():
            found = await self._unreferenced(CHOSEN)
            if not found:
                break
            since_s = self._clock.monotonic_s()
            disputed = await self._metadata.named_bodies([body.body_id for body in found])
            looked_s += self._clock.monotonic_s() - since_s
            if disputed:
                await self._put_right(sorted(disputed), done)
            undisputed = [body for body in found if body.body_id not in disputed]
            for at in range(0, len(undisputed), TOGETHER):
                if not await holds():
                    return done
                await self._delete(undisputed[at : at + TOGETHER], done)
        rests_until_s = self._clock.now_s() + min(MOST_REST_S, int(REST * looked_s))
        await self._upkeep.put_job(JOB, msgspec.json.encode(_Job((), rests_until_s)))
        if done.bodies:
            _log.info("bodies collected", bodies=done.bodies, octets=done.octets)
        return done

    async def _delete(self, bodies: Sequence[BodyLocation], done: Collected) -> None:
        await self._upkeep.put_job(JOB, msgspec.json.encode(_Job(tuple(body.object_key for body in bodies))))
        forgotten = set(await self._metadata.forget_bodies([body.body_id for body in bodies]))
        gone = [body for body in bodies if body.body_id in forgotten]
        await self._blobs.delete([body.object_key for body in gone])
        for count in (done, self.total):
            count.bodies += len(gone)
            count.octets += sum(body.stored_octets for body in gone)

    async def _finish(self, done: Collected) -> None:
        """What a run that was interrupted has left: objects whose rows it had deleted."""
        keys = (await self._job()).keys
        if keys:
            left = sorted(set(keys) - await self._metadata.known_keys(keys))
            await self._blobs.delete(left)

    async def _put_right(self, body_ids: Sequence[BodyId], done: Collected) -> None:
        """Counts that are too low would make us look at these again and again."""
        _log.error("bodies of messages were counted as unused", bodies=len(body_ids), first=body_ids[0])
        await self._upkeep.recount([], body_ids)
        done.disputed += len(body_ids)
        self.total.disputed += len(body_ids)

    async def _unreferenced(self, limit: int) -> list[BodyLocation]:
        return await self._metadata.unreferenced_bodies(limit, grace_s=int(self._grace_s))

    async def _rested(self) -> bool:
        """Whoever rests longer than MOST_REST_S has a clock that was wrong."""
        return not 0 < (await self._job()).rests_until_s - self._clock.now_s() <= MOST_REST_S

    async def _job(self) -> _Job:
        state = await self._upkeep.get_job(JOB)
        return _Job() if state is None else msgspec.json.decode(state, type=_Job)
