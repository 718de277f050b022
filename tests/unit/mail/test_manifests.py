"""Mailboxes in the body store: written once, then by their changes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from lightmail._core.index import UidSet
from lightmail.backends.memory import MemoryUpkeep
from lightmail.errors import Unavailable
from lightmail.mail import manifests
from lightmail.mail.manifests import ManifestWriter, covered, parts, telling
from lightmail.mail.manifests.lines import AccountLine, ExpungesLine, Head, MailboxLine, RowsLine, head_of, lines_of
from lightmail.mail.manifests.objects import manifests_of, new_store, read_head, read_text, write
from lightmail.mail.manifests.writer import StoreState, put_state
from lightmail.model import FlagOp, MailboxId, ModSeq
from tests.support.aio import run
from tests.unit.mail.house import House


class Told:
    """What the manifests of a store say together."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.accounts: dict[int, AccountLine] = {}
        self.mailboxes: dict[int, MailboxLine] = {}
        self.rows: dict[tuple[int, int], str] = {}
        self.keys: dict[int, str] = {}
        self.expunged: set[tuple[int, int, int]] = set()


async def told(house: House) -> Told:
    found = Told()
    state = await manifests.state_of(MemoryUpkeep(house._state))
    assert state is not None
    for manifest in await manifests_of(house._blobs, state.store):
        text = await read_text(house._blobs, manifest)
        head = head_of(text)
        assert head is not None
        assert head == await read_head(house._blobs, manifest)
        found.heads.append(head)
        for line in lines_of(text):
            match line:
                case AccountLine():
                    found.accounts[line.id] = line
                case MailboxLine():
                    found.mailboxes[line.id] = line
                case RowsLine():
                    found.rows |= {(line.mailbox, int(row.split()[0])): row for row in line.rows.splitlines()}
                    found.keys |= {place.id: place.key for place in line.bodies}
                case ExpungesLine():
                    found.expunged |= {(line.mailbox, each.first_uid, each.last_uid) for each in line.ranges}
    return found


