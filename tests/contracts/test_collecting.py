"""Collector and sweep on every database: what nobody needs goes, and nothing else does (law 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from lightmail.backends.memory import MemoryBlobs
from lightmail.errors import StoreSealed, Unavailable
from lightmail.mail import sweep as sweeping
from lightmail.mail.collect import JOB, Collector
from lightmail.mail.manifests import PREFIX, ManifestWriter
from lightmail.mail.sweep import Sweeper, Swept
from lightmail.model import BodyId, Mailbox, MailboxId, MailboxPatch
from tests.support.backends import Store, on_every_metadata_backend, uids

GRACE_S = 1000
HOUR_S = 3600


@dataclass
class Yard:
    """A store with bodies in memory, by the same clock."""

    store: Store
    blobs: MemoryBlobs

    @classmethod
    def of(cls, store: Store) -> Yard:
        return cls(store, MemoryBlobs(lambda: store.clock.now))

    @property
    def collector(self) -> Collector:
        """Of another process each time."""
        store = self.store
        return Collector(
            metadata=store.metadata, blobs=self.blobs, upkeep=store.upkeep, clock=store.clock, grace_s=GRACE_S
        )

    def sweeper(self, *, every_s: float = 0.0) -> Sweeper:
        store = self.store
        return Sweeper(
            metadata=store.metadata,
            blobs=self.blobs,
            upkeep=store.upkeep,
            clock=store.clock,
            grace_s=GRACE_S,
            every_s=every_s,
            look_again_s=0.0,
        )

    async def deliver(self, mailbox: Mailbox, count: int, flags: tuple[str, ...] = ()) -> list[str]:
        """Messages with their objects; the keys."""
        bodies = [self.store.body() for _ in range(count)]
        for body in bodies:
            await self.blobs.put(body.object_key, b"body")
        await self.store.metadata.append([self.store.message(mailbox, flags, body=body) for body in bodies])
        return [body.object_key for body in bodies]

    async def keys(self) -> set[str]:
        return {each.key async for each in self.blobs.objects()}


@on_every_metadata_backend
async def test_bodies_go_after_the_grace_period(store: Store) -> None:
    yard = Yard.of(store)
    inbox = await store.mailbox()
    keys = await yard.deliver(inbox, 3, ("\\Deleted",))
    await store.metadata.expunge(inbox.id, uids(1, 2))
    store.clock.now += GRACE_S
    assert not await yard.collector.wanted()
    assert (await yard.collector.run()).bodies == 0
    store.clock.now += 1
    await store.metadata.expunge(inbox.id, None)
    assert await yard.collector.wanted()
    waiting = await yard.collector.waiting()
    assert (waiting.bodies, waiting.octets, waiting.more) == (2, 1000, False)
    assert await yard.keys() == set(keys)
    done = await yard.collector.run()
    assert (done.bodies, done.octets, done.disputed) == (2, 1000, 0)
    assert await yard.keys() == {keys[2]}
    assert await store.metadata.known_keys(keys) == {keys[2]}
    assert not await yard.collector.wanted()


@on_every_metadata_backend
async def test_a_shared_body_stays_as_long_as_one_message_has_it(store: Store) -> None:
    yard = Yard.of(store)
    inbox, other = await store.mailbox(), await store.mailbox("Other")
    (key,) = await yard.deliver(inbox, 1, ("\\Deleted",))
    await store.metadata.copy(inbox.id, uids(1), other.id)
    await store.metadata.expunge(inbox.id, None)
    store.clock.now += GRACE_S + 1
    assert (await yard.collector.run()).bodies == 0
    await store.metadata.delete_mailbox(store.user.id, "Other")
    store.clock.now += GRACE_S + 1
    assert (await yard.collector.run()).bodies == 1
    assert key not in await yard.keys()


@on_every_metadata_backend
async def test_a_wrong_count_deletes_nothing(store: Store) -> None:
    """Count and messages must agree; the count is made right."""
    if store.sql is None:
        return  # counters in memory are the messages themselves
    yard = Yard.of(store)
    inbox = await store.mailbox()
    keys = await yard.deliver(inbox, 2)
    await store.damage("UPDATE message_bodies SET reference_count = 0, unreferenced_s = 1 WHERE id = 1")
    assert (await yard.collector.waiting()).disputed == 1
    done = await yard.collector.run()
    assert (done.bodies, done.disputed) == (0, 1)
    assert await yard.keys() == set(keys)
    assert await store.metadata.unreferenced_bodies(10) == []
    assert [count.references for count in await store.upkeep.body_counts(BodyId(0), 10)] == [1, 1]


@on_every_metadata_backend
async def test_a_run_that_was_interrupted_is_finished_by_the_next_one(store: Store) -> None:
    yard = Yard.of(store)
    inbox = await store.mailbox()
    keys = await yard.deliver(inbox, 3, ("\\Deleted",))
    await store.metadata.expunge(inbox.id, uids(1, 2))
    store.clock.now += GRACE_S + 1

    class Away(MemoryBlobs):
        async def delete(self, keys: Sequence[str]) -> None:
            raise Unavailable("the body store")

    dying = yard.collector
    dying._blobs = Away()
    with pytest.raises(Unavailable):
        await dying.run()
    assert await store.metadata.known_keys(keys) == {keys[2]}
    assert await yard.keys() == set(keys), "the objects are left"
    await yard.collector.run()
    assert await yard.keys() == {keys[2]}
    assert b"/" not in (await store.upkeep.get_job(JOB) or b"")


@on_every_metadata_backend
async def test_keys_put_down_by_a_run_that_died_before_its_rows_went(store: Store) -> None:
    """It has deleted nothing, so their objects stay."""
    yard = Yard.of(store)
    keys = await yard.deliver(await store.mailbox(), 2)
    await store.upkeep.put_job(JOB, b'{"keys": ["%s"]}' % keys[0].encode())
    await yard.collector.run()
    assert await yard.keys() == set(keys)


@on_every_metadata_backend
async def test_a_sealed_store_loses_nothing(store: Store) -> None:
    """Its objects may be those of the store that it has become."""
    yard = Yard.of(store)
    inbox = await store.mailbox()
    keys = await yard.deliver(inbox, 2, ("\\Deleted",))
    await yard.blobs.put("aa/orphan", b"x")
    await store.metadata.expunge(inbox.id, uids(1))
    store.clock.now += HOUR_S
    await store.upkeep.seal("moved")
    with pytest.raises(StoreSealed):
        await yard.collector.run()
    with pytest.raises(StoreSealed):
        await yard.sweeper().run()
    assert await yard.keys() == {*keys, "aa/orphan"}


# ---- the sweep


@on_every_metadata_backend
async def test_orphans_go_and_missing_bodies_are_told(store: Store) -> None:
    yard = Yard.of(store)
    inbox = await store.mailbox()
    keys = await yard.deliver(inbox, 4, ("\\Deleted",))
    await store.metadata.expunge(inbox.id, uids(1))  # has a row, and no message
    for name in ("aa/orphan", "bb/orphan", f"{PREFIX}some/thing"):
        await yard.blobs.put(name, b"xyz")
    store.clock.now += GRACE_S + 1
    await yard.blobs.put("cc/young", b"x")
    await yard.blobs.delete([keys[2]])

    dry = await yard.sweeper().run(dry=True)
    assert (dry.objects, dry.bodies, dry.orphans, dry.orphans_octets, dry.young) == (6, 4, 2, 6, 1)
    assert (dry.deleted, dry.missing, dry.refused) == (0, 1, "")
    done = await yard.sweeper().run()
    assert (done.deleted, done.whole, [body.object_key for body in done.missing_bodies]) == (2, True, [keys[2]])
    assert await yard.keys() == {keys[0], keys[1], keys[3], "cc/young", f"{PREFIX}some/thing"}
    assert len(await store.metadata.known_keys(keys)) == 4, "rows are left alone"
    again = await yard.sweeper().run()
    assert (again.orphans, again.deleted, again.missing) == (0, 0, 1)


@on_every_metadata_backend
async def test_when_a_sweep_is_due(store: Store) -> None:
    yard = Yard.of(store)
    await yard.deliver(await store.mailbox(), 1)
    assert await yard.sweeper(every_s=HOUR_S).wanted()
    await yard.sweeper(every_s=HOUR_S).run(dry=True)
    assert await yard.sweeper(every_s=HOUR_S).wanted()
    await yard.sweeper(every_s=HOUR_S).run()
    store.clock.now += HOUR_S - 1
    assert not await yard.sweeper(every_s=HOUR_S).wanted()
    store.clock.now += 1
    assert await yard.sweeper(every_s=HOUR_S).wanted()


@on_every_metadata_backend
async def test_an_object_that_gets_its_row_between_two_looks_stays(store: Store) -> None:
    """A delivery that took longer than the grace period, or a clock that has been set."""
    yard = Yard.of(store)
    inbox = await store.mailbox()
    (key,) = await yard.deliver(inbox, 1)
    late = store.body()
    await yard.blobs.put(late.object_key, b"late")
    store.clock.now += GRACE_S + 1
    sweeper = yard.sweeper()
    doubt = sweeper._doubt

    async def delivered_meanwhile(done: Swept) -> str:
        await store.metadata.append([store.message(inbox, body=late)])
        return await doubt(done)

    sweeper._doubt = delivered_meanwhile  # type: ignore[method-assign]
    done = await sweeper.run()
    assert (done.orphans, done.deleted) == (1, 0)
    assert await yard.keys() == {key, late.object_key}


@on_every_metadata_backend
async def test_a_database_that_knows_nothing_gets_nothing_deleted(store: Store) -> None:
    yard = Yard.of(store)
    await yard.blobs.put("aa/body", b"x")
    store.clock.now += GRACE_S + 1
    done = await yard.sweeper().run()
    assert (done.orphans, done.deleted) == (1, 0)
    assert "no body" in done.refused
    assert (await yard.sweeper().run(all_orphans=True)).deleted == 1


@on_every_metadata_backend
async def test_unbelievably_many_orphans_are_left_alone(store: Store) -> None:
    yard = Yard.of(store)
    keys = await yard.deliver(await store.mailbox(), 3)
    for number in range(sweeping.FEW + 1):
        await yard.blobs.put(f"ff/{number}", b"x")
    store.clock.now += GRACE_S + 1
    done = await yard.sweeper().run()
    assert (done.orphans, done.deleted) == (sweeping.FEW + 1, 0)
    assert f"{sweeping.FEW + 1} of {sweeping.FEW + 4} objects" in done.refused
    await yard.sweeper().run(all_orphans=True)
    assert await yard.keys() == set(keys)


@on_every_metadata_backend
async def test_a_body_store_with_manifests_of_another_database_is_left_alone(store: Store) -> None:
    yard = Yard.of(store)
    await yard.deliver(await store.mailbox(), 1)
    await yard.blobs.put("aa/orphan", b"x")
    await yard.blobs.put(f"{PREFIX}{'5' * 16}/0000000001-{'a' * 8}", b"x")
    store.clock.now += GRACE_S + 1
    done = await yard.sweeper().run()
    assert (done.orphans, done.deleted) == (1, 0)
    assert "5" * 16 in done.refused


@on_every_metadata_backend
async def test_a_database_that_came_back_from_a_backup_gets_nothing_deleted(store: Store) -> None:
    yard = Yard.of(store)
    mailbox = await store.mailbox()
    await yard.deliver(mailbox, 1)
    (copy,) = [each for each in await store.upkeep.mailbox_records(MailboxId(0), 10) if each.mailbox.id == mailbox.id]
    (late,) = await yard.deliver(mailbox, 1)
    writer = ManifestWriter(metadata=store.metadata, upkeep=store.upkeep, blobs=yard.blobs, clock=store.clock)
    await writer.write()
    await store.upkeep.apply(
        MailboxPatch(
            mailbox_id=mailbox.id,
            bodies=[],
            rows=[],
            expunged=[],
            absent=uids(2),
            keywords=copy.keywords,
            uid_next=2,
            highest_modseq=copy.mailbox.highest_modseq,
        )
    )
    store.clock.now += GRACE_S + 1
    await yard.collector.run()
    await yard.blobs.put(late, b"body")  # as a backup has it: without the row
    store.clock.now += GRACE_S + 1
    done = await yard.sweeper().run()
    assert (done.orphans, done.deleted) == (1, 0)
    assert "backup" in done.refused
    await writer.write(now=True)
    done = await yard.sweeper().run()
    assert (done.orphans, done.deleted) == (1, 0), "nor when it goes on from there"
    assert "another database" in done.refused


@on_every_metadata_backend
async def test_ages_are_told_by_the_clock_of_the_body_store(store: Store) -> None:
    """This machine's clock is a day ahead: what is on its way stays."""
    yard = Yard.of(store)
    await yard.deliver(await store.mailbox(), 1)
    now = store.clock.now
    yard.blobs._now_s = lambda: now
    await yard.blobs.put("aa/young", b"x")
    store.clock.now += 24 * HOUR_S
    done = await yard.sweeper().run()
    assert (done.young, done.orphans) == (1, 0)
    assert "aa/young" in await yard.keys()


@on_every_metadata_backend
async def test_what_a_clock_that_was_wrong_has_put_down_stops_nobody(store: Store) -> None:
    """A node a year ahead has collected, and swept, last."""
    yard = Yard.of(store)
    inbox = await store.mailbox()
    keys = await yard.deliver(inbox, 2, ("\\Deleted",))
    year_s = 365 * 24 * HOUR_S
    await store.upkeep.put_job(JOB, b'{"rests_until_s": %d}' % (store.clock.now + year_s))
    await store.upkeep.put_job(sweeping.JOB, b'{"ended_s": %d}' % (store.clock.now + year_s))
    assert await yard.sweeper(every_s=HOUR_S).wanted()
    await store.metadata.expunge(inbox.id, uids(1))
    store.clock.now += GRACE_S + 1
    assert await yard.collector.wanted()
    await yard.collector.run()
    assert await yard.keys() == {keys[1]}
    await store.metadata.expunge(inbox.id, None)
    store.clock.now += GRACE_S + 1
    await store.upkeep.put_job(JOB, b'{"rests_until_s": %d}' % (store.clock.now + 10))
    assert not await yard.collector.wanted()
    store.clock.now += 10
    assert await yard.collector.wanted()
