"""Every order of the steps of copy, deliver, expunge, collect and sweep around one body (law 3): a body that a message has
is never deleted, and one that no message has is, in the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from lightmail.backends.memory import MemoryBlobs
from lightmail.mail import sweep as sweeping
from lightmail.mail.check.objects import ObjectList
from lightmail.mail.collect import Collector
from lightmail.mail.sweep import Sweeper
from lightmail.model import BodyId, Mailbox
from lightmail.ports.blobs import BlobStore
from lightmail.ports.metadata import MESSAGE_ROW, MetadataStore
from lightmail.ports.upkeep import Upkeep
from tests.support.aio import run
from tests.support.backends import Store, open_store, uids
from tests.support.interleaving import Gate, Gated, Run, every_order
from tests.support.services import Services

STEPS = (
    "append", "copy", "move", "expunge", "unreferenced_bodies", "named_bodies", "forget_bodies", "known_keys",
    "locations_after", "body_locations", "delete",
)  # fmt: skip
"""Calls of ports. A sweep lists the objects in the step in which it has asked for the time."""


BODY = MESSAGE_ROW.index("body_id")


class Listed(ObjectList):
    """Without a thread, which would cost more than all the rest."""

    async def _run(self, call: Callable[..., Any], *values: object) -> Any:
        return call(*values)


class Scene:
    """INBOX, Other and Third of a new account; one body that is about to be delivered, or has been."""

    def __init__(self, store: Store, blobs: MemoryBlobs, number: int, steps: Sequence[str], *, swept: bool) -> None:
        """steps: calls that may be apart from others. swept: at the end, too."""
        self._swept = swept
        self.store = store
        self.blobs = blobs
        self._steps = steps
        self.body = store.body()
        self._number = number
        self._boxes: dict[str, Mailbox] = {}

    async def begin(self, *, delivered: bool) -> None:
        for name in ("INBOX", "Other", "Third"):
            self._boxes[name] = await self.store.mailbox(f"{name}{self._number}")
        # Another body, so that the database is not an empty one.
        other = self.store.body()
        await self.blobs.put(other.object_key, b"other")
        await self.store.metadata.append([self.store.message(self._boxes["Third"], body=other)])
        if delivered:
            await self.blobs.put(self.body.object_key, b"body")
            await self.store.metadata.append([self.store.message(self._boxes["INBOX"], ("\\Deleted",), body=self.body)])

    def actor(self, name: str) -> tuple[Gate, Coroutine[Any, Any, object]]:
        gate = Gate()
        metadata = cast(MetadataStore, Gated(self.store.metadata, gate, self._steps))
        blobs = cast(BlobStore, Gated(self.blobs, gate, self._steps))
        upkeep = cast(Upkeep, Gated(self.store.upkeep, gate, self._steps))
        box = {name: mailbox.id for name, mailbox in self._boxes.items()}
        clock = self.store.clock

        async def deliver() -> None:
            await blobs.put(self.body.object_key, b"body")
            await metadata.append([self.store.message(self._boxes["INBOX"], ("\\Deleted",), body=self.body)])

        async def collect() -> None:
            await Collector(metadata=metadata, blobs=blobs, upkeep=upkeep, clock=clock, grace_s=-1000).run()

        async def sweep() -> None:
            sweeper = Sweeper(
                metadata=metadata, blobs=blobs, upkeep=upkeep, clock=clock, grace_s=self.sweep_grace_s, look_again_s=0
            )
            await sweeper.run()

        async def kill() -> None:
            await gate.wait()
            self.run.kill("collect")

        everything = uids((1, 1000))
        verbs: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
            "deliver": deliver,
            "copy": lambda: metadata.copy(box["INBOX"], everything, box["Other"]),
            "copy on": lambda: metadata.copy(box["Other"], everything, box["Third"]),
            "move": lambda: metadata.move(box["INBOX"], everything, box["Other"]),
            "expunge": lambda: metadata.expunge(box["INBOX"], None),
            "expunge copy": lambda: metadata.expunge(box["Other"], None),
            "collect": collect,
            "collect too": collect,
            "sweep": sweep,
            "kill": kill,
        }
        return gate, verbs[name]()

    sweep_grace_s = 1000.0
    """The clock does not get so far: what is young now stays young."""
    run: Run

    async def holds(self, order: Sequence[str]) -> None:
        """Every message has its body."""
        self.store.clock.now += 1
        for mailbox in self._boxes.values():
            packed = await self.store.metadata.load(mailbox.id)
            ids = {BodyId(int(row.split()[BODY])) for block in packed.blocks for row in block.splitlines()}
            found = await self.store.metadata.body_locations(sorted(ids))
            assert {one.body_id for one in found} == ids, f"a message of {mailbox.name} has lost the row of its body"
            for one in found:
                assert self.blobs.read_nowait(one.object_key, 0, 1), f"a message of {mailbox.name} has lost its object"

    async def ends(self) -> None:
        """A last collector leaves what messages have, and nothing else; where two were at it at a time, which a lease
        prevents as a rule, one that was killed may leave what only a sweep finds.
        """
        store = self.store
        ports = {"metadata": store.metadata, "blobs": self.blobs, "upkeep": store.upkeep, "clock": store.clock}
        await Collector(**ports, grace_s=-1000).run()  # type: ignore[arg-type]
        if self._swept:
            await Sweeper(**ports, grace_s=-1000, look_again_s=0).run()  # type: ignore[arg-type]
        await self.holds([])
        counts = await store.upkeep.body_counts(BodyId(0), 100_000)
        assert [one for one in counts if one.references != one.counted or not one.counted] == []
        keys = {one.object_key for one in counts}
        left = {each.key async for each in self.blobs.objects()} - keys
        assert left == set(), "objects without a row"
        for mailbox in self._boxes.values():
            await store.metadata.delete_mailbox(store.user.id, mailbox.name)
        store.clock.now += 1
        await Collector(**ports, grace_s=-1000).run()  # type: ignore[arg-type]


SCENES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "everything": (("deliver", "copy", "expunge", "expunge copy", "collect"), ("put",)),
    "copies of copies": (("copy", "expunge", "copy on", "expunge copy", "collect"), ()),
    "moved": (("move", "expunge", "expunge copy", "collect"), ()),
    "two collectors": (("expunge", "collect", "collect too"), ()),
    "killed": (("copy", "expunge", "collect", "kill"), ("put_job",)),
    "killed beside another": (("expunge", "collect", "collect too", "kill"), ()),
    "swept on its way": (("deliver", "sweep"), ("put",)),
    "swept and expunged": (("expunge", "copy", "sweep"), ()),
    "swept and collected": (("expunge", "collect", "sweep"), ()),
}
"""Who is there, and what is a step besides STEPS. Where nobody delivers, the message is there, with \\Deleted."""
IN_A_DATABASE = ("killed", "swept on its way", "swept and expunged")
"""The others are too many for one that syncs each of its commits."""


async def enumerate_orders(backend: str, folder: Path, services: Services, scene: str) -> int:
    """In memory each order has a new store; in a database, new mailboxes."""
    actors, more = SCENES[scene]
    number = 0
    async with open_store(backend, folder, services) as store:
        blobs = MemoryBlobs(lambda: store.clock.now)

        async def begin() -> tuple[Run, Callable[[Sequence[str]], Awaitable[None]], Callable[[], Awaitable[None]]]:
            nonlocal number
            number += 1
            played = Scene(store, blobs, number, STEPS + more, swept={"collect too", "kill"} <= set(actors))
            await played.begin(delivered="deliver" not in actors)
            played.run = Run({name: played.actor(name) for name in actors})
            return played.run, played.holds, played.ends

        return await every_order(begin)


@pytest.mark.parametrize(
    ("scene", "backend"),
    [*((scene, "memory") for scene in SCENES), *itertools.product(IN_A_DATABASE, ("sqlite", "mysql"))],
)
def test_a_body_that_a_message_has_is_never_deleted(
    scene: str, backend: str, tmp_path: Path, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "ObjectList", Listed)
    number = run(enumerate_orders(backend, tmp_path, services, scene))
    assert number > 10


def test_a_sweep_without_a_grace_period_would_be_found(
    tmp_path: Path, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the enumeration sees what it has to."""
    monkeypatch.setattr(sweeping, "ObjectList", Listed)
    monkeypatch.setattr(Scene, "sweep_grace_s", -1000)
    with pytest.raises(AssertionError, match=r"sweep: a message of INBOX\d+ has lost its object"):
        run(enumerate_orders("memory", tmp_path, services, "swept on its way"))
