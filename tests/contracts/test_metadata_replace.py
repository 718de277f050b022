"""MetadataStore.replace (RFC 8508): one message comes and one goes, in one transaction."""

from __future__ import annotations

import pytest

from lightmail.errors import LimitExceeded, MailboxNotFound, OverQuota
from lightmail.model import MailboxId, Quota, Uid
from tests.support.backends import Store, on_every_metadata_backend, uids


@on_every_metadata_backend
async def test_within_one_mailbox_it_is_one_change(store: Store) -> None:
    mailbox = await store.mailbox()
    first = await store.append(mailbox, 3, ("\\Deleted",))
    before = await store.load(mailbox)
    outcome = await store.metadata.replace(mailbox.id, Uid(2), store.message(mailbox, ("\\Seen", "$New"), octets=7))
    assert outcome.appended is not None and outcome.target_delta is None
    assert (outcome.appended.uid, outcome.appended.mailbox_id) == (4, mailbox.id)
    after = await store.follows(before, outcome.source_delta)
    assert (after.uids(), after.deleted, after.unseen) == (uids(1, 3, 4), 2, 2)
    assert await store.metadata.expunged_since(mailbox.id, before.highest_modseq) == uids(2)  # type: ignore[arg-type]
    again = await store.again(mailbox)
    assert (again.messages, again.deleted, again.unseen, again.size_octets) == (3, 2, 2, 2_007)
    unreferenced = await store.metadata.unreferenced_bodies(10)
    assert [location.body_id for location in unreferenced] == [first[1].body_id]


@on_every_metadata_backend
async def test_into_another_mailbox_both_change(store: Store) -> None:
    drafts, sent = await store.mailbox("Drafts"), await store.mailbox("Sent")
    await store.append(drafts, 2)
    await store.append(sent, 1)
    here, there = await store.load(drafts), await store.load(sent)
    outcome = await store.metadata.replace(drafts.id, Uid(1), store.message(sent))
    assert outcome.appended is not None
    assert (outcome.appended.uid, outcome.appended.uid_validity) == (2, sent.uid_validity)
    assert (await store.follows(here, outcome.source_delta)).uids() == uids(2)
    assert (await store.follows(there, outcome.target_delta)).uids() == uids((1, 2))


@on_every_metadata_backend
async def test_nothing_is_added_where_nothing_can_be_replaced(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 1)
    before = await store.load(mailbox)
    outcome = await store.metadata.replace(mailbox.id, Uid(7), store.message(mailbox))
    assert (outcome.appended, outcome.source_delta, outcome.target_delta) == (None, None, None)
    with pytest.raises(MailboxNotFound):
        await store.metadata.replace(MailboxId(9_999_999), Uid(1), store.message(mailbox))
    with pytest.raises(LimitExceeded):
        await store.metadata.replace(mailbox.id, Uid(1), store.message(mailbox, tuple(f"k{n}" for n in range(99))))
    after = await store.load(mailbox)
    assert (after.uids(), after.highest_modseq, after.uid_next) == (uids(1), before.highest_modseq, 2)
    assert await store.metadata.unreferenced_bodies(10) == []


@on_every_metadata_backend
async def test_only_the_difference_needs_room(store: Store) -> None:
    """RFC 8508 §3.4: within one account."""
    mailbox, other = await store.mailbox(), await store.mailbox("Sent")
    await store.append(mailbox, 1, octets=1000)
    await store.directory.set_quota(store.user.id, Quota(octets=1000, messages=1))
    with pytest.raises(OverQuota):
        await store.metadata.replace(mailbox.id, Uid(1), store.message(mailbox, octets=1001))
    outcome = await store.metadata.replace(mailbox.id, Uid(1), store.message(other, octets=1000))
    assert outcome.appended is not None and outcome.appended.mailbox_id == other.id
