"""MetadataStore: access control lists, what they open, and flags that rights do not cover (RFC 4314)."""

from __future__ import annotations

import pytest

from lightmail.backends import acl
from lightmail.errors import LimitExceeded, MailboxNotFound
from lightmail.model import Entries, FlagOp, Mailbox, MailboxId, Rights
from lightmail.model.rights import identifiers, rights_of
from tests.support.backends import Store, on_every_metadata_backend, uids

BOB = "bob@example.org"


async def allow(store: Store, mailbox: Mailbox, identifier: str, letters: str) -> None:
    await store.metadata.change_acl(mailbox.id, identifier, FlagOp.SET, rights_of(letters))


def letters(entries: Entries) -> dict[str, str]:
    return {identifier: rights.letters for identifier, rights in entries}


@on_every_metadata_backend
async def test_rights_are_set_added_and_taken(store: Store) -> None:
    """Each change has a MODSEQ, so that who has the mailbox open looks; what changes nothing has none."""
    mailbox = await store.mailbox("Work")
    change = store.metadata.change_acl
    delta = await change(mailbox.id, BOB, FlagOp.SET, rights_of("lr"))
    assert delta is not None and (delta.base_modseq, delta.highest_modseq) == (1, 2)
    assert not delta.rows and not delta.expunged and delta.mailbox_id == mailbox.id
    assert (await store.again(mailbox)).highest_modseq == 2
    assert await change(mailbox.id, BOB, FlagOp.ADD, rights_of("lr")) is None
    await change(mailbox.id, BOB, FlagOp.ADD, rights_of("it"))
    await change(mailbox.id, f"-{BOB}", FlagOp.SET, rights_of("t"))
    await change(mailbox.id, "anyone", FlagOp.SET, rights_of("p"))
    assert letters(await store.metadata.get_acl(mailbox.id)) == {f"-{BOB}": "t", "anyone": "p", BOB: "lrit"}
    await change(mailbox.id, BOB, FlagOp.REMOVE, rights_of("lri"))
    await change(mailbox.id, "anyone", FlagOp.REMOVE, rights_of("pa"))
    assert await store.metadata.get_acl(mailbox.id) == ((f"-{BOB}", Rights.DELETE), (BOB, Rights.DELETE))
    await change(mailbox.id, BOB, FlagOp.SET, Rights.NONE)
    assert letters(await store.metadata.get_acl(mailbox.id)) == {f"-{BOB}": "t"}
    assert await change(mailbox.id, BOB, FlagOp.SET, Rights.NONE) is None


@on_every_metadata_backend
async def test_what_is_not_there_has_no_list(store: Store) -> None:
    assert await store.metadata.get_acl(MailboxId(99)) == ()
    with pytest.raises(MailboxNotFound):
        await store.metadata.change_acl(MailboxId(99), BOB, FlagOp.SET, Rights.ALL)


