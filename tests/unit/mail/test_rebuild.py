"""A database made anew from the body store."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lightmail._core.frames import Keyring
from lightmail._core.index import UidSet
from lightmail.backends.memory import MemoryState, MemoryUpkeep
from lightmail.errors import KeyUnusable, StoreNotEmpty, StoreSealed, Unavailable, UserError
from lightmail.mail.about import delivered_to, put_into
from lightmail.mail.manifests import ManifestWriter, covered, parts, state_of, telling
from lightmail.mail.manifests.objects import manifests_of
from lightmail.mail.rebuild import plan
from lightmail.mail.rebuild.rebuilder import Rebuilder
from lightmail.mail.rebuild.report import Guessed, RebuildReport
from lightmail.model import FlagOp, Mailbox, MailboxId, MailboxRecord, ModSeq, User, UserId
from tests.support.aio import run
from tests.unit.mail.house import House, message_octets

View = dict[tuple[str, str], tuple[int, dict[int, tuple[frozenset[str], bytes, int, int]]]]
"""(account, mailbox) → UIDVALIDITY, UID → flags, octets, INTERNALDATE, its zone."""


@pytest.fixture(autouse=True)
def _near(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in memory keeps each expunged UID by itself."""
    monkeypatch.setattr(plan, "UID_DISTANCE", 1_000)


async def view(house: House) -> View:
    found: View = {}
    for user in await house.directory.list_users():
        for mailbox in await house.raw_metadata.list_mailboxes(user.id):
            if not mailbox.selectable:
                found[user.address, mailbox.name] = (mailbox.uid_validity, {})
                continue
            live = await house.mail.open(mailbox.id)
            snapshot = live.snapshot
            messages = {}
            for row in snapshot.rows(snapshot.uids()):
                octets = await house.mail.bodies.read(row.body_id, 0, row.size)
                assert len(octets) == row.size
                flags = frozenset(snapshot.flags_of(row.uid))
                messages[row.uid] = (flags, octets, row.internaldate, row.internaldate_zone)
            live.release()
            found[user.address, mailbox.name] = (mailbox.uid_validity, messages)
    return found


def empty_beside(house: House) -> House:
    """Another database, the same bodies."""
    like = SimpleNamespace(_state=MemoryState(house.clock), _blobs=house._blobs)
    return House(house.config, like=cast(House, like))


def upkeep_of(house: House) -> MemoryUpkeep:
    return MemoryUpkeep(house._state)


async def write_manifests(house: House) -> str:
    """The name of the store."""
    writer = ManifestWriter(metadata=house.metadata, upkeep=upkeep_of(house), blobs=house.blobs, clock=house.clock)
    await writer.write()
    state = await state_of(upkeep_of(house))
    assert state is not None
    return state.store


async def rebuild(house: House, store: str, **options: Any) -> RebuildReport:
    with ThreadPoolExecutor(2) as workers:
        return await Rebuilder(
            upkeep=upkeep_of(house), blobs=house.blobs, clock=house.clock, config=house.config, workers=workers
        ).run(store, **options)


async def rebuilt(house: House, store: str, **options: Any) -> tuple[House, RebuildReport]:
    fresh = empty_beside(house)
    return fresh, await rebuild(fresh, store, **options)


async def filled(house: House) -> None:
    """Two accounts with all sorts of things."""
    bob = await house.mail.accounts.create("bob@example.org", "{PLAIN}secret")
    inbox = await house.inbox(messages=6)
    await house.append(inbox, 1, octets=900_000)
    await house.mail.set_flags(inbox.id, UidSet([2, 3]), FlagOp.ADD, ("\\Seen", "$Work"))
    await house.mail.set_flags(inbox.id, UidSet([3]), FlagOp.ADD, ("later",))
    work = await house.mail.mailboxes.create(house.user.id, "Work/2024")
    await house.mail.copy(inbox.id, UidSet([2, 3, 4]), work.id)
    await house.mail.move(inbox.id, UidSet([5]), work.id)
    await house.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Deleted",))
    await house.mail.expunge(inbox.id, None)
    await house.mail.mailboxes.rename(house.user.id, "Work", "Entwürfe")
    await house.mail.mailboxes.create(house.user.id, "Gone")
    await house.mail.mailboxes.delete(house.user.id, "Gone")
    theirs = await house.mail.mailboxes.get(bob.id, "INBOX")
    body = await house.store(message_octets(77))
    await house.mail.append([house.message(inbox, body), house.message(theirs, body, flags=("\\Flagged",))])


