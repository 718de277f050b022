"""MetadataStore: mailboxes, their names, subscriptions and counters (RFC 9051 §6.3)."""

from __future__ import annotations

import pytest

from lightmail.errors import (
    MailboxExists,
    MailboxHasChildren,
    MailboxNameInvalid,
    MailboxNotFound,
    MailboxNotSelectable,
    UserNotFound,
)
from lightmail.model import FlagOp, MailboxId, ModSeq, UserId
from tests.support.backends import Store, on_every_metadata_backend, uids


@on_every_metadata_backend
async def test_a_new_mailbox_is_empty_and_has_a_modseq(store: Store) -> None:
    """RFC 7162 §3.1.2.1: HIGHESTMODSEQ is at least 1 even for an empty mailbox (law 2)."""
    made = await store.metadata.create_mailbox(store.user.id, "Work", special_use=("\\Sent",), subscribe=True)
    found = await store.metadata.get_mailbox(store.user.id, "Work")
    assert made == found == await store.again(made)
    assert (found.uid_next, found.highest_modseq, found.messages, found.unseen, found.recent) == (1, 1, 0, 0, 0)
    assert found.special_use == ("\\Sent",) and found.subscribed and found.selectable
    assert 0 < found.uid_validity < 2**32


@on_every_metadata_backend
async def test_mailboxes_are_listed_by_name_of_one_user_only(store: Store) -> None:
    other = await store.directory.add_user("bob@example.org", "")
    await store.metadata.create_mailbox(other.id, "Hers")
    for name in ("b", "B", "ä", "INBOX", "a/c", "a b"):
        await store.mailbox(name)
    names = [mailbox.name for mailbox in await store.metadata.list_mailboxes(store.user.id)]
    assert names == sorted(["b", "B", "ä", "INBOX", "a", "a/c", "a b"])


@on_every_metadata_backend
async def test_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(MailboxNotFound, match="Nowhere"):
        await store.metadata.get_mailbox(store.user.id, "Nowhere")
    with pytest.raises(MailboxNotFound):
        await store.metadata.status(store.user.id, "Nowhere")
    with pytest.raises(MailboxNotFound):
        await store.metadata.rename_mailbox(store.user.id, "Nowhere", "Elsewhere")
    with pytest.raises(MailboxNotFound):
        await store.metadata.delete_mailbox(store.user.id, "Nowhere")
    with pytest.raises(UserNotFound):
        await store.metadata.create_mailbox(UserId(99), "INBOX")


@on_every_metadata_backend
async def test_mailboxes_of_several_users(store: Store) -> None:
    bob = await store.directory.add_user("bob@example.org", "hash")
    cid = await store.directory.add_user("cid@example.org", "hash")
    own = await store.mailbox("Work")
    await store.mailbox("work")
    of_bob = await store.metadata.create_mailbox(bob.id, "Work")
    found = await store.metadata.get_mailboxes([store.user.id, bob.id, cid.id], "Work")
    assert found == {store.user.id: own, bob.id: of_bob}
    assert await store.metadata.get_mailboxes([], "Work") == {}


@on_every_metadata_backend
async def test_names_are_case_sensitive_and_unique(store: Store) -> None:
    await store.mailbox("Work")
    await store.mailbox("work")
    with pytest.raises(MailboxExists, match="Work"):
        await store.mailbox("Work")


@on_every_metadata_backend
async def test_missing_parents_are_created(store: Store) -> None:
    """RFC 9051 §6.3.4."""
    await store.metadata.create_mailbox(store.user.id, "a/b/c", special_use=("\\Junk",), subscribe=True)
    boxes = {mailbox.name: mailbox for mailbox in await store.metadata.list_mailboxes(store.user.id)}
    assert sorted(boxes) == ["a", "a/b", "a/b/c"]
    assert all(mailbox.selectable for mailbox in boxes.values())
    assert [name for name in boxes if boxes[name].subscribed or boxes[name].special_use] == ["a/b/c"]
    assert len({mailbox.uid_validity for mailbox in boxes.values()}) == 3


@on_every_metadata_backend
async def test_uid_validity_grows_with_each_incarnation_of_a_name(store: Store) -> None:
    """Law 2; RFC 9051 §6.3.4: a name used again has a greater UIDVALIDITY, even within the same second."""
    seen = []
    for _ in range(3):
        mailbox = await store.mailbox("Work")
        seen.append(mailbox.uid_validity)
        await store.metadata.delete_mailbox(store.user.id, "Work")
    store.clock.now -= 1000
    seen.append((await store.mailbox("Work")).uid_validity)
    assert seen == sorted(set(seen))


@on_every_metadata_backend
async def test_uid_validity_grows_when_an_account_is_made_again(store: Store) -> None:
    before = await store.mailbox("INBOX")
    await store.directory.delete_user(store.user.id)
    user = await store.directory.add_user("ann@example.org", "")
    after = await store.metadata.create_mailbox(user.id, "INBOX")
    assert after.uid_validity > before.uid_validity
    assert after.id != before.id