@on_every_metadata_backend
async def test_a_list_has_an_end(store: Store) -> None:
    mailbox = await store.mailbox("Work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acl, "MOST_ENTRIES", 3)
        for number in range(3):
            await allow(store, mailbox, f"user{number}@example.org", "r")
        with pytest.raises(LimitExceeded):
            await allow(store, mailbox, BOB, "r")
        await allow(store, mailbox, "user2@example.org", "lr")
    assert len(await store.metadata.get_acl(mailbox.id)) == 3


@on_every_metadata_backend
async def test_a_mailbox_is_visible_to_whom_an_entry_names(store: Store) -> None:
    bob = await store.directory.add_user(BOB, "")
    own = await store.metadata.create_mailbox(bob.id, "INBOX")
    work, other, all_see = [await store.mailbox(name) for name in ("Work", "Other", "Team ")]
    await allow(store, work, BOB, "lr")
    await allow(store, work, "-anyone", "r")
    await allow(store, other, "carl@example.org", "lr")
    await allow(store, all_see, "anyone", "l")
    mine, others = await store.metadata.visible_mailboxes(bob.id, identifiers(BOB), 100)
    assert mine == [own]
    found = {one.mailbox.name: (one.account, letters(one.entries)) for one in others}
    assert found == {
        "Work": (store.user.address, {BOB: "lr", "-anyone": "r"}),
        "Team ": (store.user.address, {"anyone": "l"}),
    }
    (seen,) = [one.mailbox for one in others if one.mailbox.id == work.id]
    assert seen == await store.again(work)
    # One's own mailboxes are one's own, whatever the entry says.
    mine, others = await store.metadata.visible_mailboxes(store.user.id, identifiers(store.user.address), 100)
    assert {box.name for box in mine} == {"Work", "Other", "Team "} and others == []
    by_mailbox = await store.upkeep.account_acls(store.user.id)
    assert by_mailbox == {box.id: await store.metadata.get_acl(box.id) for box in (work, other, all_see)}
    _, others = await store.metadata.visible_mailboxes(bob.id, identifiers(BOB), 1)
    assert len(others) == 1


@on_every_metadata_backend
async def test_mailboxes_of_an_account_by_name(store: Store) -> None:
    work, secret = await store.mailbox("Work"), await store.mailbox("Secret")
    await allow(store, work, BOB, "lr")
    await allow(store, work, "carl@example.org", "a")
    found = await store.metadata.shared_mailboxes(
        store.user.address, ["Work", "Secret", "Nowhere", "work"], identifiers(BOB)
    )
    assert {one.mailbox.id: letters(one.entries) for one in found} == {work.id: {BOB: "lr"}, secret.id: {}}
    assert {one.account for one in found} == {store.user.address}
    assert await store.metadata.shared_mailboxes("nobody@example.org", ["Work"], identifiers(BOB)) == []


@on_every_metadata_backend
async def test_new_mailboxes_get_the_rights_of_the_nearest_one_above(store: Store) -> None:
    """RFC 4314 §4, CREATE."""
    top = await store.mailbox("A")
    below = await store.metadata.create_mailbox(store.user.id, "A/B")
    await allow(store, top, BOB, "lrk")
    await allow(store, below, "carl@example.org", "l")
    for name, expected in (
        ("A/X/Y", {BOB: "lrk"}),
        ("A/X", {BOB: "lrk"}),
        ("A/B/C/D", {"carl@example.org": "l"}),
        ("A/B/C", {"carl@example.org": "l"}),
        ("Z/Y", {}),
    ):
        if name not in ("A/X", "A/B/C"):  # made on the way
            await store.metadata.create_mailbox(store.user.id, name)
        made = await store.metadata.get_mailbox(store.user.id, name)
        assert letters(await store.metadata.get_acl(made.id)) == expected, name
    await store.metadata.rename_mailbox(store.user.id, "Z/Y", "A/New/Y")
    parent, renamed = [await store.metadata.get_mailbox(store.user.id, name) for name in ("A/New", "A/New/Y")]
    assert letters(await store.metadata.get_acl(parent.id)) == {BOB: "lrk"}
    assert await store.metadata.get_acl(renamed.id) == ()


@on_every_metadata_backend
async def test_rename_keeps_a_list_and_delete_ends_it(store: Store) -> None:
    """RFC 4314 §4, RENAME and DELETE; one that was \\Noselect inherits when it is made anew."""
    top, work = await store.mailbox("A"), await store.metadata.create_mailbox(store.user.id, "A/Work")
    await store.metadata.create_mailbox(store.user.id, "A/Work/Deep")
    await allow(store, top, BOB, "l")
    await allow(store, work, BOB, "lrs")
    await store.metadata.rename_mailbox(store.user.id, "A/Work", "A/Play")
    assert letters(await store.metadata.get_acl(work.id)) == {BOB: "lrs"}
    await store.metadata.delete_mailbox(store.user.id, "A/Play")
    assert await store.metadata.get_acl(work.id) == ()
    left = await store.metadata.get_mailbox(store.user.id, "A/Play")
    assert not left.selectable and await store.metadata.get_acl(left.id) == ()
    again = await store.metadata.create_mailbox(store.user.id, "A/Play")
    assert letters(await store.metadata.get_acl(again.id)) == {BOB: "l"}


@on_every_metadata_backend
async def test_who_leaves_is_in_no_list_any_more(store: Store) -> None:
    """Whoever gets the address later must not get the rights with it."""
    bob = await store.directory.add_user(BOB, "")
    carl = await store.directory.add_user("carl@example.org", "")
    work = await store.mailbox("Work")
    for identifier in (BOB, f"-{BOB}", "anyone", "carl@example.org"):
        await allow(store, work, identifier, "lr")
    await store.directory.delete_user(bob.id)
    assert set(letters(await store.metadata.get_acl(work.id))) == {"anyone", "carl@example.org"}
    await store.upkeep.drop_accounts([carl.id])
    assert set(letters(await store.metadata.get_acl(work.id))) == {"anyone"}


@on_every_metadata_backend
async def test_store_leaves_flags_alone_that_rights_do_not_cover(store: Store) -> None:
    """RFC 4314 §4, STORE: "s" for \\Seen, "t" for \\Deleted, "w" for all others."""
    mailbox = await store.mailbox("Work")
    for _ in range(2):
        await store.append(mailbox, flags=("\\Flagged", "\\Deleted", "$a"))
    for number in (1, 2):  # one message has a way of its own
        chosen = uids(*range(1, number + 1))
        store_flags = store.metadata.set_flags
        for op, flags, letter, expected in (
            (FlagOp.SET, ("\\Seen", "$b"), "s", {"\\Flagged", "\\Deleted", "\\Seen", "$a"}),
            (FlagOp.SET, ("$b",), "w", {"\\Deleted", "\\Seen", "$b"}),
            (FlagOp.REMOVE, ("\\Seen", "\\Deleted", "$b"), "t", {"\\Seen", "$b"}),
            (FlagOp.ADD, ("\\Deleted", "$c", "\\Answered"), "st", {"\\Seen", "\\Deleted", "$b"}),
            (FlagOp.ADD, ("\\Deleted", "$c"), "lri", {"\\Seen", "\\Deleted", "$b"}),
            (FlagOp.SET, ("\\Flagged", "\\Deleted", "$a"), "swt", {"\\Flagged", "\\Deleted", "$a"}),
        ):
            await store_flags(mailbox.id, chosen, op, flags, rights=rights_of(letter))
            found = await store.flags(mailbox)
            assert [found[uid] for uid in range(1, number + 1)] == [expected] * number, (number, letter, op)
    seen = await store.again(mailbox)
    assert (seen.deleted, seen.unseen) == (2, 2)
    # No keyword has come into being that nobody was allowed to set.
    assert "$c" not in (await store.metadata.load(mailbox.id)).keywords


COPIED = {
    "rwis": ({"\\Draft"}, {"\\Answered"}, {"$Forwarded", "\\Seen"}),
    "rsti": ({"\\Deleted"}, set(), {"\\Seen"}),
    "i": (set(), set(), set()),
}


@on_every_metadata_backend
async def test_copies_have_the_flags_that_rights_cover(store: Store) -> None:
    """The example of RFC 4314 §4."""
    for letter, expected in COPIED.items():
        for verb in (store.metadata.copy, store.metadata.move):
            source, target = await store.mailbox(f"{letter} from"), await store.mailbox(f"{letter} to")
            for flags in (("\\Draft", "\\Deleted"), ("\\Answered",), ("$Forwarded", "\\Seen")):
                await store.append(source, flags=flags)
            await store.append(target, flags=("$Other",))
            before = await store.load(target)
            one = await store.metadata.copy(source.id, uids(1), target.id, rights=rights_of(letter))
            await store.follows(before, one.delta)
            outcome = await verb(source.id, uids(1, 2, 3), target.id, rights=rights_of(letter))
            assert outcome.target_uids == uids(3, 4, 5)
            assert await store.flags(target) == dict(enumerate([{"$Other"}, expected[0], *expected], start=1))
            again = await store.again(target)
            assert again.deleted == 2 * ("\\Deleted" in expected[0])
            assert again.unseen == 2 + sum("\\Seen" not in flags for flags in expected)
            for mailbox in (source, target):
                await store.metadata.delete_mailbox(store.user.id, mailbox.name)
