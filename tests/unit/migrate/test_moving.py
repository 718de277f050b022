"""A mail store moves between two memory backends: while it changes, killed at every call, refused where it must be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lightmail.backends.memory import MemoryBlobs, MemoryDirectory, MemoryMetadata, MemoryState, MemoryUpkeep
from lightmail.errors import MigrationFailed, MigrationRefused, StoreSealed, Unavailable
from lightmail.mail.manifests import ManifestWriter, stores_seen
from lightmail.migrate.moving import mover as moving
from lightmail.model import INBOX, MailboxId, NewMessage
from tests.support.aio import run
from tests.support.backends import HandClock, Ports
from tests.support.busy import Busy, Watched, equal, move, moved, with_ports
from tests.support.whole import everything


def store(seed: int = 1) -> Busy:
    state = MemoryState(HandClock())
    return Busy(Ports(MemoryMetadata(state), MemoryDirectory(state), MemoryUpkeep(state), None), MemoryBlobs(), seed)


def test_everything_is_moved() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(400)
        report = await moved(source, target, thoroughness="full")
        await equal(source, target)
        state = await everything(source.ports)
        assert report.switched and report.sealed_s is not None
        assert report.accounts == len(state["accounts"])
        assert report.mailboxes == len(state["mailboxes"])
        assert report.messages == sum(len(rows) for *_, rows in state["messages"].values()) > 50
        assert report.bodies_copied == len(state["bodies"])
        assert report.bodies_read_back == len(state["bodies"])

    run(test())


def test_ids_and_uids_go_on_where_they_were() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(100)
        (ann, *_) = await source.ports.directory.list_users()
        inbox = await source.ports.metadata.get_mailbox(ann.id, INBOX)
        await moved(source, target)
        made = await target.ports.metadata.create_mailbox(ann.id, "new")
        assert made.id > max(box.id for box, *_ in (await everything(source.ports))["mailboxes"])
        appended, _ = await target.ports.metadata.append([await _message(target, inbox.id)])
        assert appended[0].uid == inbox.uid_next
        with pytest.raises(StoreSealed):
            await source.ports.metadata.append([await _message(source, inbox.id)])

    run(test())


@pytest.mark.parametrize("seed", range(1, 13))
def test_the_source_changes_all_the_time(seed: int) -> None:
    """A step between any two questions; what is refused comes after the seal, what is not refused arrives."""

    async def test() -> None:
        source, target = store(seed), store(seed + 1000)
        await source.fill(60)
        refused = 0

        async def change() -> None:
            nonlocal refused
            try:
                await source.step()
            except StoreSealed:
                refused += 1

        done = source.steps
        await move(
            with_ports(source.side("the source"), lambda port: Watched(port, change)),
            target.side("the target"),
            target,
        )
        await equal(source, target)
        assert source.steps > done and refused

    run(test())


@pytest.mark.parametrize(("when", "seed"), [("before", 1), ("after", 2)])
def test_killed_at_every_call_and_run_again(when: str, seed: int) -> None:
    """Of every port of both sides; meanwhile, where it is not sealed, the source goes on changing."""

    async def test() -> int:
        at, calls = 0, 0
        while not at or at <= calls:
            at += 1
            source, target = store(seed), store(seed + 1000)
            await source.fill(40)
            fate = _Fate(at, when)
            sides = [
                with_ports(busy.side(name), fate.of) for busy, name in ((source, "the source"), (target, "the target"))
            ]
            try:
                await move(sides[0], sides[1], target)
            except _KilledError:
                calls = fate.calls
                # Nobody has tidied up, and the store is in use.
                for _ in range(5):
                    try:
                        await source.step()
                    except StoreSealed:
                        break
                await moved(source, target)
            else:
                calls = 0
            await equal(source, target)
        return at

    assert run(test()) > 40


# ---- where it stops


def test_without_the_switch_both_stay_what_they_are_and_a_later_run_ends_it() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(60)
        report = await moved(source, target, switch=False)
        assert not report.switched and report.sealed_s is None
        assert report.messages == sum(len(rows) for *_, rows in (await everything(source.ports))["messages"].values())
        assert await source.ports.upkeep.sealed() is None
        assert await target.ports.upkeep.sealed() == "being filled from the source"
        for _ in range(100):
            await source.step()
        again = await moved(source, target)
        assert again.bodies_copied < 100
        await equal(source, target)

    run(test())


def test_manifests_of_the_source_go_where_both_keep_their_bodies_in_one_place() -> None:
    """Not before there are those of the target; otherwise the target would take their mail for somebody else's."""

    async def test() -> None:
        source, target = store(), store(2)
        target.blobs = source.blobs
        await source.fill(60)
        clock = HandClock()
        writers = [
            ManifestWriter(metadata=side.ports.metadata, upkeep=side.ports.upkeep, blobs=side.blobs, clock=clock)
            for side in (source, target)
        ]
        await writers[0].write()
        (before,) = await stores_seen(source.blobs)
        await moved(source, target, shared=True)
        assert await stores_seen(source.blobs) == [before]
        assert (await writers[0].write(now=True)).manifests == 0
        assert (await writers[1].write()).whole
        (after,) = await stores_seen(target.blobs)
        assert after.name != before.name

    run(test())