@on_every_metadata_backend
async def test_deleting_a_mailbox_removes_its_messages(store: Store) -> None:
    mailbox = await store.mailbox("Work")
    kept = await store.mailbox("Kept")
    (first, second) = await store.append(mailbox, 2)
    await store.metadata.copy(mailbox.id, uids(second.uid), kept.id)
    await store.metadata.delete_mailbox(store.user.id, "Work")
    with pytest.raises(MailboxNotFound):
        await store.load(mailbox)
    with pytest.raises(MailboxNotFound):
        await store.metadata.changes_since(mailbox.id, ModSeq(1))
    assert [body.body_id for body in await store.metadata.unreferenced_bodies(10)] == [first.body_id]


@on_every_metadata_backend
async def test_a_deleted_mailbox_with_children_stays_as_a_name(store: Store) -> None:
    """RFC 9051 §6.3.5: \\Noselect; a second DELETE is refused; CREATE makes it selectable again."""
    parent = await store.mailbox("a")
    child = await store.mailbox("a/b")
    await store.append(parent, 3)
    await store.metadata.delete_mailbox(store.user.id, "a")
    name = await store.metadata.get_mailbox(store.user.id, "a")
    assert not name.selectable and name.messages == 0
    # Sessions that have it open find their mailbox gone.
    assert name.id != parent.id
    with pytest.raises(MailboxNotFound):
        await store.load(parent)
    with pytest.raises(MailboxNotFound):
        await store.load(name)
    with pytest.raises(MailboxNotSelectable):
        await store.metadata.status(store.user.id, "a")
    with pytest.raises(MailboxHasChildren):
        await store.metadata.delete_mailbox(store.user.id, "a")
    assert (await store.again(child)).selectable
    made = await store.metadata.create_mailbox(store.user.id, "a", special_use=("\\Archive",))
    assert made.selectable and made.uid_validity > parent.uid_validity and made.special_use == ("\\Archive",)
    assert (made.uid_next, made.messages) == (1, 0)
    assert (await store.append(made))[0].uid_validity == made.uid_validity


@on_every_metadata_backend
async def test_a_name_without_children_left_can_be_deleted(store: Store) -> None:
    await store.mailbox("a/b")
    await store.metadata.delete_mailbox(store.user.id, "a")
    await store.metadata.delete_mailbox(store.user.id, "a/b")
    await store.metadata.delete_mailbox(store.user.id, "a")
    assert await store.metadata.list_mailboxes(store.user.id) == []


@on_every_metadata_backend
async def test_similar_names_are_no_children(store: Store) -> None:
    await store.mailbox("a")
    for name in ("a0", "a-b", "a.", "ab/c"):
        await store.mailbox(name)
    await store.metadata.rename_mailbox(store.user.id, "a", "z")
    await store.metadata.delete_mailbox(store.user.id, "z")
    names = [mailbox.name for mailbox in await store.metadata.list_mailboxes(store.user.id)]
    assert names == sorted(["a0", "a-b", "a.", "ab", "ab/c"])


@on_every_metadata_backend
async def test_rename_moves_the_whole_subtree(store: Store) -> None:
    """RFC 9051 §6.3.6; ids, UIDVALIDITY and messages are kept, missing parents of the target are created."""
    before = {name: await store.mailbox(name) for name in ("ä%_", "ä%_/x", "ä%_/x/y", "ä%_z")}
    await store.append(before["ä%_/x"], 2, ("\\Seen",))
    await store.metadata.rename_mailbox(store.user.id, "ä%_", "new/place")
    after = {mailbox.name: mailbox for mailbox in await store.metadata.list_mailboxes(store.user.id)}
    assert sorted(after) == sorted(["new", "new/place", "new/place/x", "new/place/x/y", "ä%_z"])
    for name, moved in (("ä%_", "new/place"), ("ä%_/x", "new/place/x"), ("ä%_/x/y", "new/place/x/y")):
        assert (after[moved].id, after[moved].uid_validity) == (before[name].id, before[name].uid_validity)
    assert after["new/place/x"].messages == 2


@on_every_metadata_backend
async def test_rename_refuses_what_exists_and_its_own_inside(store: Store) -> None:
    await store.mailbox("a/b")
    await store.mailbox("c")
    for target in ("c", "a"):
        with pytest.raises(MailboxExists):
            await store.metadata.rename_mailbox(store.user.id, "a", target)
    for target in ("a/b", "a/b/d", "a/d"):
        with pytest.raises(MailboxNameInvalid):
            await store.metadata.rename_mailbox(store.user.id, "a", target)
    names = [mailbox.name for mailbox in await store.metadata.list_mailboxes(store.user.id)]
    assert names == ["a", "a/b", "c"]


