"""The check beside a store that changes meanwhile: no false alarm, whatever comes between two of its looks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lightmail._core.index import UidSet
from lightmail.errors import Unavailable
from lightmail.mail.check.checker import Checker, _Sample
from lightmail.mail.check.damage import MOST_KEPT, CheckReport, Damage, Kind
from lightmail.mail.check.objects import ObjectList
from lightmail.mail.check.reading import WIDTH, side_by_side
from lightmail.model import BodyCount, BodyId, FlagOp
from lightmail.ports.blobs import StoredObject
from tests.support.aio import run
from tests.support.damage import House, LaterClock, house_on
from tests.support.services import Services

DAYS_S = 86_400

Meddling = Callable[[], Awaitable[None]]


class Meddled:
    """A port; before or after a call of these names, once, something happens to the store."""

    def __init__(
        self, inner: Any, *, before: dict[str, Meddling] | None = None, after: dict[str, Meddling] | None = None
    ):
        self._inner = inner
        self._before = dict(before or {})
        self._after = dict(after or {})
        self.calls: Counter[str] = Counter()

    @property
    def happened(self) -> bool:
        """All of it."""
        return not self._before and not self._after

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not asyncio.iscoroutinefunction(attribute):
            return attribute

        async def call(*values: Any, **named: Any) -> Any:
            self.calls[name] += 1
            if meddling := self._before.pop(name, None):
                await meddling()
            answer = await attribute(*values, **named)
            if meddling := self._after.pop(name, None):
                await meddling()
            return answer

        return call


def in_house(test: Callable[[House], Awaitable[None]]) -> Callable[[Path, Services], None]:
    def with_house(tmp_path: Path, services: Services) -> None:
        async def work() -> None:
            async with house_on("memory+memory", tmp_path, services) as house:
                await test(house)

        run(work())

    with_house.__name__, with_house.__doc__ = test.__name__, test.__doc__
    return with_house


async def check(
    house: House, *, upkeep: Any = None, metadata: Any = None, blobs: Any = None, ahead_s: int = 0
) -> CheckReport:
    """With some ports meddled with."""
    checker = Checker(
        upkeep=upkeep or house.store.upkeep,
        metadata=metadata or house.store.metadata,
        directory=house.store.mail.directory,
        blobs=blobs or house.store.blobs,
        clock=LaterClock(house.store.mail.clock, ahead_s),
        config=house.config,
        settle_s=0.01,
    )
    return await checker.run(sample=None)


def body(number: int) -> BodyCount:
    return BodyCount(BodyId(number), f"key-{number}", 1, 1, b"", 1, None, 1, True)


@in_house
async def test_what_arrives_while_it_looks(house: House) -> None:
    async def arrive() -> None:
        await house.append(b"more", house.inbox)

    for name in ("mailbox_counts", "body_counts"):
        upkeep = Meddled(house.store.upkeep, before={name: arrive}, after={name: arrive})
        report = await check(house, upkeep=upkeep)
        assert upkeep.happened
        assert report.sound, report.damages
    metadata = Meddled(house.store.metadata, before={"body_locations": arrive})
    assert (await check(house, metadata=metadata)).sound
    assert metadata.happened


@in_house
async def test_a_body_that_is_collected_between_the_list_and_the_look(house: House) -> None:
    """Its row goes before its object (law 3): at the second look there is no row that could miss it."""
    waiting = (await house.store.metadata.unreferenced_bodies(10))[0]

    async def collect() -> None:
        await house.store.metadata.forget_bodies([waiting.body_id])
        await house.store.blobs.delete([waiting.object_key])

    class Shorter(Meddled):
        """It was listed before it was complete: its size is not the one that its row says."""

        async def objects(self, prefix: str = "") -> Any:
            async for each in house.store.blobs.objects(prefix):
                yield replace(each, octets=1) if each.key == waiting.object_key else each

    blobs = Shorter(house.store.blobs, before={"read": collect})
    report = await check(house, blobs=blobs)
    assert blobs.happened
    assert report.sound, report.damages


@in_house
async def test_a_body_that_is_collected_before_it_is_read_back(house: House) -> None:
    last = await house.body_of(4)

    async def collect() -> None:
        inbox = house.inbox.id
        await house.store.mail.set_flags(inbox, UidSet([4]), FlagOp.ADD, ("\\Deleted",))
        await house.store.mail.expunge(inbox, UidSet([4]))
        await house.store.metadata.forget_bodies([last.id])
        await house.store.blobs.delete([last.object_key])

    metadata = Meddled(house.store.metadata, before={"body_locations": collect})
    report = await check(house, metadata=metadata)
    assert metadata.happened
    assert report.sound, report.damages


@in_house
async def test_a_collector_at_work_leaves_no_orphans(house: House) -> None:
    """Between the row and the object there is a moment in which the object is nobody's."""
    waiting = (await house.store.metadata.unreferenced_bodies(10))[0]
    await house.store.metadata.forget_bodies([waiting.body_id])

    async def delete() -> None:
        await house.store.blobs.delete([waiting.object_key])

    metadata = Meddled(house.store.metadata, after={"known_keys": delete})
    assert (await check(house, metadata=metadata, ahead_s=2 * DAYS_S)).sound
    assert metadata.happened
    # And where nobody collects it, it is one.
    await house.store.blobs.put(waiting.object_key, b"octets")
    report = await check(house, ahead_s=2 * DAYS_S)
    assert [each.key for each in report.damages] == [waiting.object_key]


