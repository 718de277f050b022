"""MetadataStore: adding messages, and reading what is there or has changed (laws 2 and 3)."""

from __future__ import annotations

import asyncio

import pytest

from lightmail._core.index import Snapshot, UidSet
from lightmail.errors import LimitExceeded, MailboxNotFound
from lightmail.model import Delta, FlagOp, MailboxId, ModSeq
from tests.support.backends import Store, columns, contents, on_every_metadata_backend, uids


@on_every_metadata_backend
async def test_an_appended_message_is_loaded_as_it_was_given(store: Store) -> None:
    mailbox = await store.mailbox()
    body = store.body(4321)
    message = store.message(mailbox, ("\\SEEN", "$Forwarded", "\\Draft"), body=body)
    (appended,), (delta,) = await store.metadata.append([message])
    assert (appended.mailbox_id, appended.uid, appended.uid_validity) == (mailbox.id, 1, mailbox.uid_validity)
    snapshot = await store.load(mailbox)
    (row,) = snapshot.rows(uids(1))
    assert columns(row) == (
        1,
        4321,
        8 + 16 + 32,
        2,
        appended.body_id,
        1_100_000_000,
        120,
        store.clock.now,
        body.summary.sent_date,
        -90,
    )
    assert set(snapshot.flags_of(1)) == {"\\Seen", "\\Draft", "$Forwarded"}
    assert (delta.base_modseq, delta.highest_modseq, delta.uid_next) == (1, 2, 2)
    assert delta.keywords == ("$Forwarded",) and not delta.expunged


@on_every_metadata_backend
async def test_one_append_of_many_messages_has_one_modseq(store: Store) -> None:
    """RFC 3502: all or none, in order."""
    mailbox = await store.mailbox()
    await store.append(mailbox, 2)
    before = await store.load(mailbox)
    appended, (delta,) = await store.metadata.append([store.message(mailbox, octets=n) for n in (1, 2, 3)])
    assert [one.uid for one in appended] == [3, 4, 5]
    assert len({one.body_id for one in appended}) == 3
    after = await store.follows(before, delta)
    assert [(row.size, row.modseq) for row in after.rows(uids((3, 5)))] == [(1, 3), (2, 3), (3, 3)]


@on_every_metadata_backend
async def test_one_body_in_many_mailboxes_is_shared(store: Store) -> None:
    """Law 5: one delivery, one transaction, however many recipients."""
    bob = await store.directory.add_user("bob@example.org", "")
    boxes = [await store.mailbox("INBOX"), await store.mailbox("Work")]
    boxes.append(await store.metadata.create_mailbox(bob.id, "INBOX"))
    body = store.body()
    before = [await store.load(mailbox) for mailbox in boxes]
    appended, deltas = await store.metadata.append([store.message(mailbox, body=body) for mailbox in boxes])
    assert [one.mailbox_id for one in appended] == [delta.mailbox_id for delta in deltas] == [box.id for box in boxes]
    assert len({one.body_id for one in appended}) == 1
    for snapshot, delta in zip(before, deltas, strict=True):
        await store.follows(snapshot, delta)
    (location,) = await store.metadata.body_locations([appended[0].body_id])
    assert location.object_key == body.object_key


@on_every_metadata_backend
async def test_the_same_body_twice_in_one_mailbox(store: Store) -> None:
    mailbox = await store.mailbox()
    body = store.body()
    appended, _ = await store.metadata.append([store.message(mailbox, body=body), store.message(mailbox, body=body)])
    await store.metadata.set_flags(mailbox.id, uids(1), FlagOp.ADD, ("\\Deleted",))
    await store.metadata.expunge(mailbox.id, None)
    assert await store.metadata.unreferenced_bodies(10) == []
    assert (await store.load(mailbox)).body_ids(uids((1, 2))) == [appended[1].body_id]


@on_every_metadata_backend
async def test_a_failing_append_leaves_nothing(store: Store) -> None:
    mailbox = await store.mailbox()
    before = await store.again(mailbox)
    bodies = [store.body(), store.body()]
    messages = [store.message(mailbox, ("$New",), body=bodies[0])]
    gone = await store.mailbox("gone")
    await store.metadata.delete_mailbox(store.user.id, "gone")
    messages.append(store.message(gone, body=bodies[1]))
    with pytest.raises(MailboxNotFound):
        await store.metadata.append(messages)
    assert await store.again(mailbox) == before
    assert (await store.load(mailbox)).keywords == ()
    assert await store.metadata.known_keys([body.object_key for body in bodies]) == frozenset()


@on_every_metadata_backend
async def test_an_append_of_nothing(store: Store) -> None:
    assert await store.metadata.append([]) == ([], [])


@on_every_metadata_backend
async def test_a_mailbox_has_a_limit_of_keywords(store: Store) -> None:
    mailbox = await store.mailbox()
    most = tuple(f"$k{number}" for number in range(59))
    await store.append(mailbox, 1, most)
    assert (await store.flags(mailbox))[1] == set(most)
    with pytest.raises(LimitExceeded):
        await store.append(mailbox, 1, ("$one-more",))
    with pytest.raises(LimitExceeded):
        await store.metadata.set_flags(mailbox.id, uids(1), FlagOp.ADD, ("$one-more",))
    await store.append(mailbox, 1, ("$K58", "\\Answered"))
    assert (await store.flags(mailbox))[2] == {"$k58", "\\Answered"}
    assert (await store.load(mailbox)).keywords == most