def test_run_again_after_the_end_it_changes_nothing() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(30)
        await moved(source, target)
        (ann, *_) = await target.ports.directory.list_users()
        inbox = await target.ports.metadata.get_mailbox(ann.id, INBOX)
        await target.ports.metadata.append([await _message(target, inbox.id)])
        after = await everything(target.ports)
        report = await moved(source, target)
        assert report.switched and report.sealed_s is None
        assert report.accounts == len(after["accounts"]) and report.mailboxes == len(after["mailboxes"])
        assert await everything(target.ports) == after

    run(test())


def test_a_target_that_holds_mail_is_refused_unless_it_is_to_be_replaced() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(60)
        await target.fill(60)
        await target.blobs.put("manifests/of/another", b"mail that is not there any more")
        await target.ports.upkeep.put_job("manifests", b"{}")
        before = await everything(target.ports)
        with pytest.raises(MigrationRefused, match="--replace removes it first"):
            await moved(source, target)
        assert await everything(target.ports) == before
        assert await target.ports.upkeep.sealed() is None
        await moved(source, target, clear=True)
        await equal(source, target)
        assert await target.ports.upkeep.get_job("manifests") is None
        keys = {each.key async for each in target.blobs.objects()}
        assert keys == {record.object_key for _, record, _ in (await everything(source.ports))["bodies"]}

    run(test())


def test_there_and_back_again_copies_no_body_twice() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(120)
        there = await moved(source, target)
        for _ in range(30):
            await target.step()
        with pytest.raises(MigrationRefused):
            await moved(target, source)
        back = await move(target.side("the source"), source.side("the target"), source, clear=True)
        await equal(target, source)
        assert back.bodies_kept > 10
        assert back.bodies_copied < there.bodies_copied

    run(test())


def test_emptying_that_was_interrupted_is_gone_on_with() -> None:
    async def test() -> None:
        at, killed = 0, True
        while killed:
            at += 1
            source, target = store(3), store(4)
            await source.fill(20)
            await target.fill(20)
            fate = _Fate(at, "after")
            try:
                await move(
                    source.side("the source"), with_ports(target.side("the target"), fate.of), target, clear=True
                )
                killed = False
            except _KilledError:
                # Whether it had been begun or not: the operator says the same again.
                await moved(source, target, clear=True)
            await equal(source, target)
        assert at > 20

    run(test())


def test_reopened_after_the_switch_neither_is_overwritten() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(30)
        await moved(source, target)
        with pytest.raises(MigrationRefused, match="takes no writes any more"):
            await moved(source, store(3))
        await source.ports.upkeep.unseal()
        before = await everything(target.ports)
        with pytest.raises(MigrationRefused, match="has been reopened"):
            await moved(source, target)
        assert await everything(target.ports) == before

    run(test())


@pytest.mark.parametrize("state", [b'{"version":9,"source":"","phase":"done","started_s":1}', b"{}", b"\xff"])
def test_a_migration_of_another_release_is_left_alone(state: bytes) -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(5)
        await target.ports.upkeep.put_job("migrate", state)
        with pytest.raises(MigrationRefused, match="another release"):
            await moved(source, target, clear=True)

    run(test())


def test_a_store_is_not_moved_into_itself() -> None:
    async def test() -> None:
        source = store()
        await source.fill(10)
        with pytest.raises(MigrationRefused, match="same mail store"):
            await moved(source, source, clear=True)

    run(test())


def test_one_migration_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "LEASE_S", 0)

    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(5)
        assert await target.ports.upkeep.take_lease(moving.LEASE, "somebody else", seconds=60)
        with pytest.raises(MigrationRefused, match="another migration"):
            await moved(source, target)

    run(test())


# ---- what is noticed


async def _damaged(spoil: Callable[[Busy], Awaitable[None]], match: str, **options: Any) -> None:
    """The target is spoilt after it has been filled; the source takes writes as before."""
    source, target = store(), store(2)
    await source.fill(100)
    await moved(source, target, switch=False)
    await spoil(target)
    with pytest.raises(MigrationFailed, match=match):
        await moved(source, target, **options)
    assert await source.ports.upkeep.sealed() is None
    assert await target.ports.upkeep.sealed() is not None
    await source.step()


def test_a_flag_that_is_another_one() -> None:
    async def spoil(target: Busy) -> None:
        box = await _fullest(target)
        state = target.ports.metadata._state  # type: ignore[attr-defined]
        next(iter(state.mailboxes[box.id].messages.values())).flags ^= 1

    run(_damaged(spoil, "is not equal: 1 messages"))


def test_a_log_that_lacks_a_line() -> None:
    async def spoil(target: Busy) -> None:
        state = target.ports.metadata._state  # type: ignore[attr-defined]
        next(box for box in state.mailboxes.values() if box.expunges).expunges.pop()

    run(_damaged(spoil, "the expunge log"))


