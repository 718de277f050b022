"""MetadataStore.expunge and the expunge log (RFC 9051 §6.4.3, §6.4.9, RFC 7162 §3.2)."""

from __future__ import annotations

import pytest

from lightmail._core.index import UidSet
from lightmail.errors import MailboxNotFound
from lightmail.model import FlagOp, MailboxId, ModSeq
from tests.support.backends import Store, on_every_metadata_backend, uids


@on_every_metadata_backend
async def test_only_deleted_messages_go(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 5)
    await store.metadata.set_flags(mailbox.id, uids(1, 3, 4), FlagOp.ADD, ("\\Deleted",))
    before = await store.load(mailbox)
    outcome = await store.metadata.expunge(mailbox.id, None)
    assert (outcome.expunged, outcome.modseq) == (uids(1, 3, 4), before.highest_modseq + 1)
    after = await store.follows(before, outcome.delta)
    assert after.uids() == uids(2, 5)


@on_every_metadata_backend
async def test_uid_expunge_only_of_those_named(store: Store) -> None:
    """RFC 9051 §6.4.9: both named and \\Deleted."""
    mailbox = await store.mailbox()
    await store.append(mailbox, 6)
    await store.metadata.set_flags(mailbox.id, uids((2, 6)), FlagOp.ADD, ("\\Deleted", "\\Seen"))
    before = await store.load(mailbox)
    outcome = await store.metadata.expunge(mailbox.id, uids((1, 2), 4, (6, 4_000_000_000)))
    assert outcome.expunged == uids(2, 4, 6)
    after = await store.follows(before, outcome.delta)
    assert after.uids() == uids(1, 3, 5)
    assert (await store.again(mailbox)).deleted == 2


@on_every_metadata_backend
async def test_expunge_of_nothing(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 2)
    for chosen in (None, UidSet(), uids(1), uids(1, 2, 99)):
        outcome = await store.metadata.expunge(mailbox.id, chosen)
        assert (outcome.expunged, outcome.modseq, outcome.delta) == (UidSet(), 2, None)
    assert len(await store.load(mailbox)) == 2
    with pytest.raises(MailboxNotFound):
        await store.metadata.expunge(MailboxId(99), None)


@on_every_metadata_backend
async def test_uids_are_never_used_again(store: Store) -> None:
    """Law 2; RFC 9051 §2.3.1.1."""
    mailbox = await store.mailbox()
    await store.append(mailbox, 3, ("\\Deleted",))
    await store.metadata.expunge(mailbox.id, None)
    assert (await store.append(mailbox))[0].uid == 4


@on_every_metadata_backend
async def test_the_log_tells_what_went_after_a_modseq(store: Store) -> None:
    mailbox, other = await store.mailbox(), await store.mailbox("Other")
    await store.append(mailbox, 8, ("\\Deleted",))
    await store.append(other, 8, ("\\Deleted",))
    await store.metadata.expunge(other.id, None)
    marks = []
    for gone in (uids((1, 3)), uids(5, 7)):
        marks.append((await store.again(mailbox)).highest_modseq)
        await store.metadata.expunge(mailbox.id, gone)
    await store.metadata.move(mailbox.id, uids(8), other.id)
    assert await store.metadata.expunged_since(mailbox.id, ModSeq(0)) == uids((1, 3), 5, (7, 8))
    assert await store.metadata.expunged_since(mailbox.id, marks[1]) == uids(5, (7, 8))
    assert await store.metadata.expunged_since(mailbox.id, (await store.again(mailbox)).highest_modseq) == UidSet()
    with pytest.raises(MailboxNotFound):
        await store.metadata.expunged_since(MailboxId(99), ModSeq(0))