@on_every_metadata_backend
async def test_concurrent_appends_get_distinct_ascending_uids(store: Store) -> None:
    mailbox, other = await store.mailbox(), await store.mailbox("Other")
    gone = await store.mailbox("gone")
    await store.metadata.delete_mailbox(store.user.id, "gone")
    before = await store.load(mailbox)

    async def add(number: int) -> int:
        if number % 5 == 4:
            with pytest.raises(MailboxNotFound):
                await store.append(gone)
            return 0
        return (await store.append(other if number % 5 == 3 else mailbox))[0].uid

    given = await asyncio.gather(*(add(number) for number in range(50)))
    assert sorted(uid for number, uid in enumerate(given) if number % 5 < 3) == list(range(1, 31))
    assert sorted(uid for number, uid in enumerate(given) if number % 5 == 3) == list(range(1, 11))
    after = await store.load(mailbox)
    assert after.highest_modseq == before.highest_modseq + 30
    modseqs = [row.modseq for row in after.rows(after.uids())]
    assert modseqs == sorted(modseqs)


@on_every_metadata_backend
async def test_changes_since_tells_everything_after_a_modseq(store: Store) -> None:
    """RFC 7162 §3.2: from any earlier state to the present one, expunges included (law 2)."""
    mailbox = await store.mailbox()
    states = [await store.load(mailbox)]
    await store.append(mailbox, 5)
    states.append(await store.load(mailbox))
    await store.metadata.set_flags(mailbox.id, uids(2, 4), FlagOp.ADD, ("\\Deleted", "$x"))
    states.append(await store.load(mailbox))
    await store.metadata.expunge(mailbox.id, uids(4))
    states.append(await store.load(mailbox))
    await store.metadata.move(mailbox.id, uids(1), mailbox.id)
    await store.metadata.copy(mailbox.id, uids(2), mailbox.id)
    for state in states:
        delta = await store.metadata.changes_since(mailbox.id, ModSeq(state.highest_modseq))
        await store.follows(state, delta)
    assert (await store.metadata.changes_since(mailbox.id, ModSeq(1))).expunged == uids(1, 4)


@on_every_metadata_backend
async def test_no_changes(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 2, ("$k",))
    delta = await store.metadata.changes_since(mailbox.id, ModSeq(2))
    assert (delta.base_modseq, delta.highest_modseq, delta.uid_next) == (2, 2, 3)
    assert list(delta.rows) == [] and not delta.expunged and delta.keywords == ("$k",)


@on_every_metadata_backend
async def test_modseqs_beyond_any_state(store: Store) -> None:
    """A client may name any number of 64 bits (RFC 7162 §7)."""
    mailbox = await store.mailbox()
    await store.append(mailbox, 1, ("\\Deleted",))
    for modseq in (ModSeq(3), ModSeq(2**63 - 1), ModSeq(2**64 - 1)):
        delta = await store.metadata.changes_since(mailbox.id, modseq)
        assert (delta.highest_modseq, list(delta.rows), delta.expunged) == (2, [], UidSet())
        assert await store.metadata.expunged_since(mailbox.id, modseq) == UidSet()
        for chosen in (uids(1), uids((1, 2))):
            outcome = await store.metadata.set_flags(mailbox.id, chosen, FlagOp.ADD, ("\\Deleted",), modseq)
            assert not outcome.refused


@on_every_metadata_backend
async def test_large_mailboxes_load_and_change_in_bulk(store: Store) -> None:
    """More rows than one block holds, and than are read at once."""
    mailbox = await store.mailbox()
    body = store.body()
    await store.metadata.append([store.message(mailbox, ("\\Deleted",), body=body) for _ in range(9000)])
    before = await store.load(mailbox)
    assert len(before) == 9000 and before.uids() == uids((1, 9000))
    outcome = await store.metadata.set_flags(mailbox.id, uids((2, 8999)), FlagOp.ADD, ("\\Seen",))
    flagged = await store.follows(before, outcome.delta)
    assert contents(flagged) == contents(await store.follows(before, await _since(store, mailbox.id, before)))
    every_second = uids(*range(1, 9000, 2))
    gone = await store.metadata.expunge(mailbox.id, every_second)
    assert gone.expunged == every_second
    await store.follows(flagged, gone.delta)
    await store.follows(before, await _since(store, mailbox.id, before))
    assert await store.metadata.expunged_since(mailbox.id, ModSeq(flagged.highest_modseq)) == every_second


async def _since(store: Store, mailbox_id: MailboxId, state: Snapshot) -> Delta:
    return await store.metadata.changes_since(mailbox_id, ModSeq(state.highest_modseq))


@on_every_metadata_backend
async def test_an_empty_mailbox_loads(store: Store) -> None:
    mailbox = await store.mailbox()
    packed = await store.metadata.load(mailbox.id)
    assert (list(packed.blocks), packed.keywords, packed.uid_next, packed.highest_modseq) == ([], (), 1, 1)


@on_every_metadata_backend
async def test_the_data_version_stays_without_other_processes(store: Store) -> None:
    before = await store.metadata.data_version()
    mailbox = await store.mailbox()
    await store.append(mailbox)
    assert await store.metadata.data_version() == before
