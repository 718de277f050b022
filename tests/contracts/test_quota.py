"""Quotas: what an account may have is kept with it, what it has is counted, and what does not fit is refused whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

import pytest

from lightmail._core.index import UidSet
from lightmail.errors import MailboxExists, OverQuota, UserNotFound
from lightmail.model import Mailbox, MailboxId, Quota, Usage, User, UserId
from tests.support.backends import Store, on_every_metadata_backend, uids


async def limit(store: Store, user: User | None = None, **limits: int) -> None:
    await store.directory.set_quota((user or store.user).id, Quota(**limits))


async def usage(store: Store, user: User | None = None) -> Usage:
    return (await store.metadata.quota((user or store.user).id))[1]


async def bobs(store: Store) -> tuple[User, Mailbox]:
    bob = await store.directory.add_user("bob@example.org", "")
    return bob, await store.metadata.create_mailbox(bob.id, "INBOX")


@on_every_metadata_backend
async def test_limits_are_kept_with_the_account(store: Store) -> None:
    assert store.user.quota == Quota() and not store.user.administrator
    made = await store.directory.add_user("bob@example.org", "", Quota(octets=2**40, messages=7))
    assert made == await store.directory.get_user("bob@example.org")
    assert made.quota == Quota(octets=2**40, messages=7)
    await limit(store, made, mailboxes=0)
    await store.directory.set_administrator(made.id, True)
    changed = await store.directory.get_user_by_id(made.id)
    assert (changed.quota, changed.administrator) == (Quota(mailboxes=0), True)
    await store.directory.set_administrator(made.id, False)
    assert not (await store.directory.resolve("bob@example.org")).administrator
    nobody = UserId(99)
    for question in (
        store.directory.set_quota(nobody, Quota()),
        store.directory.set_administrator(nobody, True),
        store.metadata.quota(nobody),
    ):
        with pytest.raises(UserNotFound):
            await question


@on_every_metadata_backend
async def test_usage_follows_every_change(store: Store) -> None:
    assert await usage(store) == Usage(0, 0, 0)
    inbox, archive = await store.mailbox(), await store.mailbox("Archive")
    first, second = store.message(inbox), store.message(archive)
    octets = first.body.raw_octets
    assert second.body.raw_octets == octets
    await store.metadata.append([first, second])
    assert await usage(store) == Usage(2 * octets, 2, 2)
    await store.metadata.copy(inbox.id, uids(1), archive.id)
    await store.metadata.move(inbox.id, uids(1), archive.id)
    assert await usage(store) == Usage(3 * octets, 3, 2)
    await store.metadata.create_mailbox(store.user.id, "a/b")
    await store.metadata.delete_mailbox(store.user.id, "a")
    assert (await usage(store)).mailboxes == 3, "a name that only holds others is no mailbox"
    await store.metadata.delete_mailbox(store.user.id, "Archive")
    assert await usage(store) == Usage(0, 0, 2)


@on_every_metadata_backend
async def test_what_does_not_fit_is_refused_whole(store: Store) -> None:
    inbox, archive = await store.mailbox(), await store.mailbox("Archive")
    octets = store.message(inbox).body.raw_octets
    await limit(store, octets=3 * octets)
    await store.metadata.append([store.message(inbox), store.message(archive)])
    with pytest.raises(OverQuota, match="storage") as refused:
        await store.metadata.append([store.message(inbox), store.message(inbox)])
    assert refused.value.mailbox_ids == {inbox.id}
    assert await usage(store) == Usage(2 * octets, 2, 2)
    await store.metadata.append([store.message(inbox)])
    with pytest.raises(OverQuota, match="storage"):
        await store.metadata.append([store.message(archive)])
    await limit(store, messages=4)
    await store.metadata.append([store.message(archive)])
    with pytest.raises(OverQuota, match="messages"):
        await store.metadata.append([store.message(inbox)])
    await limit(store, messages=0, octets=0)
    with pytest.raises(OverQuota):
        await store.metadata.append([store.message(inbox)])


@on_every_metadata_backend
async def test_several_mailboxes_of_one_account_are_counted_together(store: Store) -> None:
    inbox, archive = await store.mailbox(), await store.mailbox("Archive")
    bob, his = await bobs(store)
    await limit(store, messages=1)
    with pytest.raises(OverQuota) as refused:
        await store.metadata.append([store.message(inbox), store.message(archive), store.message(his)])
    assert refused.value.mailbox_ids == {inbox.id, archive.id}
    assert (await usage(store, bob)).messages == 0
    await store.metadata.append([store.message(inbox), store.message(his)])


@on_every_metadata_backend
async def test_what_arrives_at_once_in_several_mailboxes_finds_the_room_there_is(store: Store) -> None:
    inbox = await store.mailbox()
    boxes = [await store.mailbox(f"box {number}") for number in range(8)]
    bob, his = await bobs(store)
    await store.append(inbox, 1)
    await limit(store, messages=1 + 4)
    arrivals = [store.metadata.append([store.message(box), store.message(his)]) for box in boxes]
    assert sorted(await refusals(arrivals)) == [False] * 4 + [True] * 4
    assert ((await usage(store)).messages, (await usage(store, bob)).messages) == (5, 4)
    await limit(store, octets=8 * 1000)
    copies = [store.metadata.copy(inbox.id, uids(1), box.id) for box in boxes]
    assert sorted(await refusals(copies)) == [False] * 3 + [True] * 5
    assert (await usage(store)).octets == 8 * 1000
    await limit(store, bob, messages=6)
    moves = [store.metadata.move(box.id, uids((1, 9)), his.id) for box in (*boxes, inbox)]
    assert any(await refusals(moves))
    assert (await usage(store, bob)).messages == 6


async def refusals(verbs: Iterable[Awaitable[object]]) -> list[bool]:
    """Whether there was no room for it, for each of what is done at once."""
    outcomes = await asyncio.gather(*verbs, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, OverQuota):
            raise outcome
    return [isinstance(outcome, OverQuota) for outcome in outcomes]


@on_every_metadata_backend
async def test_a_copy_needs_room(store: Store) -> None:
    await copy_without_room(store, uids(2))


@on_every_metadata_backend
async def test_copies_need_room(store: Store) -> None:
    await copy_without_room(store, uids(1, 2))


async def copy_without_room(store: Store, chosen: UidSet) -> None:
    inbox, archive = await store.mailbox(), await store.mailbox("Archive")
    await store.metadata.append([store.message(inbox) for _ in range(3)])
    await limit(store, messages=3 + len(chosen) - 1)
    for target in (archive, inbox):
        with pytest.raises(OverQuota) as refused:
            await store.metadata.copy(inbox.id, chosen, target.id)
        assert refused.value.mailbox_ids == {target.id}
    await limit(store, messages=3 + len(chosen))
    outcome = await store.metadata.copy(inbox.id, chosen, archive.id)
    assert len(outcome.target_uids) == len(chosen)


@on_every_metadata_backend
async def test_moving_one_needs_room_only_in_another_account(store: Store) -> None:
    await move_without_room(store, uids(2))


@on_every_metadata_backend
async def test_moving_many_needs_room_only_in_another_account(store: Store) -> None:
    await move_without_room(store, uids(1, 2))


async def move_without_room(store: Store, chosen: UidSet) -> None:
    inbox, archive = await store.mailbox(), await store.mailbox("Archive")
    await store.metadata.append([store.message(inbox) for _ in range(3)])
    await limit(store, messages=0, octets=0)
    await store.metadata.move(inbox.id, chosen, archive.id)
    await store.metadata.move(archive.id, uids((1, 9)), inbox.id)
    bob, his = await bobs(store)
    await limit(store, bob, messages=2)
    with pytest.raises(OverQuota) as refused:
        await store.metadata.move(inbox.id, uids((1, 9)), his.id)
    assert refused.value.mailbox_ids == {his.id}
    assert ((await usage(store)).messages, (await usage(store, bob)).messages) == (3, 0)
    await limit(store, bob, messages=3)
    await store.metadata.move(inbox.id, uids((1, 9)), his.id)
    assert ((await usage(store)).messages, (await usage(store, bob)).messages) == (0, 3)


@on_every_metadata_backend
async def test_mailboxes_are_limited_where_that_is_asked_for(store: Store) -> None:
    metadata, user_id = store.metadata, store.user.id
    await store.mailbox()
    await limit(store, mailboxes=3)
    with pytest.raises(OverQuota, match="mailboxes"):
        await metadata.create_mailbox(user_id, "a/b/c", within_quota=True)
    await metadata.create_mailbox(user_id, "a/b", within_quota=True)
    with pytest.raises(OverQuota):
        await metadata.create_mailbox(user_id, "c", within_quota=True)
    with pytest.raises(MailboxExists):
        await metadata.create_mailbox(user_id, "a", within_quota=True)
    with pytest.raises(OverQuota):
        await metadata.rename_mailbox(user_id, "a/b", "x/y")
    with pytest.raises(OverQuota):
        await metadata.rename_inbox(user_id, "old")
    await metadata.rename_mailbox(user_id, "a/b", "b")
    # What only holds others does not count, and counts once it can be selected.
    await metadata.rename_mailbox(user_id, "b", "a/b")
    await metadata.delete_mailbox(user_id, "a")
    await metadata.create_mailbox(user_id, "c", within_quota=True)
    with pytest.raises(OverQuota):
        await metadata.create_mailbox(user_id, "a", within_quota=True)
    await metadata.create_mailbox(user_id, "a")


@on_every_metadata_backend
async def test_octets_of_deleted_messages(store: Store) -> None:
    inbox, archive = await store.mailbox(), await store.mailbox("Archive")
    octets = store.message(inbox).body.raw_octets
    await store.append(inbox, 2, ("\\Deleted",))
    await store.append(inbox, 1)
    await store.append(archive, 1)
    assert await store.metadata.deleted_octets([inbox.id, archive.id, MailboxId(99)]) == {inbox.id: 2 * octets}
    assert await store.metadata.deleted_octets([]) == {}


@on_every_metadata_backend
async def test_limits_move_with_the_account(store: Store) -> None:
    await limit(store, octets=5, messages=6, mailboxes=7)
    await store.directory.set_administrator(store.user.id, True)
    (record,) = await store.upkeep.account_records(UserId(0), 10)
    assert (record.user.quota, record.user.administrator) == (Quota(5, 6, 7), True)
    await limit(store)
    await store.directory.set_administrator(store.user.id, False)
    await store.upkeep.put_accounts([record])
    assert await store.upkeep.account_records(UserId(0), 10) == [record]