def on_house(test: Callable[[House], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def in_house() -> None:
        async def body() -> None:
            house = await House.build()
            await test(house)
            await house.close()

        run(body())

    in_house.__name__, in_house.__doc__ = test.__name__, test.__doc__
    return in_house


@on_house
async def test_everything_that_manifests_have_comes_back(house: House) -> None:
    await filled(house)
    store = await write_manifests(house)
    before = await view(house)
    fresh, report = await rebuilt(house, store)
    assert await view(fresh) == before
    assert report.whole
    assert (report.guessed, report.new_accounts, report.new_mailboxes) == ([], [], [])
    assert report.messages == sum(len(messages) for _, messages in before.values()) == 11
    assert report.bodies == 7
    accounts = await upkeep_of(house).account_records(UserId(0), 10)
    assert await upkeep_of(fresh).account_records(UserId(0), 10) == accounts
    assert await properties(fresh) == await properties(house)
    assert await upkeep_of(fresh).sealed() is None
    await sound(fresh)
    await fresh.close()


@on_house
async def test_a_new_message_has_a_new_uid_and_clients_hear_of_changes(house: House) -> None:
    await filled(house)
    store = await write_manifests(house)
    inbox = await house.inbox()
    before = (await house.raw_metadata.load(inbox.id)).highest_modseq
    # What clients have seen, and no manifest tells.
    lost = await house.append(inbox, 3)
    await house.mail.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Answered",))
    await house._blobs.delete([key for key in await house.objects() if await _newest(house, key, lost[0].body_id)])
    seen = await house.raw_metadata.load(inbox.id)
    fresh, report = await rebuilt(house, store)
    (appended,) = await fresh.append(await again(fresh, inbox), 1)
    assert appended.uid >= seen.uid_next
    delta = await fresh.raw_metadata.changes_since(inbox.id, seen.highest_modseq)
    assert set(uids_of(delta.rows)) == set(uids_of((await fresh.raw_metadata.load(inbox.id)).blocks))
    assert {each.uid for each in lost} <= set(delta.expunged)
    # Who was away for longer hears of what went before, too.
    assert 1 in (await fresh.raw_metadata.changes_since(inbox.id, ModSeq(1))).expunged
    assert before < seen.highest_modseq < delta.highest_modseq
    assert report.whole
    await fresh.close()


@on_house
async def test_messages_that_came_later_are_placed_by_what_their_objects_say(house: House) -> None:
    await filled(house)
    house.clock.now += 10_000
    store = await write_manifests(house)
    covered = await view(house)
    told = await house.raw_metadata.list_mailboxes(house.user.id)
    house.clock.now += 60
    inbox = await house.inbox()
    bob = await house.directory.get_user("bob@example.org")
    drafts = next(box for box in told if box.name == "Entwürfe/2024")
    await stored(
        house, put_into(drafts, "ann@example.org", internaldate=1_000_000_123, zone=120, flags=["\\Draft", "$x"])
    )
    await stored(house, put_into(inbox, "ann@example.org", internaldate=None))
    await stored(house, delivered_to(["ann@example.org", bob.address], internaldate=1_000_000_777))
    await stored(house, {"account": "new@example.org", "mailbox": "Lists/rust", "uid-validity": "1999999999"})
    await stored(house, {"account": "bob@example.org", "mailbox": "Fresh", "internaldate": "nonsense"})
    await house.mail.mailboxes.delete(house.user.id, "Entwürfe/2024")
    fresh, report = await rebuilt(house, store)
    after = await view(fresh)
    assert report.whole
    assert set(report.guessed) == {
        Guessed("ann@example.org", "Entwürfe/2024", 1),
        Guessed("ann@example.org", "INBOX", 2),
        Guessed("bob@example.org", "INBOX", 1),
        Guessed("bob@example.org", "Fresh", 1),
        Guessed("new@example.org", "Lists/rust", 1),
    }
    assert report.new_accounts == ["new@example.org"]
    assert set(report.new_mailboxes) == {
        ("bob@example.org", "Fresh"),
        ("new@example.org", "INBOX"),
        ("new@example.org", "Lists"),
        ("new@example.org", "Lists/rust"),
    }
    for place, (uid_validity, messages) in covered.items():
        assert after[place][0] == uid_validity
        assert messages.items() <= after[place][1].items()
        others = after[place][1].keys() - messages.keys()
        mailbox = next(box for box in await all_mailboxes(house, fresh) if (box[0], box[1].name) == place)[1]
        assert all(uid > mailbox.uid_next - 1_000 for uid in others)
    (draft,) = (m for m in after["ann@example.org", "Entwürfe/2024"][1].values() if "\\Draft" in m[0])
    assert (draft[0], draft[2], draft[3]) == (frozenset({"\\Draft", "$x"}), 1_000_000_123, 120)
    assert after["new@example.org", "Lists/rust"][0] > 1_999_999_999
    assert (await fresh.directory.get_user("new@example.org")).password_hash == ""
    await sound(fresh)
    await fresh.close()


@on_house
async def test_what_was_deleted_stays_deleted(house: House) -> None:
    await filled(house)
    bob = await house.directory.get_user("bob@example.org")
    inbox = await house.inbox()
    (message,) = await house.append(inbox, 1)
    await write_manifests(house)
    await house.mail.set_flags(inbox.id, UidSet([message.uid]), FlagOp.ADD, ("\\Deleted",))
    await house.mail.expunge(inbox.id, None)
    await house.mail.accounts.delete(bob)
    store = await write_manifests(house)
    before = await view(house)
    # Its object is as young as the last manifest, and says whose it was.
    await stored(house, put_into(inbox, "bob@example.org", internaldate=None))
    fresh, report = await rebuilt(house, store)
    assert await view(fresh) == before
    assert report.guessed == []
    await fresh.close()


@on_house
async def test_without_manifests_what_objects_say_is_all_there_is(house: House) -> None:
    inbox = await house.inbox()
    work = await house.mail.mailboxes.create(house.user.id, "Work")
    for number in range(1, 6):
        about = put_into(work if number % 2 else inbox, "ann@example.org", internaldate=1_000_000_000 - number)
        await stored(house, about, number)
    octets = b"Return-Path: <>\r\nDelivered-To: cid@example.org\r\n" + message_octets(9)
    await house.store(octets)
    await house.store(b"Delivered-To: eve@example.org\r\n" + message_octets(10))
    fresh, report = await rebuilt(house, "")
    after = await view(fresh)
    assert sorted(report.new_accounts) == ["ann@example.org", "cid@example.org"]
    assert [octets for _, octets, *_ in after["ann@example.org", "Work"][1].values()] == [
        message_octets(number) for number in (5, 3, 1)
    ]
    assert after["ann@example.org", "Work"][0] > work.uid_validity
    assert [message[1] for message in after["cid@example.org", "INBOX"][1].values()] == [octets]
    assert (report.unplaced_objects, report.whole) == (1, False)
    await fresh.close()
    fresh, report = await rebuilt(house, "", unplaced_to="postmaster@example.org")
    recovered = (await view(fresh))["postmaster@example.org", "Recovered"][1]
    assert [message[1] for message in recovered.values()] == [b"Delivered-To: eve@example.org\r\n" + message_octets(10)]
    assert report.whole
    await sound(fresh)
    await fresh.close()


@on_house
async def test_messages_whose_object_is_gone_or_damaged_are_told(house: House) -> None:
    await filled(house)
    store = await write_manifests(house)
    before = await view(house)
    inbox = await house.inbox()
    rows = {
        row.split()[0]: int(row.split()[4]) for row in (await house.raw_metadata.load(inbox.id)).blocks[0].splitlines()
    }
    places = {place.body_id: place for place in await house.raw_metadata.body_locations(list(rows.values()))}  # type: ignore[arg-type]
    await house._blobs.delete([places[rows["2"]].object_key])  # type: ignore[index]
    damaged = house._blobs._objects[places[rows["6"]].object_key]  # type: ignore[index]
    house._blobs._objects[places[rows["6"]].object_key] = damaged[:-30] + bytes(30)  # type: ignore[index]
    _, report = await rebuilt(house, store, dry_run=True)
    assert {(lost.mailbox, lost.uid) for lost in report.lost} == {("INBOX", 2), ("Entwürfe/2024", 1)}
    fresh, report = await rebuilt(house, store)
    assert {(lost.mailbox, lost.uid) for lost in report.lost} == {("INBOX", 2), ("Entwürfe/2024", 1), ("INBOX", 6)}
    assert not report.whole
    del before["ann@example.org", "INBOX"][1][2]
    del before["ann@example.org", "INBOX"][1][6]
    del before["ann@example.org", "Entwürfe/2024"][1][1]
    assert await view(fresh) == before
    delta = await fresh.raw_metadata.changes_since(inbox.id, ModSeq(5))
    assert {2, 6} <= set(delta.expunged)
    await sound(fresh)
    await fresh.close()


@on_house
async def test_a_dry_run_changes_nothing(house: House) -> None:
    await filled(house)
    store = await write_manifests(house)
    objects = await house.objects()
    fresh, report = await rebuilt(house, store, dry_run=True)
    assert (report.messages, report.accounts, report.whole) == (11, 2, True)
    assert await view(fresh) == {}
    assert await upkeep_of(fresh).sealed() is None
    assert await house.objects() == objects
    await fresh.close()


@on_house
async def test_a_database_that_holds_something_is_left_alone(house: House) -> None:
    await filled(house)
    store = await write_manifests(house)
    before = await view(house)
    with pytest.raises(StoreNotEmpty):
        await rebuild(house, store)
    assert await view(house) == before
    assert await upkeep_of(house).sealed() is None
    fresh = empty_beside(house)
    await upkeep_of(fresh).seal("moved to elsewhere")
    with pytest.raises(StoreSealed):
        await rebuild(fresh, store)
    assert await upkeep_of(fresh).sealed() == "moved to elsewhere"
    await fresh.close()


@on_house
async def test_who_was_interrupted_begins_again(house: House) -> None:
    await filled(house)
    store = await write_manifests(house)
    await stored(house, put_into(await house.inbox(), "ann@example.org", internaldate=None, flags=["\\Seen"]))
    fresh = empty_beside(house)
    for passing in range(1, 9):
        left = iter(range(passing))

        def read(*_range: object, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Unavailable("the body store")

        fresh.blobs.on("read", read)
        with pytest.raises(Unavailable):
            await rebuild(fresh, store)
        with pytest.raises(StoreSealed):
            await fresh.mail.accounts.create("cid@example.org", "")
    fresh.blobs.on("read", lambda *_range: None)
    report = await rebuild(fresh, store)
    other, once = await rebuilt(house, store)
    assert await view(fresh) == await view(other)
    assert (report.messages, report.guessed) == (once.messages, once.guessed)
    await sound(fresh)
    await other.close()
    await fresh.close()


@on_house
async def test_manifests_go_on_after_rebuilding(house: House) -> None:
    await filled(house)
    store = await write_manifests(house)
    fresh, _ = await rebuilt(house, store)
    await fresh.append(await again(fresh, await house.inbox()), 1)
    assert await write_manifests(fresh) == store
    assert len(await manifests_of(house._blobs, store)) == 1
    before = await view(fresh)
    third, report = await rebuilt(fresh, store)
    assert await view(third) == before
    assert report.guessed == []
    await fresh.close()
    await third.close()


def test_a_mailbox_whose_uids_come_to_their_end_gets_another_uidvalidity(monkeypatch: pytest.MonkeyPatch) -> None:
    @on_house
    async def body(house: House) -> None:
        inbox = await house.inbox(messages=2)
        house._state.mailboxes[inbox.id].uid_next = 2**32 - 1_000
        store = await write_manifests(house)
        fresh, _ = await rebuilt(house, store)
        mailbox = await again(fresh, inbox)
        assert mailbox.uid_validity > inbox.uid_validity
        assert mailbox.uid_next == 2**32 - 1_000
        assert len((await view(fresh))["ann@example.org", "INBOX"][1]) == 2
        await fresh.close()

    body()


# ---- helpers


async def properties(house: House) -> list[MailboxRecord]:
    """Of mailboxes, without what rebuilding raises."""
    records = await upkeep_of(house).mailbox_records(MailboxId(0), 1_000)
    return [
        dataclasses.replace(each, mailbox=dataclasses.replace(each.mailbox, uid_next=0, highest_modseq=ModSeq(0)))
        for each in records
    ]


async def stored(house: House, about: dict[str, str], number: int = 1) -> None:
    """A body that no row names."""
    incoming = house.mail.bodies.receive(about=about)
    await incoming.write(message_octets(number))
    await incoming.finish()


async def again(house: House, mailbox: Mailbox) -> Mailbox:
    mailboxes = await house.raw_metadata.list_mailboxes(mailbox.user_id)
    return next(each for each in mailboxes if each.id == mailbox.id)


async def all_mailboxes(*houses: House) -> list[tuple[str, Mailbox]]:
    return [
        (user.address, mailbox)
        for house in houses[-1:]
        for user in await house.directory.list_users()
        for mailbox in await house.raw_metadata.list_mailboxes(user.id)
    ]


async def _newest(house: House, key: str, first: int) -> bool:
    """Whether it is the object of a body from this one on."""
    return any(body.record.object_key == key for body_id, body in house._state.bodies.items() if body_id >= first)


def uids_of(blocks: Any) -> list[int]:
    return [int(row.split()[0]) for block in blocks for row in block.splitlines()]


async def sound(house: House) -> None:
    """Counters and references are what messages come to."""
    upkeep = upkeep_of(house)
    for count in await upkeep.mailbox_counts(MailboxId(0), 1_000):
        mailbox, counted = count.mailbox, count.counted
        assert (mailbox.messages, mailbox.unseen, mailbox.size_octets) == (
            counted.messages,
            counted.unseen,
            counted.size_octets,
        )
        assert (counted.reused_uids, counted.bodiless, counted.missized) == (0, 0, 0)
        assert counted.highest_uid < mailbox.uid_next
        assert counted.highest_modseq <= mailbox.highest_modseq
    for body in await upkeep.body_counts(cast(Any, 0), 1_000):
        assert body.references == body.counted


# ---- anything, in any order


class Life:
    """Random work on a store, with manifests written by one process or another now and then."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.dice = random.Random(seed)
        self.writers = [
            ManifestWriter(metadata=house.metadata, upkeep=upkeep_of(house), blobs=house.blobs, clock=house.clock)
            for _ in range(3)
        ]
        self._numbers = iter(range(1, 10_000))

    async def step(self) -> None:
        work = self.dice.choice(
            [self._append] * 4
            + [self._flags] * 4
            + [self._expunge, self._copy, self._move, self._create, self._rename, self._delete, self._subscribe]
            + [self._account, self._write, self._write, self._two_write]
        )
        with contextlib.suppress(UserError):  # no such mailbox, there is one already, …
            await work()

    async def _box(self) -> tuple[User, Mailbox]:
        user = self.dice.choice(await self.house.directory.list_users())
        return user, self.dice.choice(await self.house.mail.mailboxes.list(user.id))

    async def _append(self) -> None:
        _, box = await self._box()
        if box.selectable:
            await self.house.append(box, self.dice.randrange(1, 4), flags=self._some_flags())

    async def _flags(self) -> None:
        _, box = await self._box()
        op = self.dice.choice(list(FlagOp))
        await self.house.mail.set_flags(box.id, self._some_uids(box), op, self._some_flags())

    async def _expunge(self) -> None:
        _, box = await self._box()
        await self.house.mail.set_flags(box.id, self._some_uids(box), FlagOp.ADD, ("\\Deleted",))
        await self.house.mail.expunge(box.id, None)

    async def _copy(self) -> None:
        (_, source), (_, target) = await self._box(), await self._box()
        if target.selectable:
            await self.house.mail.copy(source.id, self._some_uids(source), target.id)

    async def _move(self) -> None:
        user, source = await self._box()
        target = self.dice.choice(await self.house.mail.mailboxes.list(user.id))
        if target.selectable:
            await self.house.mail.move(source.id, self._some_uids(source), target.id)

    async def _create(self) -> None:
        user, _ = await self._box()
        await self.house.mail.mailboxes.create(user.id, self._some_name())

    async def _rename(self) -> None:
        user, box = await self._box()
        await self.house.mail.mailboxes.rename(user.id, box.name, self._some_name())

    async def _delete(self) -> None:
        user, box = await self._box()
        await self.house.mail.mailboxes.delete(user.id, box.name)

    async def _subscribe(self) -> None:
        user, _ = await self._box()
        await self.house.mail.mailboxes.subscribe(user.id, self._some_name(), self.dice.random() < 0.5)

    async def _account(self) -> None:
        address = f"u{self.dice.randrange(3)}@example.org"
        try:
            await self.house.mail.accounts.create(address, "hash")
        except UserError:
            await self.house.mail.accounts.delete(await self.house.directory.get_user(address))

    async def _write(self) -> None:
        await self.dice.choice(self.writers).write(now=True)

    async def _two_write(self) -> None:
        """One is still at it when another begins."""
        first, second = self.dice.sample(self.writers, 2)
        self.house.blobs.hold("put")
        slow = asyncio.ensure_future(first.write(now=True))
        reached = asyncio.ensure_future(self.house.blobs.reached("put"))
        await asyncio.wait((slow, reached), return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        gate = self.house.blobs._gates.pop("put")[0]
        if not slow.done():
            await self._flags()
            await second.write(now=True)
        gate.set()
        await slow

    def _some_flags(self) -> tuple[str, ...]:
        return tuple(self.dice.sample(("\\Seen", "\\Flagged", "\\Answered", "a", "b", "c"), self.dice.randrange(1, 4)))

    def _some_uids(self, box: Mailbox) -> UidSet:
        return UidSet(self.dice.sample(range(1, box.uid_next + 1), min(box.uid_next, self.dice.randrange(1, 5))))

    def _some_name(self) -> str:
        return self.dice.choice(("A", "B", "A/B", "A/B/C", "Ü", "D/E"))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small manifests, whole states in several parts, written by who comes first: the last of them tells it all."""
    monkeypatch.setattr(parts, "_MOST_OCTETS", 1_500)
    monkeypatch.setattr(covered, "_MOST_SMALL", 4)
    monkeypatch.setattr(covered, "_LEAST_WHOLE_OCTETS", 3_000)
    monkeypatch.setattr(telling, "_ROWS_IN_LINE", 3)

    @on_house
    async def body(house: House) -> None:
        life = Life(house, seed)
        for _ in range(8):
            for _ in range(15):
                await life.step()
            store = await write_manifests(house)
            fresh, report = await rebuilt(house, store)
            assert report.whole
            assert (report.guessed, report.new_accounts, report.new_mailboxes) == ([], [], [])
            assert await view(fresh) == await view(house)
            assert await properties(fresh) == await properties(house)
            accounts = await upkeep_of(house).account_records(UserId(0), 10)
            assert await upkeep_of(fresh).account_records(UserId(0), 10) == accounts
            await sound(fresh)
            await fresh.close()

    body()


def test_what_is_encrypted_is_rebuilt_with_its_key_and_not_without() -> None:
    async def scenario() -> None:
        house = await House.build(keyring=Keyring({"k": b"k" * 32}, "k"))
        await filled(house)
        store = await write_manifests(house)
        fresh, report = await rebuilt(house, store)
        assert report.whole and await view(fresh) == await view(house)
        house._blobs.keyring = Keyring({})
        with pytest.raises(KeyUnusable):
            await rebuilt(house, store)
        await house.close()

    run(scenario())
