"""MetadataStore.set_flags: STORE, conditional STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3)."""

from __future__ import annotations

import asyncio

import pytest

from lightmail._core.index import UidSet
from lightmail.errors import MailboxNotFound
from lightmail.model import FlagOp, MailboxId, ModSeq
from tests.support.backends import Store, contents, on_every_metadata_backend, uids


@on_every_metadata_backend
async def test_set_add_and_remove(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 2, ("\\Flagged", "$a"))
    state = await store.load(mailbox)
    for op, flags, expected in (
        (FlagOp.ADD, ("\\seen", "$b"), {"\\Seen", "\\Flagged", "$a", "$b"}),
        (FlagOp.REMOVE, ("\\FLAGGED", "$A", "$unknown"), {"\\Seen", "$b"}),
        (FlagOp.SET, ("\\Answered", "\\Deleted", "$a"), {"\\Answered", "\\Deleted", "$a"}),
        (FlagOp.SET, (), set()),
    ):
        outcome = await store.metadata.set_flags(mailbox.id, uids(2), op, flags)
        assert outcome.changed == uids(2) and not outcome.refused
        state = await store.follows(state, outcome.delta)
        assert outcome.modseq == state.highest_modseq
        assert await store.flags(mailbox) == {1: {"\\Flagged", "$a"}, 2: expected}
    assert state.keywords == ("$a", "$b")


@on_every_metadata_backend
async def test_all_messages_changed_share_one_new_modseq(store: Store) -> None:
    mailbox = await store.mailbox()
    for _ in range(4):
        await store.append(mailbox)
    before = await store.load(mailbox)
    outcome = await store.metadata.set_flags(mailbox.id, uids(1, (3, 99)), FlagOp.ADD, ("\\Seen",))
    assert outcome.changed == uids(1, 3, 4)
    assert outcome.modseq == before.highest_modseq + 1
    after = await store.follows(before, outcome.delta)
    assert [row.modseq for row in after.rows(uids((1, 4)))] == [6, 3, 6, 6]


@on_every_metadata_backend
async def test_flags_that_would_not_change_keep_their_modseq(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 1, ("\\Seen",))
    await store.append(mailbox, 1)
    before = await store.load(mailbox)
    outcome = await store.metadata.set_flags(mailbox.id, uids((1, 2)), FlagOp.ADD, ("\\Seen",))
    assert outcome.changed == uids(2)
    after = await store.follows(before, outcome.delta)
    assert [row.modseq for row in after.rows(uids((1, 2)))] == [2, 4]
    again = await store.metadata.set_flags(mailbox.id, uids((1, 2)), FlagOp.ADD, ("\\Seen",))
    assert again.changed == UidSet() and again.delta is None and again.modseq == 4
    for op, flags in ((FlagOp.REMOVE, ("$nobody", "\\Draft")), (FlagOp.ADD, ()), (FlagOp.SET, ("\\Seen",))):
        outcome = await store.metadata.set_flags(mailbox.id, uids((1, 2)), op, flags)
        assert outcome.delta is None
    assert contents(await store.load(mailbox)) == contents(after)


@on_every_metadata_backend
async def test_unchanged_since_leaves_later_messages_alone(store: Store) -> None:
    """RFC 7162 §3.1.3: those with a greater MODSEQ are reported, the others are changed."""
    mailbox = await store.mailbox()
    await store.append(mailbox, 4)  # MODSEQ 2
    await store.metadata.set_flags(mailbox.id, uids(2, 4), FlagOp.ADD, ("\\Seen",))  # MODSEQ 3
    before = await store.load(mailbox)
    outcome = await store.metadata.set_flags(mailbox.id, uids((1, 9)), FlagOp.ADD, ("\\Flagged",), ModSeq(2))
    assert (outcome.changed, outcome.refused, outcome.modseq) == (uids(1, 3), uids(2, 4), 4)
    await store.follows(before, outcome.delta)
    assert await store.flags(mailbox) == {1: {"\\Flagged"}, 2: {"\\Seen"}, 3: {"\\Flagged"}, 4: {"\\Seen"}}


@on_every_metadata_backend
async def test_unchanged_since_nothing(store: Store) -> None:
    """RFC 7162 §3.1.3, example 8: UNCHANGEDSINCE 0 refuses all that exist."""
    mailbox = await store.mailbox()
    await store.append(mailbox, 2)
    outcome = await store.metadata.set_flags(mailbox.id, uids((1, 3)), FlagOp.ADD, ("$new",), ModSeq(0))
    assert (outcome.changed, outcome.refused, outcome.delta) == (UidSet(), uids((1, 2)), None)
    assert (await store.load(mailbox)).keywords == ()


@on_every_metadata_backend
async def test_messages_that_do_not_exist_are_skipped(store: Store) -> None:
    mailbox = await store.mailbox()
    for chosen in (UidSet(), uids(7), uids((1, 2**32 - 1))):
        outcome = await store.metadata.set_flags(mailbox.id, chosen, FlagOp.SET, ("$new",))
        assert (outcome.changed, outcome.refused, outcome.modseq, outcome.delta) == (UidSet(), UidSet(), 1, None)
    assert (await store.load(mailbox)).keywords == ()
    with pytest.raises(MailboxNotFound):
        await store.metadata.set_flags(MailboxId(99), uids(1), FlagOp.ADD, ("\\Seen",))


@on_every_metadata_backend
async def test_the_highest_keyword_bit(store: Store) -> None:
    """Bit 63 is the sign of the row's integer."""
    mailbox = await store.mailbox()
    names = tuple(f"$k{number}" for number in range(59))
    await store.append(mailbox, 3, names)
    await store.metadata.set_flags(mailbox.id, uids(1), FlagOp.REMOVE, ("$k58",))
    await store.metadata.set_flags(mailbox.id, uids(2), FlagOp.SET, ("$k58", "\\Seen"))
    await store.metadata.set_flags(mailbox.id, uids(3), FlagOp.REMOVE, names[:58])
    assert await store.flags(mailbox) == {1: set(names[:58]), 2: {"$k58", "\\Seen"}, 3: {"$k58"}}


@on_every_metadata_backend
async def test_concurrent_flag_changes_are_not_lost(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 3)
    names = [f"$k{number}" for number in range(20)]
    outcomes = await asyncio.gather(
        *(store.metadata.set_flags(mailbox.id, uids((1, 3)), FlagOp.ADD, (name,)) for name in names)
    )
    assert sorted(outcome.modseq for outcome in outcomes) == list(range(3, 23))
    assert await store.flags(mailbox) == {uid: set(names) for uid in (1, 2, 3)}


@on_every_metadata_backend
async def test_conditional_stores_that_race_have_one_winner(store: Store) -> None:
    """RFC 7162 §3.1.3: the point of UNCHANGEDSINCE."""
    mailbox = await store.mailbox()
    await store.append(mailbox)
    outcomes = await asyncio.gather(
        *(
            store.metadata.set_flags(mailbox.id, uids(1), FlagOp.ADD, (f"$by{number}",), ModSeq(2))
            for number in range(10)
        )
    )
    assert sum(bool(outcome.changed) for outcome in outcomes) == 1
    assert sum(bool(outcome.refused) for outcome in outcomes) == 9
    assert len((await store.flags(mailbox))[1]) == 1
