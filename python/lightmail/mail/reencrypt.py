"""Bodies encrypted anew: every one that is not encrypted by the active key goes into another object that is.

    octets are read → their digest is the one that was stored → a new object is written → it is read back, and is the same →
    the row names it from now on → the old object waits for its time of grace, like one that nobody needs, and is collected

A process that dies in between leaves an object that no row names, which the sweep deletes. What is done is told from
object keys, so the next run goes on. Nothing is rewritten (law 3), and whoever reads meanwhile reads on. With no active key
bodies are put back into plain objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass, field

import msgspec

from lightmail._core.frames import key_id
from lightmail.config import Config
from lightmail.errors import BodyCorrupt, BodyMissing, KeyUnusable
from lightmail.mail.bodies import Bodies
from lightmail.mail.check.reading import side_by_side
from lightmail.mail.collect import refuse_sealed
from lightmail.mail.leases import Holds, always
from lightmail.mail.manifests import ask_for_all
from lightmail.mail.rebuild.reading import BodyReader, Damaged
from lightmail.model import BodyId, BodyRecord, StoredBodyRecord
from lightmail.ports.blobs import BlobNotFound, BlobStore
from lightmail.ports.metadata import BodyLocation, MetadataStore
from lightmail.ports.upkeep import Upkeep

JOB = "reencrypt"
PAGE = 5_000
"""Rows that are looked at together."""
TOGETHER = 100
"""Bodies between two looks at the lease."""
WIDTH = 8
"""Bodies on their way at the same time."""
_ANY_OCTETS = 2**62
_MOST_KEPT = 1_000

Progress = Callable[[int, int], None]
"""How many bodies have been looked at, and how many octets encrypted."""


@dataclass(slots=True)
class Reencrypted:
    bodies: int = 0
    """In another object now; of a dry run: that would be."""
    octets: int = 0
    """RFC822.SIZE of these."""
    by_key: dict[str, int] = field(default_factory=dict)
    """How many bodies were in use by the id of the key that encrypted them before; "": in plain."""
    failed: list[tuple[BodyId, str, str]] = field(default_factory=list)
    """(body, object key, what is wrong), at most so many; they stay as they are."""
    failures: int = 0
    whole: bool = False
    """It has come to its end."""


class Reencrypter:
    def __init__(
        self, *, metadata: MetadataStore, upkeep: Upkeep, blobs: BlobStore, config: Config, workers: Executor
    ) -> None:
        """blobs: the store itself, without this node's copies."""
        # What is there is taken, however large; and nothing is kept of what is read once.
        limits = msgspec.structs.replace(config.limits, body_cache_octets=0, message_octets=_ANY_OCTETS)
        config = msgspec.structs.replace(config, limits=limits)
        self._metadata = metadata
        self._upkeep = upkeep
        self._blobs = blobs
        self._bodies = Bodies(metadata=metadata, blobs=blobs, config=config, workers=workers, shared=None)
        self._reader = BodyReader(blobs=blobs, limits=limits, workers=workers)

    async def run(
        self, holds: Holds = always, *, dry: bool = False, progress: Progress = lambda _looked, _octets: None
    ) -> Reencrypted:
        """To the last body there is. Raises KeyUnusable (nothing can be said of what it encrypts), Unavailable, StoreSealed;
        then the next run goes on.
        """
        done = Reencrypted()
        looked, active = 0, self._blobs.keyring.active
        if not dry:
            await ask_for_all(self._upkeep)
        after = BodyId(0)
        try:
            while page := await self._metadata.locations_after(after, PAGE):
                others = [each for each in page if key_id(each.object_key) != active]
                _count(done, active, len(page) - len(others))
                for at in range(0, len(others), TOGETHER):
                    if not await holds():
                        return done
                    await self._some(others[at : at + TOGETHER], done, dry=dry)
                    progress(looked + at, done.octets)
                looked += len(page)
                progress(looked, done.octets)
                after = page[-1].body_id
            done.whole = True
        finally:
            if done.bodies and not dry:
                # Those that were begun meanwhile name objects that are not theirs any more.
                await ask_for_all(self._upkeep)
        return done

    async def _some(self, bodies: Sequence[BodyLocation], done: Reencrypted, *, dry: bool) -> None:
        await refuse_sealed(self._upkeep)
        records = await self._upkeep.body_records([body.body_id for body in bodies])
        needed = [each for each in records if each.references]  # others are about to go
        for each in needed:
            _count(done, key_id(each.record.object_key), 1)
        if dry:
            done.bodies += len(needed)
            done.octets += sum(each.record.raw_octets for each in needed)
            return
        await self._bodies.locate(each.id for each in needed)

        async def renew(body: StoredBodyRecord) -> None:
            try:
                new = await self._written_anew(body)
            except (BodyMissing, BodyCorrupt, Damaged, BlobNotFound) as error:
                self._failed(body, str(error), done)
                return
            if await self._upkeep.replace_object(body.id, body.record.object_key, new.object_key, new.stored_octets):
                done.bodies += 1
                done.octets += new.raw_octets
            else:
                await self._blobs.delete([new.object_key])

        await side_by_side(renew, needed, width=WIDTH)

    async def _written_anew(self, body: StoredBodyRecord) -> BodyRecord:
        """The new object, which is durable and the same. Raises BodyMissing, BodyCorrupt, Damaged, BlobNotFound,
        KeyUnusable, Unavailable: there is none.
        """
        old = body.record
        incoming = self._bodies.receive(about=await self._blobs.about(old.object_key))
        try:
            async with aclosing(self._bodies.stream(body.id, 0, old.raw_octets)) as chunks:
                async for chunk in chunks:
                    await incoming.write(chunk)
            new = await incoming.finish()
        except BaseException:
            await incoming.abort()
            raise
        try:
            if new.digest != old.digest:
                raise BodyCorrupt(body.id, "its digest is another")
            read = await self._reader.read(new.object_key, new.stored_octets)
            if read.digest != old.digest:
                raise BodyCorrupt(body.id, "it does not come back from its new object as it was")
        except (BodyCorrupt, Damaged, KeyUnusable):
            await self._blobs.delete([new.object_key])
            raise
        return new

    def _failed(self, body: StoredBodyRecord, problem: str, done: Reencrypted) -> None:
        done.failures += 1
        if len(done.failed) < _MOST_KEPT:
            done.failed.append((body.id, body.record.object_key, problem))


def _count(done: Reencrypted, id_: str | None, bodies: int) -> None:
    if bodies:
        done.by_key[id_ or ""] = done.by_key.get(id_ or "", 0) + bodies
