"""MetadataStore: \\Recent, which IMAP4rev1 sessions claim (RFC 3501 §2.3.2)."""

from __future__ import annotations

import pytest

from lightmail.errors import MailboxNotFound
from lightmail.model import FlagOp, MailboxId
from tests.support.backends import Store, on_every_metadata_backend, uids


@on_every_metadata_backend
async def test_the_first_to_claim_gets_them(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 3)
    assert (await store.again(mailbox)).recent == 3
    assert await store.metadata.claim_recent(mailbox.id, 4) == 1
    assert await store.metadata.claim_recent(mailbox.id, 4) == 4
    claimed = await store.again(mailbox)
    assert (claimed.recent_from, claimed.recent, claimed.highest_modseq) == (4, 0, 2)
    await store.append(mailbox, 2)
    status = await store.metadata.status(store.user.id, "INBOX")
    assert status.recent == 2


@on_every_metadata_backend
async def test_messages_that_came_meanwhile_stay_recent(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 5)
    assert await store.metadata.claim_recent(mailbox.id, 3) == 1
    claimed = await store.again(mailbox)
    assert (claimed.recent_from, claimed.recent) == (3, 3)
    assert await store.metadata.claim_recent(mailbox.id, 2) == 3
    assert (await store.again(mailbox)).recent_from == 3


@on_every_metadata_backend
async def test_nothing_is_claimed_beyond_uidnext(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 1)
    assert await store.metadata.claim_recent(mailbox.id, 100) == 1
    await store.append(mailbox, 1)
    assert (await store.again(mailbox)).recent == 1


@on_every_metadata_backend
async def test_expunge_and_move_take_them_away(store: Store) -> None:
    source, target = await store.mailbox(), await store.mailbox("Target")
    await store.append(source, 4)
    await store.metadata.claim_recent(source.id, 3)
    await store.append(source, 2)
    await store.metadata.set_flags(source.id, uids(1, 5), FlagOp.ADD, ("\\Deleted",))
    await store.metadata.expunge(source.id, None)
    assert (await store.again(source)).recent == 3
    await store.metadata.move(source.id, uids((2, 3)), target.id)
    await store.metadata.copy(source.id, uids(4), source.id)
    assert ((await store.again(source)).recent, (await store.again(target)).recent) == (3, 2)


@on_every_metadata_backend
async def test_a_mailbox_that_is_not_there(store: Store) -> None:
    with pytest.raises(MailboxNotFound):
        await store.metadata.claim_recent(MailboxId(99), 5)
