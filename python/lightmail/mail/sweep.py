"""The sweep: every object of the body store against every row of the database, whatever reference counts say.

    objects are listed → rows strike them off → a row whose object is not there is told → an old object that no row has, looked
    for twice, is deleted

It deletes what a crash has left: a body whose transaction never came, an object whose row has gone. Rows it leaves alone.
The age of an object is told by the clock of the body store. An object is on its way to its row for seconds; it is deleted
when it is older than the grace period, and has been without a row at two times that are LOOK_AGAIN_S apart. A database
that does not look as if these objects were its own (an empty one, another one's bucket) gets nothing deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import structlog

from lightmail.mail.check.objects import ObjectList
from lightmail.mail.check.reading import side_by_side
from lightmail.mail.collect import TOGETHER, refuse_sealed
from lightmail.mail.incoming import new_object_key
from lightmail.mail.leases import Holds, always
from lightmail.mail.manifests import is_behind, state_of, stores_seen
from lightmail.model import BodyId
from lightmail.ports.blobs import BlobNotFound, BlobStore, StoredObject
from lightmail.ports.clock import Clock
from lightmail.ports.metadata import BodyLocation, MetadataStore
from lightmail.ports.upkeep import Upkeep

_log = structlog.get_logger("lightmail.sweep")

JOB = "sweep"
LEAST_GRACE_S = 3_600.0
"""Unless somebody says otherwise for one time."""
LOOK_AGAIN_S = 60.0
LOOK_EVERY_S = 3_600.0
"""How often each process looks whether a sweep is due, at most."""
PAGE = 5_000
MOST_DELETED = 10_000
"""In one sweep; the next one goes on."""
MOST_MISSING = 1_000
"""So many are looked for one by one, and told."""
FEW = 100
ONE_IN = 10
"""More than FEW orphans that are more than one in so many objects are not believed."""

Progress = Callable[[str, int], None]
"""What is being looked at, and how many have been."""


class _Job(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    ended_s: int


@dataclass(slots=True)
class Swept:
    objects: int = 0
    octets: int = 0
    bodies: int = 0
    """Rows."""
    young: int = 0
    """Objects without a row that may be on their way."""
    orphans: int = 0
    """Old ones without a row."""
    orphans_octets: int = 0
    deleted: int = 0
    missing: int = 0
    """Rows whose object is not there."""
    missing_bodies: list[BodyLocation] = field(default_factory=list)
    """At most MOST_MISSING."""
    refused: str = ""
    """Why no orphan was deleted."""
    whole: bool = False
    """It has come to its end."""


class Sweeper:
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
        every_s: float = 0.0,
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        """grace_s: as said; see LEAST_GRACE_S. every_s: from the end of a sweep to the next one; 0: none by itself."""
        self.interval_s = min(every_s, LOOK_EVERY_S)
        self.last = Swept()
        self.deleted = 0
        """By all sweeps of this process."""
        self._metadata = metadata
        self._blobs = blobs
        self._upkeep = upkeep
        self._clock = clock
        self._grace_s = grace_s
        self._every_s = every_s
        self._look_again_s = look_again_s

    async def wanted(self) -> bool:
        """One statement."""
        state = await self._upkeep.get_job(JOB)
        ended_s = 0 if state is None else msgspec.json.decode(state, type=_Job).ended_s
        # One that has ended in the future was told so by a clock that was wrong.
        return not 0 <= self._clock.now_s() - ended_s < self._every_s

    async def run(
        self,
        holds: Holds = always,
        *,
        dry: bool = False,
        all_orphans: bool = False,
        progress: Progress = lambda _what, _number: None,
    ) -> Swept:
        """dry: nothing is changed. all_orphans: also when there are unbelievably many. Raises Unavailable, StoreSealed."""
        await refuse_sealed(self._upkeep)
        done = Swept()
        now_s = self._clock.now_s() if dry else await self._store_time_s()
        objects = ObjectList()
        try:

            def listed(more: int, octets: int) -> None:
                done.objects += more
                done.octets += octets
                progress("objects", done.objects)

            await objects.fill(self._listed(holds), listed)
            await self._strike_off(objects, done, progress, holds)
            if not await holds():
                return done
            orphans = await self._orphans(objects, now_s - int(self._grace_s), done)
        finally:
            await objects.close()
        if orphans:
            if not all_orphans:
                done.refused = await self._doubt(done)
            if not (dry or done.refused):
                await self._delete(orphans, done, holds)
        if await holds():
            done.whole = True
            if not dry:
                await self._upkeep.put_job(JOB, msgspec.json.encode(_Job(self._clock.now_s())))
        self.last = done
        self._tell(done)
        return done

    async def _store_time_s(self) -> int:
        """Now, by the clock that tells the age of objects: this machine's may be wrong by any time. What is left of it
        when the process dies here is an orphan.
        """
        key = new_object_key()
        await self._blobs.put(key, b"\n")
        try:
            async for each in self._blobs.objects(key):
                return each.modified_s
        finally:
            await self._blobs.delete([key])
        return 0  # a store that does not list what it has just taken tells the age of nothing

    async def _listed(self, holds: Holds) -> AsyncIterator[StoredObject]:
        """All objects; asks now and then whether to go on."""
        number = 0
        async for each in self._blobs.objects():
            if number % PAGE == 0 and not await holds():
                return
            number += 1
            yield each

    # ---- rows against objects

    async def _strike_off(self, objects: ObjectList, done: Swept, progress: Progress, holds: Holds) -> None:
        after = BodyId(0)
        while await holds() and (page := await self._metadata.locations_after(after, PAGE)):
            found = await objects.take(body.object_key for body in page)
            absent = [body for body in page if body.object_key not in found]
            await self._tell_missing(absent, done)
            done.bodies += len(page)
            progress("bodies", done.bodies)
            after = page[-1].body_id

    async def _tell_missing(self, absent: Sequence[BodyLocation], done: Swept) -> None:
        """Those that are not there now, and whose rows still are: bodies have come and gone meanwhile."""
        looked_for = absent[: MOST_MISSING - len(done.missing_bodies)]
        gone: list[BodyLocation] = []

        async def look(body: BodyLocation) -> None:
            try:
                await self._blobs.about(body.object_key)  # never from a copy of this node
            except BlobNotFound:
                gone.append(body)

        await side_by_side(look, looked_for)
        if gone:
            there = {each.body_id for each in await self._metadata.body_locations([body.body_id for body in gone])}
            gone = [body for body in gone if body.body_id in there]
        done.missing_bodies += sorted(gone, key=lambda body: body.body_id)
        done.missing += len(gone) + len(absent) - len(looked_for)

    # ---- objects without a row

    async def _orphans(self, objects: ObjectList, before_s: int, done: Swept) -> list[StoredObject]:
        """The first look. At most MOST_DELETED, all counted."""
        orphans: list[StoredObject] = []
        async for page in objects.left():
            known = await self._metadata.known_keys([each.key for each in page])
            unknown = [each for each in page if each.key not in known]
            old = [each for each in unknown if each.modified_s < before_s]
            done.young += len(unknown) - len(old)
            done.orphans += len(old)
            done.orphans_octets += sum(each.octets for each in old)
            orphans += old[: MOST_DELETED - len(orphans)]
        return orphans

    async def _doubt(self, done: Swept) -> str:
        """Why these objects may not be ours to delete; "": they are."""
        if not done.bodies:
            return "the database knows no body at all: it may be new, or another one"
        if done.orphans > max(FEW, done.objects // ONE_IN):
            return f"{done.orphans} of {done.objects} objects are unknown to the database: it may be an old one"
        state = await state_of(self._upkeep)
        others = [each.name for each in await stores_seen(self._blobs) if state is None or each.name != state.store]
        if others:
            return f"the body store has manifests of another database ({', '.join(others)})"
        if await is_behind(self._upkeep, self._blobs):
            return "the database is older than its own manifests: it may have come back from a backup"
        return ""

    async def _delete(self, orphans: Sequence[StoredObject], done: Swept, holds: Holds) -> None:
        await asyncio.sleep(max(0.0, min(self._look_again_s, self._grace_s)))
        for at in range(0, len(orphans), TOGETHER):
            if not await holds():
                return
            await refuse_sealed(self._upkeep)
            keys = [each.key for each in orphans[at : at + TOGETHER]]
            unknown = sorted(set(keys) - await self._metadata.known_keys(keys))
            await self._blobs.delete(unknown)
            done.deleted += len(unknown)
            self.deleted += len(unknown)

    def _tell(self, done: Swept) -> None:
        if done.missing:
            keys = [body.object_key for body in done.missing_bodies[:10]]
            _log.error(
                "bodies are missing from the body store; `lightmail check` names them", bodies=done.missing, keys=keys
            )
        if done.refused:
            _log.warning("objects without a row were left alone", objects=done.orphans, reason=done.refused)
        if done.deleted:
            _log.info("objects without a row deleted", objects=done.deleted, octets=done.orphans_octets)
