"""Annotations: private ones belong to a user, shared ones to all, and both go where their mailbox and account go."""

from __future__ import annotations

import pytest

from lightmail.errors import MailboxNotFound, TooManyAnnotations, UserNotFound
from lightmail.model import NOBODY, SERVER, Annotation, Mailbox, MailboxId, User, UserId
from tests.support.backends import Store, on_every_metadata_backend

MOST = 3


async def annotate(store: Store, mailbox: Mailbox | None, user: User | None = None, **values: bytes | None) -> None:
    """values: by entry, "_" for "/"."""
    await store.metadata.annotate(
        (user or store.user).id,
        mailbox.id if mailbox else SERVER,
        [("/" + name.replace("_", "/"), value) for name, value in values.items()],
        owner_id=mailbox.user_id if mailbox else NOBODY,
        most=MOST,
    )


async def give(store: Store, mailbox: Mailbox, *uses: str) -> None:
    owner = mailbox.user_id
    await store.metadata.annotate(owner, mailbox.id, [], owner_id=owner, most=MOST, special_use=uses)


async def seen(store: Store, mailbox: Mailbox | None, user: User | None = None) -> dict[str, bytes]:
    found = await store.metadata.annotations((user or store.user).id, [mailbox.id if mailbox else SERVER])
    return {one.entry: one.value for one in found}


@on_every_metadata_backend
async def test_private_and_shared(store: Store) -> None:
    inbox = await store.mailbox()
    bob = await store.directory.add_user("bob@example.org", "")
    await annotate(store, inbox, shared_comment=b"ours", private_comment=b"mine\0\r\n\xff")
    await annotate(store, inbox, bob, private_comment=b"his")
    assert await seen(store, inbox) == {"/private/comment": b"mine\0\r\n\xff", "/shared/comment": b"ours"}
    assert await seen(store, inbox, bob) == {"/private/comment": b"his", "/shared/comment": b"ours"}
    assert await seen(store, None) == {}
    await annotate(store, None, shared_comment=b"server", private_comment=b"")
    assert await seen(store, None) == {"/private/comment": b"", "/shared/comment": b"server"}
    entry = "/shared/comment"
    await store.metadata.annotate(NOBODY, SERVER, [(entry, b"moved")], owner_id=NOBODY, most=MOST)
    assert await store.metadata.annotations(NOBODY, [SERVER]) == [Annotation(SERVER, entry, b"moved")]
    await annotate(store, inbox, bob, shared_comment=b"changed", private_comment=None)
    assert await seen(store, inbox, bob) == {"/shared/comment": b"changed"}
    assert (await seen(store, inbox))["/private/comment"] == b"mine\0\r\n\xff"


@on_every_metadata_backend
async def test_several_mailboxes_and_only_some_entries(store: Store) -> None:
    inbox, archive = await store.mailbox(), await store.mailbox("Archive")
    await annotate(store, inbox, shared_b=b"1", shared_a=b"2", private_a=b"3")
    await annotate(store, archive, shared_a=b"4")
    user_id = store.user.id
    assert await store.metadata.annotations(user_id, [archive.id, inbox.id], ["/shared/a", "/shared/none"]) == [
        Annotation(inbox.id, "/shared/a", b"2"),
        Annotation(archive.id, "/shared/a", b"4"),
    ]
    assert await store.metadata.annotations(user_id, []) == []
    assert await store.metadata.annotations(user_id, [inbox.id], []) == []


@on_every_metadata_backend
async def test_marks_are_of_values(store: Store) -> None:
    inbox, archive = await store.mailbox(), await store.mailbox("Archive")
    bob = await store.directory.add_user("bob@example.org", "")
    await annotate(store, inbox, shared_a=b"1", private_a=b"1")
    await annotate(store, inbox, bob, private_b=b"1")
    await annotate(store, archive, shared_a=b"1")
    ids = [inbox.id, SERVER]
    before = await store.metadata.annotation_marks(store.user.id, ids)
    assert set(before) == {(inbox.id, "/shared/a"), (inbox.id, "/private/a")}
    await annotate(store, inbox, shared_a=b"2", private_a=b"1")
    await annotate(store, None, shared_a=b"2")
    after = await store.metadata.annotation_marks(store.user.id, ids)
    assert {key for key, _ in after.items() ^ before.items()} == {(inbox.id, "/shared/a"), (SERVER, "/shared/a")}
    # They are the same ones wherever an account goes.
    records = await store.upkeep.account_records(UserId(0), 10)
    await store.upkeep.put_accounts(records)
    assert await store.metadata.annotation_marks(store.user.id, ids) == after
    assert await store.metadata.annotation_marks(store.user.id, []) == {}


@on_every_metadata_backend
async def test_all_or_none(store: Store) -> None:
    inbox = await store.mailbox()
    await annotate(store, inbox, shared_a=b"1", shared_b=b"2", private_a=b"3", private_b=b"4", private_c=b"5")
    with pytest.raises(TooManyAnnotations):
        await annotate(store, inbox, shared_a=b"other", shared_c=b"6", private_d=b"7")
    assert (await seen(store, inbox))["/shared/a"] == b"1"
    # What takes the place of another, or of one that goes, fits.
    await annotate(store, inbox, private_a=b"new", private_b=None, private_d=b"7")
    assert sorted(await seen(store, inbox)) == ["/private/a", "/private/c", "/private/d", "/shared/a", "/shared/b"]
    with pytest.raises(UserNotFound):
        await annotate(store, inbox, User(UserId(99), "", "", True, 0), shared_a=b"")
    with pytest.raises(MailboxNotFound):
        await store.metadata.annotate(
            store.user.id, MailboxId(99), [("/shared/a", b"")], owner_id=store.user.id, most=MOST
        )


