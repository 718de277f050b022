"""The check itself: counters and references, then every object against every row, then octets against digests.

Safe beside running servers. Counts are taken at one point in time; what seems wrong is looked at again, the object
before the row that names it, since bodies come before their rows and go after them (law 3).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from lightmail.config import Config
from lightmail.errors import MailboxNotFound
from lightmail.mail.check.counts import body_faults, mailbox_faults
from lightmail.mail.check.damage import MOST_KEPT, CheckReport, Damage, Kind, Progress, silent
from lightmail.mail.check.objects import ObjectList
from lightmail.mail.check.places import Places
from lightmail.mail.check.reading import Reader, side_by_side
from lightmail.model import NOBODY, SERVER, BodyCount, BodyId, MailboxCount, MailboxId
from lightmail.ports.blobs import BlobNotFound, BlobStore, StoredObject
from lightmail.ports.clock import Clock
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.upkeep import Upkeep

MAILBOXES_PAGE = 200
BODIES_PAGE = 20_000
"""Messages are not found by their bodies: each page costs the database a look at all of them."""
SETTLE_S = 2.0
"""How long a collector may take between two looks at what it is about to delete."""
MOST_LOOKS = 20

_BODY_OBJECT = (Kind.OBJECT_MISSING, Kind.OBJECT_SIZE, Kind.OBJECT_DAMAGED, Kind.KEY_MISSING)


class Checker:
    """One check, once."""

    def __init__(
        self,
        *,
        upkeep: Upkeep,
        metadata: MetadataStore,
        directory: Directory,
        blobs: BlobStore,
        clock: Clock,
        config: Config,
        progress: Progress = silent,
        settle_s: float = SETTLE_S,
    ) -> None:
        """blobs: the store itself, without this node's copies (`reading.uncached`)."""
        self._upkeep = upkeep
        self._metadata = metadata
        self._blobs = blobs
        self._config = config
        self._old_s = clock.now_s() - int(config.upkeep.grace_s)
        self._progress = progress
        self._settle_s = settle_s
        self._places = Places(upkeep=upkeep, metadata=metadata, directory=directory)
        self._report = CheckReport()
        self._sample: int | None = None

    async def run(self, *, sample: int | None) -> CheckReport:
        """sample: so many bodies, taken at random, are read back; None: all.

        Raises Unavailable: a store went away, and nothing can be said.
        """
        since_s = time.monotonic()
        self._sample = sample
        await self._check_mailboxes()
        await self._check_left()
        async with self._listed() as objects, self._reader() as reader:
            await self._check_bodies(objects, reader)
            await self._check_orphans(objects)
        await self._name_messages()
        self._report.seconds = time.monotonic() - since_s
        return self._report

    # ---- mailboxes

    async def _check_mailboxes(self) -> None:
        after = MailboxId(0)
        while page := await self._upkeep.mailbox_counts(after, MAILBOXES_PAGE):
            if any(map(mailbox_faults, page)):
                again = await self._upkeep.mailbox_counts(after, MAILBOXES_PAGE)
                await self._tell_mailboxes(page, {each.mailbox.id: each for each in again})
            self._report.mailboxes += len(page)
            self._report.messages += sum(each.counted.messages for each in page)
            self._progress("mailboxes", self._report.mailboxes, 0)
            after = page[-1].mailbox.id

    async def _tell_mailboxes(self, page: Sequence[MailboxCount], again: dict[MailboxId, MailboxCount]) -> None:
        for each in page:
            second = again.get(each.mailbox.id)
            if second is None:
                continue
            faults = mailbox_faults(second)
            for kind in mailbox_faults(each).keys() & faults.keys():
                damage = Damage(kind, faults[kind], place=await self._places.of(each.mailbox))
                try:
                    damage.uids = await self._places.uids(kind, each.mailbox.id)
                except MailboxNotFound:  # deleted since, or holds none
                    continue
                self._report.tell(damage)

    async def _check_left(self) -> None:
        """What is left of mailboxes and accounts: they go in one transaction with all that hangs on them."""
        found = await self._upkeep.orphans(MOST_KEPT)
        for mailbox_id, identifier in found.rights:
            self._report.tell(Damage(Kind.ORPHAN_RIGHTS, f"mailbox {mailbox_id}: {identifier}"))
        for mailbox_id, user_id, entry in found.annotations:
            where = "the server" if mailbox_id == SERVER else f"mailbox {mailbox_id}"
            whose = "" if user_id == NOBODY else f" of account {user_id}"
            self._report.tell(Damage(Kind.ORPHAN_ANNOTATION, f"{where}: {entry}{whose}"))

    # ---- bodies

    async def _check_bodies(self, objects: ObjectList, reader: Reader) -> None:
        chosen = _Sample(self._sample)
        after: BodyId | None = BodyId(0)
        while after is not None:
            after = await self._check_page(after, objects, reader, chosen)
        await self._read(reader, chosen.at_last())

    async def _check_page(self, after: BodyId, objects: ObjectList, reader: Reader, chosen: _Sample) -> BodyId | None:
        """The last body of the page; None: there was none. What the page needed is free before the next is asked for."""
        page = await self._upkeep.body_counts(after, BODIES_PAGE)
        if not page:
            return None
        bad = {each.id for each in page if body_faults(each)}
        sizes = await objects.take(each.object_key for each in page)
        doubtful = [each for each in page if sizes.get(each.object_key) != each.stored_octets]
        wrong = await self._look_at(doubtful)
        if bad or wrong:
            again = await self._upkeep.body_counts(after, BODIES_PAGE)
            self._tell_bodies(bad, wrong, {each.id: each for each in again})
        self._report.bodies += len(page)
        self._progress("bodies", self._report.bodies, self._report.objects)
        await self._read(reader, chosen.among([each for each in page if each.counted and each.id not in wrong]))
        return page[-1].id

    async def _look_at(self, bodies: Sequence[BodyCount]) -> dict[BodyId, tuple[Kind, str]]:
        """The objects of these, one by one: what is wrong with them in fact."""
        wrong: dict[BodyId, tuple[Kind, str]] = {}

        async def look(body: BodyCount) -> None:
            last = max(body.stored_octets - 1, 0)
            try:
                octets = await self._blobs.read(body.object_key, last, 2)
            except BlobNotFound:
                wrong[body.id] = (Kind.OBJECT_MISSING, "")
                return
            if not octets:
                wrong[body.id] = (Kind.OBJECT_SIZE, f"fewer than {body.stored_octets} octets are there")
            elif len(octets) > 1:
                wrong[body.id] = (Kind.OBJECT_SIZE, f"more than {body.stored_octets} octets are there")

        await side_by_side(look, bodies)
        return wrong

    def _tell_bodies(
        self, bad: set[BodyId], wrong: dict[BodyId, tuple[Kind, str]], again: dict[BodyId, BodyCount]
    ) -> None:
        for body_id in sorted(bad | wrong.keys()):
            body = again.get(body_id)
            if body is None:
                continue
            faults = body_faults(body) if body_id in bad else {}
            if body_id in wrong:
                kind, text = wrong[body_id]
                faults[kind] = text
            self._tell_body(body, faults)

    def _tell_body(self, body: BodyCount, faults: dict[Kind, str]) -> None:
        for kind, text in faults.items():
            self._report.tell(Damage(kind, text, body_id=body.id, key=body.object_key))

    async def _read(self, reader: Reader, bodies: Sequence[BodyCount]) -> None:
        to_read = min(self._report.objects, self._sample if self._sample is not None else self._report.objects)

        def read(octets: int) -> None:
            self._report.read_bodies += 1
            self._report.read_octets += octets
            self._progress("bodies read", self._report.read_bodies, to_read)

        found = await reader.damaged(bodies, read)
        if not found:
            return
        # A body that was collected meanwhile is none that is damaged.
        there = {each.body_id for each in await self._metadata.body_locations([body.id for body, *_ in found])}
        for body, kind, problem in found:
            if body.id in there:
                self._tell_body(body, {kind: problem})

    # ---- objects

    @asynccontextmanager
    async def _listed(self) -> AsyncIterator[ObjectList]:
        def listed(more: int, octets: int) -> None:
            self._report.objects += more
            self._report.objects_octets += octets
            self._progress("objects", self._report.objects, 0)

        objects = ObjectList()
        try:
            await objects.fill(self._blobs.objects(), listed)
            yield objects
        finally:
            await objects.close()

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[Reader]:
        workers = ThreadPoolExecutor(max(2, min(8, os.cpu_count() or 1)), thread_name_prefix="check")
        try:
            yield Reader(metadata=self._metadata, blobs=self._blobs, config=self._config, workers=workers)
        finally:
            workers.shutdown(wait=True, cancel_futures=True)

    async def _check_orphans(self, objects: ObjectList) -> None:
        """Rows go before their objects: a collector at work leaves fewer of them at each look."""
        before = -1
        for _ in range(MOST_LOOKS):
            left = await self._count_orphans(objects)
            if left in (0, before):
                break
            before = left
            await asyncio.sleep(self._settle_s)
        async for page in objects.left():
            for each in page:
                if each.modified_s < self._old_s:
                    self._report.tell(Damage(Kind.ORPHAN, f"{each.octets} octets", key=each.key))
                else:
                    self._report.young_objects += 1

    async def _count_orphans(self, objects: ObjectList) -> int:
        """Old ones. What has a row by now, or is gone, is struck off."""
        number = 0
        async for page in objects.left():
            known = await self._metadata.known_keys([each.key for each in page])
            old = [each for each in page if each.modified_s < self._old_s and each.key not in known]
            gone = await self._gone(old)
            await objects.take(known | gone)
            number += len(old) - len(gone)
            self._progress("orphans", number, 0)
        return number

    async def _gone(self, objects: Sequence[StoredObject]) -> set[str]:
        gone: set[str] = set()

        async def look(each: StoredObject) -> None:
            try:
                await self._blobs.read(each.key, 0, 1)
            except BlobNotFound:
                gone.add(each.key)

        await side_by_side(look, objects)
        return gone

    # ---- what it means to users

    async def _name_messages(self) -> None:
        """Which messages have the bodies that cannot be read. Looks at every mailbox, when there are any."""
        lost = {each.body_id: each for each in self._report.damages if each.kind in _BODY_OBJECT and each.body_id}
        if lost:
            await self._places.name_messages(lost, self._progress)


class _Sample:
    """A fair choice among bodies that come page by page (Vitter's algorithm R), or all of them at once."""

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._seen = 0
        self._kept: list[BodyCount] = []
        self._random = random.Random()

    def among(self, page: Sequence[BodyCount]) -> Sequence[BodyCount]:
        """What is to be read now."""
        if self._size is None:
            return page
        for body in page:
            self._seen += 1
            if len(self._kept) < self._size:
                self._kept.append(body)
            elif (place := self._random.randrange(self._seen)) < self._size:
                self._kept[place] = body
        return ()

    def at_last(self) -> Sequence[BodyCount]:
        return self._kept