def on_house(test: Callable[[House, ManifestWriter], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def in_house() -> None:
        async def body() -> None:
            house = await House.build()
            await test(house, writer_of(house))
            await house.close()

        run(body())

    in_house.__name__, in_house.__doc__ = test.__name__, test.__doc__
    return in_house


def writer_of(house: House) -> ManifestWriter:
    return ManifestWriter(
        metadata=house.metadata, upkeep=MemoryUpkeep(house._state), blobs=house.blobs, clock=house.clock
    )


async def same_as_database(house: House) -> None:
    """What is told is what there is."""
    found = await told(house)
    upkeep = MemoryUpkeep(house._state)
    for record in await upkeep.mailbox_records(MailboxId(0), 1000):
        mailbox = record.mailbox
        line = found.mailboxes[mailbox.id]
        assert (line.name, line.uid_validity, line.uid_next, line.modseq, tuple(line.keywords), line.acl) == (
            mailbox.name,
            mailbox.uid_validity,
            mailbox.uid_next,
            mailbox.highest_modseq,
            record.keywords,
            {identifier: rights.letters for identifier, rights in record.acl},
        )
        there = "".join((await house.raw_metadata.load(mailbox.id)).blocks).splitlines()
        gone = {uid for box, first, last in found.expunged if box == mailbox.id for uid in range(first, last + 1)}
        assert [row for (box, uid), row in sorted(found.rows.items()) if box == mailbox.id and uid not in gone] == there
        for row in there:
            assert int(row.split()[4]) in found.keys


@on_house
async def test_everything_once_then_what_changes(house: House, writer: ManifestWriter) -> None:
    inbox = await house.inbox(messages=3)
    first = await writer.write()
    assert (first.manifests, first.whole) == (1, True)
    await same_as_database(house)
    house.blobs.calls.clear()
    assert (await writer.write(now=True)).manifests == 0
    assert house.blobs.calls == []
    await house.mail.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Seen", "$Work"))
    await house.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Deleted",))
    await house.mail.expunge(inbox.id, None)
    archive = await house.mail.mailboxes.create(house.user.id, "Lists/2024")
    await house.mail.copy(inbox.id, UidSet([3]), archive.id)
    await house.append(archive, 1)
    second = await writer.write(now=True)
    assert (second.manifests, second.whole, second.deleted) == (1, False, 0)
    assert house.blobs.calls.count("put") == 2
    await same_as_database(house)
    assert [head.full != "" for head in (await told(house)).heads] == [True, False]


@on_house
async def test_what_changes_no_modseq_is_told_too(house: House, writer: ManifestWriter) -> None:
    await house.inbox(messages=1)
    await house.mail.mailboxes.create(house.user.id, "Work")
    await writer.write()
    await house.mail.mailboxes.rename(house.user.id, "Work", "Play")
    await house.mail.mailboxes.subscribe(house.user.id, "Play", True)
    assert (await writer.write(now=True)).manifests == 1
    found = await told(house)
    assert "Play" in {line.name for line in found.mailboxes.values()}
    assert "Play" in found.accounts[house.user.id].subscriptions
    await house.mail.mailboxes.delete(house.user.id, "Play")
    bob = await house.mail.accounts.create("bob@example.org", "hash")
    await writer.write(now=True)
    await house.mail.accounts.delete(bob)
    assert (await writer.write(now=True)).manifests == 1
    found = await told(house)
    assert found.accounts[bob.id].password_hash == "hash"
    assert found.heads[-1].accounts_gone == [bob.id]
    assert found.heads[-2].mailboxes_gone == [line.id for line in found.mailboxes.values() if line.name == "Play"]


@on_house
async def test_another_process_goes_on(house: House, writer: ManifestWriter) -> None:
    inbox = await house.inbox(messages=2)
    await writer.write()
    await house.append(inbox, 1)
    await writer.write(now=True)
    other = writer_of(house)
    assert (await other.write()).manifests == 0
    await house.append(inbox, 1)
    assert (await other.write(now=True)).manifests == 1
    assert len((await told(house)).heads) == 3
    await same_as_database(house)


@on_house
async def test_what_was_deleted_before_it_was_told(house: House, writer: ManifestWriter) -> None:
    inbox = await house.inbox(messages=1, flags=("\\Deleted",))
    await house.mail.expunge(inbox.id, None)
    await writer.write()
    objects = await house.objects()
    assert set((await told(house)).heads[0].dead) == {key for key in objects if not key.startswith("manifests/")}
    (other,) = await house.append(inbox, 1)
    await house.mail.set_flags(inbox.id, UidSet([other.uid]), FlagOp.ADD, ("\\Deleted",))
    await house.mail.expunge(inbox.id, None)
    await writer.write(now=True)
    new = set(await house.objects()) - set(objects)
    assert set((await told(house)).heads[-1].dead) == {key for key in new if not key.startswith("manifests/")}


@on_house
async def test_a_write_that_fails_is_made_up_for(house: House, writer: ManifestWriter) -> None:
    inbox = await house.inbox(messages=1)
    await writer.write()
    await house.append(inbox, 1)
    house.blobs.fail("put", Unavailable("the body store"))
    with pytest.raises(Unavailable):
        await writer.write(now=True)
    house.blobs.fail_no_more()
    assert (await writer.write(now=True)).manifests == 1
    await same_as_database(house)


@on_house
async def test_who_has_lost_the_lease_writes_nothing(house: House, writer: ManifestWriter) -> None:
    async def lost() -> bool:
        return False

    await house.inbox(messages=1)
    assert (await writer.write(holds=lost)).manifests == 0
    assert [key for key in await house.objects() if key.startswith("manifests/")] == []


def test_large_states_are_several_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_MOST_OCTETS", 600)
    monkeypatch.setattr(telling, "_ROWS_IN_LINE", 2)
    monkeypatch.setattr(covered, "_LEAST_WHOLE_OCTETS", 100_000)

    @on_house
    async def body(house: House, writer: ManifestWriter) -> None:
        inbox = await house.inbox(messages=30)
        done = await writer.write()
        assert done.manifests > 5
        await same_as_database(house)
        heads = (await told(house)).heads
        assert [head.part for head in heads] == list(range(len(heads)))
        assert [head.last for head in heads] == [False] * (len(heads) - 1) + [True]
        await house.append(inbox, 1)
        other = writer_of(house)
        assert (await other.write()).manifests == 1
        await same_as_database(house)

    body()


def test_many_small_manifests_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covered, "_MOST_SMALL", 3)
    monkeypatch.setattr(covered, "_LEAST_WHOLE_OCTETS", 1_000_000)

    @on_house
    async def body(house: House, writer: ManifestWriter) -> None:
        inbox = await house.inbox(messages=2)
        await writer.write()
        joined = 0
        for _ in range(10):
            await house.append(inbox, 1)
            joined += (await writer.write(now=True)).joined
        assert joined >= 8
        assert len((await told(house)).heads) < 6
        await same_as_database(house)
        assert (await writer_of(house).write()).manifests == 0

    body()


def test_changes_that_outgrow_the_whole_state_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covered, "_LEAST_WHOLE_OCTETS", 0)

    @on_house
    async def body(house: House, writer: ManifestWriter) -> None:
        inbox = await house.inbox(messages=1)
        await writer.write()
        wholes = 0
        for _ in range(10):
            await house.append(inbox, 1)
            done = await writer.write(now=True)
            if done.whole:
                wholes += 1
                assert done.deleted > 1
                assert len((await told(house)).heads) == 1
            await same_as_database(house)
        assert 1 <= wholes < 10

    body()