@in_house
async def test_what_is_wrong_at_the_first_look_only(house: House) -> None:
    class Once(Meddled):
        """The first answer is wrong."""

        async def mailbox_counts(self, *page: Any) -> Any:
            self.calls["mailbox_counts"] += 1
            counts = await house.store.upkeep.mailbox_counts(*page)
            wrong = [replace(each, counted=replace(each.counted, messages=99, bodiless=1)) for each in counts]
            return wrong if self.calls["mailbox_counts"] == 1 else counts

        async def body_counts(self, *page: Any) -> Any:
            self.calls["body_counts"] += 1
            counts = await house.store.upkeep.body_counts(*page)
            return [replace(each, counted=7) for each in counts] if self.calls["body_counts"] == 1 else counts

    upkeep = Once(house.store.upkeep)
    report = await check(house, upkeep=upkeep)
    assert report.sound, report.damages
    assert upkeep.calls["mailbox_counts"] == upkeep.calls["body_counts"] == 3


@in_house
async def test_a_store_that_goes_away_is_not_taken_for_a_damaged_one(house: House) -> None:
    async def away() -> None:
        raise Unavailable("the body store")

    with pytest.raises(Unavailable):
        await check(house, blobs=Meddled(house.store.blobs, before={"read": away}))


def test_the_list_of_objects() -> None:
    class Blobs:
        async def objects(self) -> Any:
            for number in range(2500):
                yield StoredObject(f"{number:04}", number, 5)
            yield StoredObject("manifests/1", 1, 1)
            yield StoredObject("0001", 1, 5)  # a store may tell of one twice

    async def test() -> None:
        objects = ObjectList()
        listed: list[int] = []
        await objects.fill(Blobs().objects(), lambda more, octets: listed.append(octets))
        assert sum(listed) == sum(range(2500)) + 1
        assert await objects.take(["0000", "2499", "9999"]) == {"0000": 0, "2499": 2499}
        pages = [page async for page in objects.left()]
        assert [each for page in pages for each in page] == [
            StoredObject(f"{number:04}", number, 5) for number in range(1, 2499)
        ]
        assert max(map(len, pages)) == 1000
        assert await objects.take(["0000", "0001"]) == {"0001": 1}
        await objects.close()

    run(test())


def test_a_sample_is_fair_and_no_larger_than_asked_for() -> None:
    chosen: Counter[int] = Counter()
    for _ in range(400):
        sample = _Sample(10)
        for first in range(0, 100, 7):
            assert sample.among([body(number) for number in range(first, min(first + 7, 100))]) == ()
        ids = [each.id for each in sample.at_last()]
        assert len(ids) == len(set(ids)) == 10
        chosen.update(ids)
    # 40 of each are expected; less than 10, or more than 90, has a probability below one in a million.
    assert len(chosen) == 100
    assert min(chosen.values()) >= 10 and max(chosen.values()) <= 90
    few = _Sample(10)
    few.among([body(1), body(2)])
    assert [each.id for each in few.at_last()] == [1, 2]
    every = _Sample(None)
    assert every.among([body(1)]) == [body(1)]
    assert every.at_last() == []


def test_the_first_failure_ends_what_runs_beside_it() -> None:
    begun: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        if number == 5:
            raise Unavailable("the body store")
        await asyncio.sleep(30)

    async def test() -> None:
        with pytest.raises(Unavailable):
            await side_by_side(work, range(100))

    run(test(), timeout_s=20)
    assert begun == list(range(WIDTH))


def test_a_report_stays_small_however_much_is_wrong() -> None:
    report = CheckReport()
    for number in range(MOST_KEPT + 5):
        report.tell(Damage(Kind.ORPHAN, "", key=str(number)))
    report.tell(Damage(Kind.REFERENCES, "", body_id=BodyId(1)))
    assert report.counts == {Kind.ORPHAN: MOST_KEPT + 5, Kind.REFERENCES: 1}
    assert len(report.damages) == MOST_KEPT + 1
