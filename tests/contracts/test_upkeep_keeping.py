"""Upkeep: leases, jobs, the seal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from lightmail.errors import StoreSealed
from lightmail.model import AppPassword, BodyId, FlagOp
from tests.support.backends import Store, contents, on_every_metadata_backend, uids
from tests.support.eventually import eventually_async

REASON = "moved to mysql://…, 2001"


@on_every_metadata_backend
async def test_a_lease_is_held_by_one(store: Store) -> None:
    upkeep = store.upkeep
    assert await upkeep.take_lease("gc", "node a", seconds=600)
    assert not await upkeep.take_lease("gc", "node b", seconds=600)
    assert await upkeep.take_lease("gc", "node a", seconds=600)
    assert await upkeep.take_lease("manifests", "node b", seconds=600)
    await upkeep.end_lease("gc", "node b")
    assert not await upkeep.take_lease("gc", "node b", seconds=600)
    await upkeep.end_lease("gc", "node a")
    await upkeep.end_lease("gc", "node a")
    assert await upkeep.take_lease("gc", "node b", seconds=600)
    assert not await upkeep.take_lease("gc", "node a", seconds=600)


@on_every_metadata_backend
async def test_a_lease_runs_out(store: Store) -> None:
    """By the clock of the database server where there is one, by the process's elsewhere."""
    upkeep = store.upkeep
    assert await upkeep.take_lease("gc", "node a", seconds=1)
    assert not await upkeep.take_lease("gc", "node b", seconds=600)

    async def taken() -> bool:
        store.clock.now += 1
        return await upkeep.take_lease("gc", "node b", seconds=600)

    assert await eventually_async(taken)
    assert not await upkeep.take_lease("gc", "node a", seconds=1)


@on_every_metadata_backend
async def test_a_lease_that_is_prolonged_does_not_run_out(store: Store) -> None:
    upkeep = store.upkeep
    assert await upkeep.take_lease("gc", "node a", seconds=1)
    assert await upkeep.take_lease("gc", "node a", seconds=3600)
    store.clock.now += 60
    assert not await upkeep.take_lease("gc", "node b", seconds=1)


@on_every_metadata_backend
async def test_of_many_who_want_a_lease_one_gets_it(store: Store) -> None:
    wanted = [store.upkeep.take_lease("gc", f"node {number}", seconds=600) for number in range(16)]
    assert sum(await asyncio.gather(*wanted)) == 1


@on_every_metadata_backend
async def test_jobs(store: Store) -> None:
    upkeep = store.upkeep
    assert await upkeep.get_job("move") is None
    large = bytes(range(256)) * 4096
    for state in (b"\x00{'at': 1}\xff%s", b"", large):
        await upkeep.put_job("move", state)
        assert await upkeep.get_job("move") == state
    assert await upkeep.get_job("repair") is None
    await upkeep.put_job("repair", b"1")
    await upkeep.put_job("move", None)
    await upkeep.put_job("move", None)
    assert await upkeep.get_job("move") is None
    assert await upkeep.get_job("repair") == b"1"


