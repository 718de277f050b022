"""MetadataStore: COPY and MOVE (RFC 9051 §6.4.7, §6.4.8)."""

from __future__ import annotations

import pytest

from lightmail._core.index import UidSet
from lightmail.errors import LimitExceeded, MailboxNotFound
from lightmail.model import FlagOp, MailboxId, ModSeq
from tests.support.backends import Store, contents, on_every_metadata_backend, uids


@on_every_metadata_backend
async def test_copy_keeps_flags_dates_and_bodies(store: Store) -> None:
    source, target = await store.mailbox(), await store.mailbox("Target")
    appended = await store.append(source, 3, ("\\Seen", "$a"), octets=500)
    await store.append(target, 2)
    before = await store.load(target)
    store.clock.now += 77
    outcome = await store.metadata.copy(source.id, uids(1, 3, 9), target.id)
    assert (outcome.uid_validity, outcome.source_uids, outcome.target_uids) == (
        target.uid_validity,
        uids(1, 3),
        uids(3, 4),
    )
    after = await store.follows(before, outcome.delta)
    for row, original in zip(after.rows(uids(3, 4)), (appended[0], appended[2]), strict=True):
        assert (row.body_id, row.size, row.internaldate, row.internaldate_zone) == (
            original.body_id,
            500,
            1_100_000_000,
            120,
        )
        assert row.savedate == store.clock.now
        assert row.modseq == before.highest_modseq + 1
        assert set(after.flags_of(row.uid)) == {"\\Seen", "$a"}
    assert len(await store.load(source)) == 3


@on_every_metadata_backend
async def test_keywords_are_carried_by_name(store: Store) -> None:
    """The same keyword has another bit in another mailbox."""
    source, target = await store.mailbox(), await store.mailbox("Target")
    await store.append(target, 1, ("$z", "$B", "$y"))
    await store.append(source, 1, ("$a", "\\Flagged"))
    await store.append(source, 1, ("$b",))
    await store.append(source, 1, ("$c", "$a", "\\Seen"))
    await store.append(source, 1, ("$never",))
    before = await store.load(target)
    outcome = await store.metadata.copy(source.id, uids((1, 3)), target.id)
    after = await store.follows(before, outcome.delta)
    assert await store.flags(target) == {
        1: {"$z", "$B", "$y"},
        2: {"$a", "\\Flagged"},
        3: {"$B"},
        4: {"$c", "$a", "\\Seen"},
    }
    assert after.keywords == ("$z", "$B", "$y", "$a", "$c")


@on_every_metadata_backend
async def test_the_highest_keyword_bit_is_carried(store: Store) -> None:
    source, target = await store.mailbox(), await store.mailbox("Target")
    await store.append(source, 1, tuple(f"$k{number}" for number in range(59)))
    await store.append(source, 1, ("$k58", "\\Draft"))
    await store.metadata.copy(source.id, uids(2), target.id)
    await store.metadata.copy(target.id, uids(1), source.id)
    assert await store.flags(target) == {1: {"$k58", "\\Draft"}}
    assert (await store.flags(source))[3] == {"$k58", "\\Draft"}


@on_every_metadata_backend
async def test_a_copy_that_needs_too_many_keywords_changes_nothing(store: Store) -> None:
    source, target = await store.mailbox(), await store.mailbox("Target")
    await store.append(source, 1, ("$new",))
    await store.append(target, 1, tuple(f"$k{number}" for number in range(59)))
    before = await store.load(source), await store.load(target)
    with pytest.raises(LimitExceeded):
        await store.metadata.copy(source.id, uids(1), target.id)
    with pytest.raises(LimitExceeded):
        await store.metadata.move(source.id, uids(1), target.id)
    assert contents(before[0]) == contents(await store.load(source))
    assert contents(before[1]) == contents(await store.load(target))


@on_every_metadata_backend
async def test_copy_within_a_mailbox(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 2, ("$a",))
    before = await store.load(mailbox)
    outcome = await store.metadata.copy(mailbox.id, uids((1, 2)), mailbox.id)
    assert (outcome.source_uids, outcome.target_uids) == (uids((1, 2)), uids((3, 4)))
    await store.follows(before, outcome.delta)