def test_octets_that_are_others() -> None:
    async def spoil(target: Busy) -> None:
        keys = [each.key async for each in target.blobs.objects()]
        one, other = keys[:2]
        await target.blobs.put(one, await target.blobs.read(other, 0, 100_000))

    run(_damaged(spoil, "octets|damaged", thoroughness="full"))


def test_an_object_that_is_missing() -> None:
    async def spoil(target: Busy) -> None:
        await target.blobs.delete([each.key async for each in target.blobs.objects()][:1])

    run(_damaged(spoil, "is missing"))


def test_a_reference_count_that_is_wrong() -> None:
    async def spoil(target: Busy) -> None:
        state = target.ports.metadata._state  # type: ignore[attr-defined]
        next(body for body in state.bodies.values() if body.references).references += 1

    run(_damaged(spoil, "messages name it"))


def test_a_source_that_is_damaged_is_not_switched() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(60)
        (record,) = [record for _, record, _ in (await everything(source.ports))["bodies"]][:1]
        await source.blobs.delete([record.object_key])
        with pytest.raises(MigrationFailed, match="the source is damaged: body"):
            await moved(source, target)
        assert await source.ports.upkeep.sealed() is None

    run(test())


def test_a_failure_after_the_seal_opens_the_source_again() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(30)

        async def fail() -> None:
            if await source.ports.upkeep.sealed():
                raise ValueError("anything")

        with pytest.raises(ValueError, match="anything"):
            await move(
                source.side("the source"), with_ports(target.side("the target"), lambda p: Watched(p, fail)), target
            )
        assert await source.ports.upkeep.sealed() is None
        await moved(source, target)
        await equal(source, target)

    run(test())


def test_an_operator_who_gives_up_after_the_seal_has_the_source_open_again() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(30)

        async def give_up() -> None:
            if await source.ports.upkeep.sealed():
                task.cancel()

        watched = with_ports(target.side("the target"), lambda port: Watched(port, give_up))
        task = asyncio.create_task(move(source.side("the source"), watched, target))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await source.ports.upkeep.sealed() is None
        for _ in range(5):
            await source.step()
        await moved(source, target)
        await equal(source, target)

    run(test())


def test_a_source_that_is_reopened_in_between_is_not_switched() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(30)

        async def reopen() -> None:
            if await source.ports.upkeep.sealed():
                await source.ports.upkeep.unseal()

        watched = with_ports(target.side("the target"), lambda port: Watched(port, reopen))
        with pytest.raises(MigrationFailed, match="reopened"):
            await move(source.side("the source"), watched, target)
        assert await target.ports.upkeep.sealed() is not None

    run(test())


def test_a_source_that_has_been_moved_elsewhere_meanwhile() -> None:
    async def test() -> None:
        source, target, other = store(), store(2), store(3)
        await source.fill(30)
        await moved(source, target, switch=False)
        await move(source.side("the source"), other.side("another"), other)
        with pytest.raises(MigrationRefused, match="moved to another"):
            await moved(source, target)
        assert await source.ports.upkeep.sealed() == "moved to another"

    run(test())


def test_backends_that_are_away_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightmail.migrate.moving.patience._FIRST_PAUSE_S", 0.0001)

    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(60)
        calls = 0

        async def now_and_then() -> None:
            nonlocal calls
            calls += await target.ports.upkeep.sealed() is not None
            if calls % 5 == 1:
                raise Unavailable("something")

        def wrap(port: object) -> object:
            # `apply` may have been done when the answer is lost.
            return Watched(port, now_and_then, after=True)

        await move(with_ports(source.side("the source"), wrap), with_ports(target.side("the target"), wrap), target)
        await equal(source, target)

    run(test())


def test_a_mailbox_of_many_messages_and_a_large_body() -> None:
    async def test() -> None:
        source, target = store(), store(2)
        await source.fill(0)
        (ann, *_) = await source.ports.directory.list_users()
        inbox = await source.ports.metadata.get_mailbox(ann.id, INBOX)
        await source.ports.metadata.append([await _message(source, inbox.id) for _ in range(1100)])
        await source.ports.metadata.append([await _message(source, inbox.id, 2_500_000)])
        report = await moved(source, target)
        assert report.bodies_copied == 1101
        await equal(source, target)

    run(test())


async def _fullest(busy: Busy) -> Any:
    state = await everything(busy.ports)
    return max((box for box, *_ in state["mailboxes"]), key=lambda box: box.messages)


async def _message(busy: Busy, mailbox_id: MailboxId, octets: int = 0) -> NewMessage:
    return NewMessage(mailbox_id, await busy.body(octets), (), 1, 0, 1)


class _KilledError(BaseException):
    """The process is gone."""


class _Fate:
    """The process ends at the call of this number; there are no later ones."""

    def __init__(self, at: int, when: str) -> None:
        self.calls = 0
        self._at = at
        self._when = when

    def of(self, port: object) -> object:
        return Watched(port, self.strike, after=self._when == "after")

    async def strike(self) -> None:
        self.calls += 1
        if self.calls >= self._at:
            self.calls = self._at
            raise _KilledError