@on_every_metadata_backend
async def test_a_sealed_store_takes_no_writes(store: Store) -> None:
    metadata, directory, upkeep = store.metadata, store.directory, store.upkeep
    user_id = store.user.id
    inbox, other = await store.mailbox(), await store.mailbox("Other")
    await store.append(inbox, 3, ("\\Deleted",))
    await metadata.expunge(inbox.id, uids(3))
    (unreferenced,) = await metadata.unreferenced_bodies(10)
    before = await store.load(inbox)
    await directory.add_app_password(AppPassword(user_id, "Kept", ("imap",), b"1" * 32, 1))
    assert await upkeep.sealed() is None
    await upkeep.seal("for a first reason")
    await upkeep.seal(REASON)
    assert await upkeep.sealed() == REASON
    verbs: dict[str, Awaitable[object]] = {
        "create_mailbox": metadata.create_mailbox(user_id, "New"),
        "rename_mailbox": metadata.rename_mailbox(user_id, "Other", "Another"),
        "rename_inbox": metadata.rename_inbox(user_id, "Old"),
        "delete_mailbox": metadata.delete_mailbox(user_id, "Other"),
        "set_subscribed": metadata.set_subscribed(user_id, "Other", True),
        "unsubscribe": metadata.set_subscribed(user_id, "Other", False),
        "claim_recent": metadata.claim_recent(inbox.id, 3),
        "append": metadata.append([store.message(inbox)]),
        "append to two": metadata.append([store.message(inbox), store.message(other)]),
        "set_flags": metadata.set_flags(inbox.id, uids(1), FlagOp.ADD, ("\\Seen",)),
        "set_flags of two": metadata.set_flags(inbox.id, uids((1, 2)), FlagOp.ADD, ("\\Seen",)),
        "copy": metadata.copy(inbox.id, uids(1), other.id),
        "copy of two": metadata.copy(inbox.id, uids((1, 2)), other.id),
        "move": metadata.move(inbox.id, uids(1), other.id),
        "move of two": metadata.move(inbox.id, uids((1, 2)), inbox.id),
        "expunge": metadata.expunge(inbox.id, uids(1)),
        "expunge all": metadata.expunge(inbox.id, None),
        "forget_bodies": metadata.forget_bodies([unreferenced.body_id]),
        "add_user": directory.add_user("bob@example.org", "hash"),
        "set_password": directory.set_password(user_id, "other hash"),
        "set_password if": directory.set_password(user_id, "other hash", only_if="hash"),
        "set_enabled": directory.set_enabled(user_id, False),
        "add_app_password": directory.add_app_password(AppPassword(user_id, "Phone", ("imap",), b"2" * 32, 1)),
        "app_password_used": directory.app_password_used(b"1" * 32, 99),
        "revoke_app_password": directory.revoke_app_password(user_id, "Kept"),
        "delete_user": directory.delete_user(user_id),
    }
    outcomes = [await asyncio.gather(verb, return_exceptions=True) for verb in verbs.values()]
    refusals = {name: outcome for name, (outcome,) in zip(verbs, outcomes, strict=True)}
    assert {name for name, refusal in refusals.items() if not isinstance(refusal, StoreSealed)} == set()
    assert {str(refusal) for refusal in refusals.values()} == {str(StoreSealed(REASON))}
    assert [mailbox.name for mailbox in await metadata.list_mailboxes(user_id)] == ["INBOX", "Other"]
    assert contents(await store.load(inbox)) == contents(before)
    assert await directory.list_users() == [store.user]
    assert await metadata.body_locations([unreferenced.body_id])

    assert await upkeep.take_lease("gc", "node a", seconds=600)
    await upkeep.put_job("move", b"done")
    assert await upkeep.get_job("move") == b"done"
    await upkeep.end_lease("gc", "node a")
    await upkeep.put_job("move", None)
    assert len(await directory.shared_secret()) == 32

    await upkeep.unseal()
    await upkeep.unseal()
    assert await upkeep.sealed() is None
    await store.append(inbox)
    await directory.set_password(user_id, "other hash")
    assert await metadata.forget_bodies([unreferenced.body_id, BodyId(99_999)]) == [unreferenced.body_id]


@on_every_metadata_backend
async def test_when_a_store_is_sealed_whoever_writes_has_ended(store: Store) -> None:
    """What is answered before or after is there; nothing comes once `seal` has returned."""
    inbox = await store.mailbox()
    await store.append(inbox)
    answered: list[int] = []
    began = asyncio.Event()

    async def write() -> None:
        while True:
            try:
                (appended,) = await store.append(inbox)
            except StoreSealed:
                return
            answered.append(appended.uid)
            began.set()
            await asyncio.sleep(0)

    writers = [asyncio.create_task(write()) for _ in range(4)]
    await began.wait()
    await store.upkeep.seal(REASON)
    at_seal = await store.load(inbox)
    await asyncio.gather(*writers)
    after = await store.load(inbox)
    assert (after.uid_next, after.highest_modseq, len(after)) == (
        at_seal.uid_next,
        at_seal.highest_modseq,
        len(at_seal),
    )
    assert {1, *answered} == set(after.uids())