@on_every_metadata_backend
async def test_copy_and_move_of_nothing(store: Store) -> None:
    source, target = await store.mailbox(), await store.mailbox("Target")
    for chosen in (UidSet(), uids((1, 5)), uids(3, 7)):
        copied = await store.metadata.copy(source.id, chosen, target.id)
        moved = await store.metadata.move(source.id, chosen, target.id)
        assert copied.uid_validity == moved.uid_validity == target.uid_validity
        assert not (copied.source_uids or copied.target_uids or moved.source_uids or moved.target_uids)
        assert copied.delta is moved.source_delta is moved.target_delta is None
    assert (await store.again(target)).highest_modseq == 1


@on_every_metadata_backend
async def test_missing_mailboxes(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox)
    for verb in (store.metadata.copy, store.metadata.move):
        with pytest.raises(MailboxNotFound):
            await verb(mailbox.id, uids(1), MailboxId(99))
        with pytest.raises(MailboxNotFound):
            await verb(MailboxId(99), uids(1), mailbox.id)
    assert (await store.again(mailbox)).highest_modseq == 2


@on_every_metadata_backend
async def test_move_is_a_copy_and_an_expunge_in_one(store: Store) -> None:
    """RFC 6851 §3.3: no state with the message in both or in neither."""
    source, target = await store.mailbox(), await store.mailbox("Target")
    appended = await store.append(source, 4, ("$a", "\\Deleted"))
    await store.append(target, 1, ("$t",))
    before = await store.load(source), await store.load(target)
    outcome = await store.metadata.move(source.id, uids(2, 4), target.id)
    assert (outcome.source_uids, outcome.target_uids) == (uids(2, 4), uids(2, 3))
    assert outcome.uid_validity == target.uid_validity
    left = await store.follows(before[0], outcome.source_delta)
    arrived = await store.follows(before[1], outcome.target_delta)
    assert left.uids() == uids(1, 3)
    assert arrived.body_ids(uids(2, 3)) == [appended[1].body_id, appended[3].body_id]
    assert (await store.flags(target))[3] == {"$a", "\\Deleted"}
    assert await store.metadata.expunged_since(source.id, ModSeq(before[0].highest_modseq)) == uids(2, 4)
    assert await store.metadata.unreferenced_bodies(10) == []
    status = await store.metadata.status(store.user.id, "INBOX")
    assert (status.messages, status.deleted, status.size_octets, status.recent) == (2, 2, 2000, 2)
    status = await store.metadata.status(store.user.id, "Target")
    assert (status.messages, status.deleted, status.size_octets, status.recent) == (3, 2, 3000, 3)


@on_every_metadata_backend
async def test_move_within_a_mailbox_gives_new_uids(store: Store) -> None:
    """One Delta holds both halves; one new MODSEQ."""
    mailbox = await store.mailbox()
    await store.append(mailbox, 3, ("$a",))
    before = await store.load(mailbox)
    outcome = await store.metadata.move(mailbox.id, uids((1, 2)), mailbox.id)
    assert (outcome.source_uids, outcome.target_uids, outcome.target_delta) == (uids((1, 2)), uids((4, 5)), None)
    after = await store.follows(before, outcome.source_delta)
    assert after.uids() == uids((3, 5)) and after.highest_modseq == before.highest_modseq + 1
    status = await store.metadata.status(store.user.id, "INBOX")
    assert (status.messages, status.unseen, status.size_octets) == (3, 3, 3000)


@on_every_metadata_backend
async def test_bodies_are_shared_until_the_last_row_is_gone(store: Store) -> None:
    """Law 3."""
    source, target = await store.mailbox(), await store.mailbox("Target")
    ((one),) = await store.append(source)
    await store.metadata.copy(source.id, uids(1), target.id)
    await store.metadata.move(target.id, uids(1), target.id)
    await store.metadata.set_flags(source.id, uids(1), FlagOp.ADD, ("\\Deleted",))
    await store.metadata.expunge(source.id, None)
    assert await store.metadata.unreferenced_bodies(10) == []
    await store.metadata.set_flags(target.id, uids(2), FlagOp.ADD, ("\\Deleted",))
    await store.metadata.expunge(target.id, None)
    assert [body.body_id for body in await store.metadata.unreferenced_bodies(10)] == [one.body_id]