@on_house
async def test_a_whole_state_that_was_not_finished_is_begun_again(house: House, writer: ManifestWriter) -> None:
    inbox = await house.inbox(messages=3)
    await writer.write()
    whole = (await told(house)).heads[0]
    state = await manifests.state_of(MemoryUpkeep(house._state))
    assert state is not None
    (manifest,) = await manifests_of(house._blobs, state.store)
    await house._blobs.delete([manifest.key])
    await write(house._blobs, msgspec.structs.replace(whole, last=False), [])
    await house.append(inbox, 1)
    done = await writer_of(house).write()
    assert (done.whole, done.deleted) == (True, 1)
    await same_as_database(house)


@on_house
async def test_a_database_that_has_gone_back_begins_anew_beside_what_is_told(
    house: House, writer: ManifestWriter
) -> None:
    """It was restored from a copy: what came since then is in the manifests alone."""
    inbox = await house.inbox(messages=2)
    await writer.write()
    upkeep = MemoryUpkeep(house._state)
    before = await manifests.state_of(upkeep)
    assert before is not None and not await manifests.is_behind(upkeep, house._blobs)
    house._state.mailboxes[inbox.id].highest_modseq = ModSeq(1)
    assert await manifests.is_behind(upkeep, house._blobs)
    done = await writer.write(now=True)
    assert (done.whole, done.deleted) == (True, 0)
    after = await manifests.state_of(upkeep)
    assert after is not None
    assert {each.name for each in await manifests.stores_seen(house._blobs)} == {before.store, after.store}
    assert before.store != after.store and not await manifests.is_behind(upkeep, house._blobs)
    await house.append(inbox, 1)
    assert (await writer.write(now=True)).manifests == 1


@on_house
async def test_manifests_of_another_database_are_left_alone(house: House, writer: ManifestWriter) -> None:
    await house.inbox(messages=1)
    await writer.write()
    fresh = House(house.config)
    fresh._blobs, fresh.blobs = house._blobs, house.blobs
    fresh.user = await fresh.mail.accounts.create("new@example.org", "")
    await writer_of(fresh).write()
    assert len(await manifests.stores_seen(house._blobs)) == 2
    await same_as_database(house)
    await fresh.close()


@on_house
async def test_a_sealed_store_is_left_alone(house: House, writer: ManifestWriter) -> None:
    await house.inbox(messages=1)
    upkeep = MemoryUpkeep(house._state)
    await upkeep.seal("moved to elsewhere")
    assert (await writer.write()).manifests == 0
    await upkeep.unseal()
    assert (await writer.write(now=True)).manifests == 1


@on_house
async def test_manifests_of_a_database_that_moved_here_go_when_there_are_new_ones(
    house: House, writer: ManifestWriter
) -> None:
    await house.inbox(messages=1)
    await writer.write()
    upkeep = MemoryUpkeep(house._state)
    before = await manifests.state_of(upkeep)
    assert before is not None
    await put_state(upkeep, StoreState(new_store(), follows=before.store))
    done = await writer.write(now=True)
    assert (done.whole, done.deleted) == (True, 1)
    after = await manifests.state_of(upkeep)
    assert after is not None
    assert [each.name for each in await manifests.stores_seen(house._blobs)] == [after.store]
    assert after.follows == ""
    await same_as_database(house)