@on_every_metadata_backend
async def test_they_are_a_change_of_their_mailbox(store: Store) -> None:
    """RFC 7162 §3.2: a new MODSEQ, which nothing but the mailbox has."""
    inbox = await store.mailbox()
    await store.append(inbox, 2)
    before = (await store.metadata.modseqs([inbox.id]))[inbox.id]
    values = [("/shared/a", b"1")]
    delta = await store.metadata.annotate(store.user.id, inbox.id, values, owner_id=store.user.id, most=MOST)
    assert delta is not None
    assert (delta.base_modseq, delta.highest_modseq) == (before, before + 1)
    assert (await store.metadata.modseqs([inbox.id]))[inbox.id] == before + 1
    with pytest.raises(TooManyAnnotations):
        await annotate(store, inbox, **{f"shared_{number}": b"" for number in range(MOST + 1)})
    assert (await store.metadata.modseqs([inbox.id]))[inbox.id] == before + 1
    # The server has none, nor has what holds no messages.
    assert await store.metadata.annotate(NOBODY, SERVER, values, owner_id=NOBODY, most=MOST) is None
    await store.mailbox("a/b")
    await store.metadata.delete_mailbox(store.user.id, "a")
    (holder,) = [box for box in await store.metadata.list_mailboxes(store.user.id) if box.name == "a"]
    assert await store.metadata.annotate(store.user.id, holder.id, values, owner_id=store.user.id, most=MOST) is None


@on_every_metadata_backend
async def test_special_uses_go_from_one_mailbox_to_another(store: Store) -> None:
    """RFC 6154 §4: each is at most one mailbox's of a user."""
    sent = await store.metadata.create_mailbox(store.user.id, "Sent", special_use=("\\Sent", "\\All"))
    other, archive = await store.mailbox("Other"), await store.mailbox("Archive")
    bob = await store.directory.add_user("bob@example.org", "")
    his = await store.metadata.create_mailbox(bob.id, "Sent", special_use=("\\Sent",))
    await give(store, archive, "\\Archive")
    await give(store, other, "\\Sent", "\\Flagged")

    async def uses(user: User) -> dict[str, tuple[str, ...]]:
        return {box.name: box.special_use for box in await store.metadata.list_mailboxes(user.id) if box.special_use}

    assert await uses(store.user) == {
        "Sent": ("\\All",),
        "Archive": ("\\Archive",),
        "Other": ("\\Sent", "\\Flagged"),
    }
    await give(store, other)
    await give(store, sent, "\\All")
    assert await uses(store.user) == {"Sent": ("\\All",), "Archive": ("\\Archive",)}
    assert await uses(bob) == {his.name: ("\\Sent",)}


@on_every_metadata_backend
async def test_they_follow_their_mailbox(store: Store) -> None:
    inbox, box = await store.mailbox(), await store.mailbox("a")
    await annotate(store, box, shared_comment=b"1")
    await annotate(store, inbox, shared_comment=b"2", private_comment=b"3")
    await store.metadata.rename_mailbox(store.user.id, "a", "b")
    assert await seen(store, box) == {"/shared/comment": b"1"}
    await store.metadata.delete_mailbox(store.user.id, "b")
    assert await seen(store, await store.mailbox("b")) == {}
    # RFC 5464 §4.1: INBOX keeps them, and its new name has them too.
    await store.metadata.rename_inbox(store.user.id, "old")
    old = await store.metadata.get_mailbox(store.user.id, "old")
    assert await seen(store, old) == await seen(store, inbox) == {"/private/comment": b"3", "/shared/comment": b"2"}


@on_every_metadata_backend
async def test_they_move_with_their_account_and_go_with_it(store: Store) -> None:
    inbox = await store.mailbox()
    bob = await store.directory.add_user("bob@example.org", "")
    await annotate(store, inbox, shared_comment=b"1", private_comment=b"2")
    await annotate(store, inbox, bob, private_comment=b"3\xff")
    await annotate(store, None, bob, private_comment=b"4")
    records = await store.upkeep.account_records(UserId(0), 10)
    assert [record.annotations for record in records] == [
        (Annotation(inbox.id, "/private/comment", b"2"), Annotation(inbox.id, "/shared/comment", b"1")),
        (Annotation(SERVER, "/private/comment", b"4"), Annotation(inbox.id, "/private/comment", b"3\xff")),
    ]
    await annotate(store, inbox, bob, private_comment=None, private_other=b"5", shared_comment=b"other")
    await store.upkeep.put_accounts(records)
    assert await store.upkeep.account_records(UserId(0), 10) == records
    await store.directory.delete_user(bob.id)
    assert await seen(store, inbox, bob) == {"/shared/comment": b"1"}
    await store.upkeep.drop_accounts([store.user.id])
    assert await seen(store, inbox) == {}