@on_every_metadata_backend
async def test_rename_of_inbox_moves_its_messages(store: Store) -> None:
    """RFC 9051 §6.3.6: INBOX stays, empty; what is below it stays too."""
    inbox = await store.mailbox("INBOX")
    await store.mailbox("INBOX/below")
    await store.append(inbox, 3, ("\\Seen", "$Work"))
    before = await store.load(inbox)
    outcome = await store.metadata.rename_inbox(store.user.id, "Old/mail")
    target = await store.metadata.get_mailbox(store.user.id, "Old/mail")
    assert (outcome.uid_validity, outcome.source_uids, outcome.target_uids) == (
        target.uid_validity,
        uids((1, 3)),
        uids((1, 3)),
    )
    await store.follows(before, outcome.source_delta)
    assert await store.flags(target) == {uid: {"\\Seen", "$Work"} for uid in (1, 2, 3)}
    emptied = await store.metadata.get_mailbox(store.user.id, "INBOX")
    assert (emptied.id, emptied.messages, emptied.uid_next) == (inbox.id, 0, 4)
    names = [mailbox.name for mailbox in await store.metadata.list_mailboxes(store.user.id)]
    assert names == ["INBOX", "INBOX/below", "Old", "Old/mail"]
    with pytest.raises(MailboxExists):
        await store.metadata.rename_inbox(store.user.id, "Old")


@on_every_metadata_backend
async def test_rename_of_an_empty_inbox(store: Store) -> None:
    await store.mailbox("INBOX")
    outcome = await store.metadata.rename_inbox(store.user.id, "Old")
    assert not outcome.source_uids and outcome.source_delta is None and outcome.target_delta is None
    assert (await store.metadata.get_mailbox(store.user.id, "Old")).selectable


@on_every_metadata_backend
async def test_an_account_that_is_gone_subscribes_to_nothing(store: Store) -> None:
    await store.directory.delete_user(store.user.id)
    with pytest.raises(UserNotFound):
        await store.metadata.set_subscribed(store.user.id, "Work", True)
    await store.metadata.set_subscribed(store.user.id, "Work", False)
    assert await store.metadata.list_subscriptions(store.user.id) == frozenset()


@on_every_metadata_backend
async def test_subscriptions_outlive_mailboxes(store: Store) -> None:
    """RFC 9051 §6.3.7: the server must not remove a subscription because the mailbox is gone."""
    await store.mailbox("Work")
    for name in ("Work", "Never there", "Work"):
        await store.metadata.set_subscribed(store.user.id, name, True)
    assert (await store.metadata.get_mailbox(store.user.id, "Work")).subscribed
    await store.metadata.delete_mailbox(store.user.id, "Work")
    assert await store.metadata.list_subscriptions(store.user.id) == {"Work", "Never there"}
    assert (await store.mailbox("Work")).subscribed
    await store.metadata.set_subscribed(store.user.id, "Work", False)
    await store.metadata.set_subscribed(store.user.id, "Work", False)
    assert await store.metadata.list_subscriptions(store.user.id) == {"Never there"}


@on_every_metadata_backend
async def test_status_counts(store: Store) -> None:
    """RFC 9051 §6.3.11, kept up to date by every verb that changes messages."""
    mailbox = await store.mailbox("Work")
    await store.append(mailbox, 2, octets=100)
    await store.append(mailbox, 1, ("\\Seen", "\\Deleted"), octets=1000)
    await store.append(mailbox, 1, ("\\Seen",), octets=10)
    await store.metadata.set_flags(mailbox.id, uids(1, 4), FlagOp.ADD, ("\\Seen", "\\Deleted"))
    await store.metadata.expunge(mailbox.id, uids(4))
    await store.metadata.copy(mailbox.id, uids(1, 2), mailbox.id)
    status = await store.metadata.status(store.user.id, "Work")
    assert (status.messages, status.unseen, status.deleted, status.size_octets) == (5, 2, 3, 1400)
    assert (status.recent, status.uid_next, status.uid_validity) == (5, 7, mailbox.uid_validity)
    found = await store.again(mailbox)
    assert (found.messages, found.unseen, found.deleted, found.size_octets) == (5, 2, 3, 1400)
    assert found.highest_modseq == status.highest_modseq == (await store.load(mailbox)).highest_modseq


@on_every_metadata_backend
async def test_modseqs_of_many_mailboxes(store: Store) -> None:
    one, two = await store.mailbox("one"), await store.mailbox("two")
    await store.append(two)
    await store.mailbox("gone/child")
    gone = await store.metadata.get_mailbox(store.user.id, "gone")
    await store.metadata.delete_mailbox(store.user.id, "gone")
    assert await store.metadata.modseqs([one.id, two.id, gone.id, MailboxId(999)]) == {one.id: 1, two.id: 2}
    assert await store.metadata.modseqs([]) == {}
