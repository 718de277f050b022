"""MetadataStore: what is kept of stored bodies, and which may be deleted (law 3)."""

from __future__ import annotations

from lightmail.model import BodyId, FlagOp
from tests.support.backends import Store, on_every_metadata_backend, uids


@on_every_metadata_backend
async def test_summaries_come_back_as_they_were_given(store: Store) -> None:
    mailbox = await store.mailbox()
    bodies = [store.body() for _ in range(100)]
    appended, _ = await store.metadata.append([store.message(mailbox, body=body) for body in bodies])
    wanted = {one.body_id: body.summary for one, body in zip(appended, bodies, strict=True)}
    for body_ids in (list(wanted), list(wanted)[3:5]):
        rows = await store.metadata.summaries([*body_ids, BodyId(99_999)])
        assert sorted(rows) == sorted(
            (
                body_id,
                wanted[body_id].header,
                wanted[body_id].envelope,
                wanted[body_id].bodystructure,
                wanted[body_id].parts,
                wanted[body_id].preview,
            )
            for body_id in body_ids
        )
    assert await store.metadata.summaries([]) == []


@on_every_metadata_backend
async def test_locations(store: Store) -> None:
    mailbox = await store.mailbox()
    body = store.body(5000)
    (appended,), _ = await store.metadata.append([store.message(mailbox, body=body)])
    (location,) = await store.metadata.body_locations([appended.body_id, BodyId(99_999)])
    assert (location.body_id, location.object_key, location.raw_octets, location.stored_octets) == (
        appended.body_id,
        body.object_key,
        5000,
        2500,
    )


@on_every_metadata_backend
async def test_unreferenced_bodies_after_a_grace_period(store: Store) -> None:
    mailbox = await store.mailbox()
    appended = await store.append(mailbox, 3, ("\\Deleted",))
    await store.metadata.expunge(mailbox.id, uids(1))
    store.clock.now += 100
    await store.metadata.expunge(mailbox.id, uids(2))
    assert {body.body_id for body in await store.metadata.unreferenced_bodies(10)} == {
        appended[0].body_id,
        appended[1].body_id,
    }
    assert len(await store.metadata.unreferenced_bodies(1)) == 1
    (old,) = await store.metadata.unreferenced_bodies(10, grace_s=99)
    assert old.body_id == appended[0].body_id
    assert await store.metadata.unreferenced_bodies(10, grace_s=100) == []


@on_every_metadata_backend
async def test_only_unreferenced_bodies_are_forgotten(store: Store) -> None:
    mailbox = await store.mailbox()
    bodies = [store.body(), store.body()]
    appended, _ = await store.metadata.append([store.message(mailbox, body=body) for body in bodies])
    await store.metadata.set_flags(mailbox.id, uids(1), FlagOp.ADD, ("\\Deleted",))
    await store.metadata.expunge(mailbox.id, None)
    assert await store.metadata.forget_bodies([*(one.body_id for one in appended), BodyId(99_999)]) == [
        appended[0].body_id
    ]
    assert await store.metadata.forget_bodies([one.body_id for one in appended]) == []
    assert await store.metadata.forget_bodies([]) == []
    assert await store.metadata.unreferenced_bodies(10) == []
    assert [body.body_id for body in await store.metadata.body_locations([a.body_id for a in appended])] == [
        appended[1].body_id
    ]
    assert len(await store.metadata.summaries([one.body_id for one in appended])) == 1


@on_every_metadata_backend
async def test_body_ids_are_never_used_again(store: Store) -> None:
    """Caches go by them."""
    mailbox = await store.mailbox()
    appended = await store.append(mailbox, 2, ("\\Deleted",))
    await store.metadata.expunge(mailbox.id, None)
    await store.metadata.forget_bodies([one.body_id for one in appended])
    for again in (await store.append(mailbox), await store.append(mailbox, 2)):
        assert min(one.body_id for one in again) > max(one.body_id for one in appended)


@on_every_metadata_backend
async def test_known_keys(store: Store) -> None:
    mailbox = await store.mailbox()
    body = store.body()
    await store.metadata.append([store.message(mailbox, ("\\Deleted",), body=body)])
    await store.metadata.expunge(mailbox.id, None)
    assert await store.metadata.known_keys([body.object_key, "00/stranger"]) == {body.object_key}
    assert await store.metadata.known_keys([]) == frozenset()


@on_every_metadata_backend
async def test_which_bodies_messages_name(store: Store) -> None:
    """Whatever their counts say."""
    inbox, other, empty = [await store.mailbox(name) for name in ("INBOX", "Other", "Empty")]
    appended = [*await store.append(inbox, 3, ("\\Deleted",)), *await store.append(other, 2)]
    ids = [one.body_id for one in appended]
    await store.metadata.copy(inbox.id, uids(1), empty.id)
    await store.metadata.expunge(inbox.id, uids(1, 2))
    assert await store.metadata.named_bodies([*ids[:4], BodyId(99_999)]) == {ids[0], ids[2], ids[3]}
    assert await store.metadata.named_bodies([]) == frozenset()


@on_every_metadata_backend
async def test_all_bodies_in_pages(store: Store) -> None:
    mailbox = await store.mailbox()
    bodies = [store.body() for _ in range(5)]
    appended, _ = await store.metadata.append([store.message(mailbox, body=body) for body in bodies])
    first = await store.metadata.locations_after(BodyId(0), 3)
    rest = await store.metadata.locations_after(first[-1].body_id, 3)
    assert [one.body_id for one in first + rest] == [one.body_id for one in appended]
    assert [one.object_key for one in first + rest] == [body.object_key for body in bodies]
    assert await store.metadata.locations_after(rest[-1].body_id, 3) == []
