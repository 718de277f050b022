"""Upkeep: records as they are, out and in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from lightmail.backends.memory import MemoryDirectory, MemoryMetadata, MemoryState, MemoryUpkeep
from lightmail.errors import BodyMissing, MailboxExists, MailboxNotFound, UserExists, UserNotFound
from lightmail.model import (
    AccountRecord,
    AppPassword,
    BodyId,
    ExpungeRange,
    FlagOp,
    Mailbox,
    MailboxId,
    MailboxPatch,
    MailboxRecord,
    ModSeq,
    UidValidity,
    User,
    UserId,
)
from tests.support.aio import run
from tests.support.backends import METADATA, START_S, HandClock, Ports, Store, contents, on_every_metadata_backend, uids
from tests.support.services import Services
from tests.support.whole import all_accounts, all_mailboxes, carry, everything, expunged, patch_of

SAVED_S = 1_050_000_000


def account(number: int, address: str, **others: object) -> AccountRecord:
    user = User(UserId(number), address, f"hash {number}", number % 2 == 1, 1_000_000 + number)
    return replace(AccountRecord(user, (), (), 0), **others)  # type: ignore[arg-type]


def mailbox(number: int, name: str, *, user: int = 1, **others: object) -> MailboxRecord:
    there = Mailbox(MailboxId(number), UserId(user), name, UidValidity(2_000_000_000), 1, ModSeq(1), False, ())
    return MailboxRecord(replace(there, **others), ())  # type: ignore[arg-type]


def row(
    uid: int, body_id: int, *, flags: int = 0, modseq: int = 1, size: int = 1000, nth_body: int | None = None
) -> str:
    """nth_body: which one of `Store.body` it is, if not the one of its id."""
    sent = 900_000_000 + (nth_body or body_id)
    return f"{uid} {size} {flags} {modseq} {body_id} 1100000000 120 {SAVED_S} {sent} -90\n"


def patch(number: int, *rows: str, **others: object) -> MailboxPatch:
    plain = MailboxPatch(MailboxId(number), (), ["".join(rows)] if rows else [], (), None, (), 10, ModSeq(20))
    return replace(plain, **others)  # type: ignore[arg-type]


async def counters(store: Store, number: int) -> Mailbox:
    (found,) = [one.mailbox for one in await all_mailboxes(store) if one.mailbox.id == number]
    (counted,) = [one.counted for one in await store.upkeep.mailbox_counts(MailboxId(number - 1), 1)]
    assert (found.messages, found.unseen, found.deleted, found.size_octets, found.recent) == (
        counted.messages,
        counted.unseen,
        counted.deleted,
        counted.size_octets,
        counted.recent,
    )
    return found


async def references(store: Store) -> dict[int, int]:
    """By body id; they agree with the messages."""
    bodies = await store.upkeep.body_counts(BodyId(0), 10_000)
    assert {body.id: body.references for body in bodies} == {body.id: body.counted for body in bodies}
    return {body.id: body.references for body in bodies}


# ---- out


@on_every_metadata_backend
async def test_accounts_page_by_page(store: Store) -> None:
    metadata, directory = store.metadata, store.directory
    bob = await directory.add_user("bob@example.org", "bob's hash")
    eve = await directory.add_user("eve@example.org", "")
    await directory.set_enabled(eve.id, False)
    inbox = await metadata.create_mailbox(bob.id, "INBOX", subscribe=True)
    for name in ("Zoë", "Archive/2001"):
        await metadata.set_subscribed(bob.id, name, True)
    accounts = await all_accounts(store)
    assert [one.user for one in accounts] == [store.user, bob, replace(eve, enabled=False)]
    assert [one.subscriptions for one in accounts] == [(), ("Archive/2001", "INBOX", "Zoë"), ()]
    assert [one.aliases for one in accounts] == [(), (), ()]
    assert [one.last_uid_validity for one in accounts] == [0, inbox.uid_validity, 0]
    assert await store.upkeep.account_records(eve.id, 10) == []


@on_every_metadata_backend
async def test_mailboxes_of_all_page_by_page(store: Store) -> None:
    metadata = store.metadata
    bob = await store.directory.add_user("bob@example.org", "")
    await store.mailbox()
    await metadata.create_mailbox(bob.id, "Sent", special_use=("\\Sent", "\\Important"))
    await store.mailbox("Above/Below")
    await metadata.delete_mailbox(store.user.id, "Above")
    inbox = await metadata.get_mailbox(store.user.id, "INBOX")
    await store.append(inbox, 2, ("$Zwei", "\\Seen", "$Eins"))
    await metadata.set_flags(inbox.id, uids(1), FlagOp.SET, ("$drei",))
    await metadata.claim_recent(inbox.id, 2)
    found = await all_mailboxes(store)
    assert [one.mailbox.id for one in found] == sorted(one.mailbox.id for one in found)
    by_name = {one.mailbox.name: one for one in found}
    assert set(by_name) == {"INBOX", "Sent", "Above", "Above/Below"}
    assert by_name["INBOX"].keywords == ("$Zwei", "$Eins", "$drei")
    again = await store.again(inbox)
    assert replace(by_name["INBOX"].mailbox, subscribed=False) == replace(again, subscribed=False)
    assert (again.recent_from, again.recent) == (2, 1)
    assert by_name["Sent"].mailbox.special_use == ("\\Sent", "\\Important")
    assert by_name["Sent"].mailbox.user_id == bob.id
    assert not by_name["Above"].mailbox.selectable and by_name["Above/Below"].mailbox.selectable


@on_every_metadata_backend
async def test_the_expunge_log(store: Store) -> None:
    inbox = await store.mailbox()
    await store.append(inbox, 10, ("\\Deleted",))
    await store.metadata.expunge(inbox.id, uids((2, 4), 6))
    first = await store.again(inbox)
    await store.metadata.expunge(inbox.id, uids(5))
    second = await store.again(inbox)
    log = [(first.highest_modseq, uids((2, 4), 6)), (second.highest_modseq, uids(5))]
    assert await expunged(store, inbox) == log
    assert await expunged(store, inbox, after=first.highest_modseq) == log[1:]
    assert await store.upkeep.expunge_ranges(inbox.id, second.highest_modseq) == []
    assert await store.upkeep.expunge_ranges(MailboxId(99_999), ModSeq(0)) == []


@on_every_metadata_backend
async def test_bodies_with_their_summaries(store: Store) -> None:
    inbox = await store.mailbox()
    shared, gone = store.body(5000), store.body(70)
    appended, _ = await store.metadata.append(
        [store.message(inbox, body=shared), store.message(inbox, body=shared), store.message(inbox, body=gone)]
    )
    await store.metadata.set_flags(inbox.id, uids(3), FlagOp.ADD, ("\\Deleted",))
    store.clock.now += 5
    await store.metadata.expunge(inbox.id, None)
    first, second = appended[0].body_id, appended[2].body_id
    found = await store.upkeep.body_records([second, BodyId(99_999), first, first])
    assert [(body.id, body.record, body.references, body.unreferenced_s) for body in found] == [
        (first, shared, 2, None),
        (second, gone, 0, START_S + 5),
    ]
    assert await store.upkeep.body_records([]) == []


# ---- in: accounts


@on_every_metadata_backend
async def test_accounts_come_with_their_ids(store: Store) -> None:
    directory, upkeep = store.directory, store.upkeep
    accounts = [
        account(7, "bob@example.org", aliases=("bob@example.net", "robert@example.org"), subscriptions=("A", "Ä/b")),
        account(40, "eve@example.org", last_uid_validity=3_000_000_000),
    ]
    for _ in range(2):
        await upkeep.put_accounts(accounts)
        assert (await all_accounts(store))[1:] == accounts
    assert await directory.get_user("bob@example.org") == accounts[0].user
    assert await directory.resolve("robert@example.org") == accounts[0].user
    assert await store.metadata.list_subscriptions(UserId(7)) == {"A", "Ä/b"}
    assert (await directory.add_user("new@example.org", "")).id > 40
    assert (await store.metadata.create_mailbox(UserId(40), "INBOX")).uid_validity > 3_000_000_000


@on_every_metadata_backend
async def test_accounts_are_made_equal(store: Store) -> None:
    upkeep = store.upkeep
    inbox = await store.mailbox()
    before = account(7, "bob@example.org", aliases=("a@example.net", "b@example.net"), subscriptions=("A", "B"))
    await upkeep.put_accounts([before, account(8, "eve@example.org")])
    now = [
        account(7, "robert@example.org", aliases=("b@example.net", "c@example.net"), subscriptions=("B", "C")),
        # What one gives up another may have.
        account(8, "bob@example.org", aliases=("a@example.net",)),
        account(store.user.id, "ann@example.com"),
    ]
    await upkeep.put_accounts(now)
    assert await all_accounts(store) == [replace(now[2], last_uid_validity=0), *now[:2]]
    assert await store.again(inbox) == inbox
    # A UIDVALIDITY that was given is never taken back.
    await upkeep.put_accounts([account(9, "late@example.org", last_uid_validity=3_000_000_000)])
    await upkeep.put_accounts([account(9, "late@example.org", last_uid_validity=5)])
    assert (await all_accounts(store))[-1].last_uid_validity == 3_000_000_000


@on_every_metadata_backend
async def test_an_address_is_one_account_s(store: Store) -> None:
    upkeep = store.upkeep
    await upkeep.put_accounts([account(7, "bob@example.org", aliases=("b@example.net",))])
    before = await all_accounts(store)
    for taken in ("ann@example.org", "b@example.net"):
        with pytest.raises(UserExists) as refused:
            await upkeep.put_accounts([account(50, "fine@example.org"), account(51, taken)])
        assert refused.value.address == taken
    with pytest.raises(UserExists):
        await upkeep.put_accounts([account(50, "fine@example.org", aliases=("bob@example.org",))])
    assert await all_accounts(store) == before


@on_every_metadata_backend
async def test_accounts_leave_with_all_they_have(store: Store) -> None:
    inbox = await store.mailbox()
    bob = await store.directory.add_user("bob@example.org", "")
    bobs = await store.metadata.create_mailbox(bob.id, "INBOX", subscribe=True)
    body = store.body()
    appended, _ = await store.metadata.append([store.message(inbox, body=body), store.message(bobs, body=body)])
    await store.append(bobs)
    await store.upkeep.seal("sealed")
    for _ in range(2):
        await store.upkeep.drop_accounts([bob.id, UserId(99_999)])
        assert [one.user for one in await all_accounts(store)] == [store.user]
        assert [one.mailbox.id for one in await all_mailboxes(store)] == [inbox.id]
        assert sorted((await references(store)).values()) == [0, 1]
    assert (await references(store))[appended[0].body_id] == 1
    await store.upkeep.drop_accounts([])


# ---- in: mailboxes


@on_every_metadata_backend
async def test_mailboxes_come_with_their_ids(store: Store) -> None:
    metadata, upkeep = store.metadata, store.upkeep
    boxes = [
        mailbox(31, "INBOX", recent_from=5),
        mailbox(32, "Zoë", uid_validity=UidValidity(3_000_000_000), special_use=("\\Sent", "\\All")),
        mailbox(50, "Zoë/below", selectable=False),
    ]
    for _ in range(2):
        await upkeep.put_mailboxes(boxes)
        assert await all_mailboxes(store) == boxes
    assert await metadata.get_mailbox(store.user.id, "Zoë") == boxes[1].mailbox
    made = await store.mailbox("New")
    assert made.id > 50 and made.uid_validity > 3_000_000_000
    with pytest.raises(UserNotFound):
        await upkeep.put_mailboxes([mailbox(60, "fine"), mailbox(61, "INBOX", user=99_999)])
    assert len(await all_mailboxes(store)) == 4
    await upkeep.put_mailboxes([])


@on_every_metadata_backend
async def test_mailboxes_are_made_equal(store: Store) -> None:
    upkeep = store.upkeep
    first, second = await store.mailbox("A"), await store.mailbox("B")
    await store.append(first, 3, ("$Key",))
    before = await store.load(first)
    boxes = [
        mailbox(first.id, "B", special_use=("\\Sent",), uid_validity=UidValidity(3_000_000_000), recent_from=3),
        mailbox(second.id, "A", selectable=False),
        mailbox(77, "C"),
    ]
    await upkeep.put_mailboxes(boxes)
    found = {one.mailbox.id: one.mailbox for one in await all_mailboxes(store)}
    assert {number: one.name for number, one in found.items()} == {first.id: "B", second.id: "A", 77: "C"}
    assert found[first.id].special_use == ("\\Sent",) and found[first.id].uid_validity == 3_000_000_000
    assert not found[second.id].selectable
    # The messages are as they were; those that count as recent follow.
    assert contents(await store.load(first.id)) == contents(before)
    assert (await counters(store, first.id)).recent == 1
    with pytest.raises(MailboxExists) as refused:
        await upkeep.put_mailboxes([mailbox(first.id, "D"), mailbox(second.id, "C")])
    assert refused.value.name == "C"
    assert {one.mailbox.name for one in await all_mailboxes(store)} == {"A", "B", "C"}


@on_every_metadata_backend
async def test_mailboxes_leave_with_their_messages(store: Store) -> None:
    first, below, last = await store.mailbox("A"), await store.mailbox("A/b"), await store.mailbox("B")
    await store.append(first, 2, ("$Key", "\\Deleted"))
    await store.metadata.copy(first.id, uids(1), last.id)
    await store.metadata.expunge(first.id, uids(2))
    store.clock.now += 5
    for _ in range(2):
        await store.upkeep.drop_mailboxes([first.id, MailboxId(99_999)])
        assert [one.mailbox.id for one in await all_mailboxes(store)] == [below.id, last.id]
        assert sorted((await references(store)).values()) == [0, 1]
    await store.upkeep.drop_mailboxes([last.id])
    assert sorted((await references(store)).values()) == [0, 0]
    assert len(await store.metadata.unreferenced_bodies(10, grace_s=-1)) == 2
    await store.upkeep.drop_mailboxes([])


# ---- in: messages


@on_every_metadata_backend
async def test_a_patch_leads_to_where_a_mailbox_is_elsewhere(store: Store) -> None:
    upkeep = store.upkeep
    bodies = {number: store.body(1000 + number) for number in (11, 12, 90)}
    await upkeep.put_mailboxes([mailbox(31, "INBOX", recent_from=5)])
    whole = patch(
        31,
        row(2, 11, flags=1 | 8 | 32, modseq=7, size=1011, nth_body=1),
        row(5, 12, flags=4, modseq=9, size=1012, nth_body=2),
        row(6, 11, flags=-(2**63), modseq=9, size=1011, nth_body=1),
        bodies=[(BodyId(number), body) for number, body in bodies.items()],
        expunged=[ExpungeRange(ModSeq(5), 3, 4), ExpungeRange(ModSeq(8), 1, 1)],
        keywords=("$one", *(f"$k{number}" for number in range(58))),
        uid_next=12,
        highest_modseq=ModSeq(99),
    )
    for _ in range(2):
        await upkeep.apply(whole)
        packed = await store.metadata.load(MailboxId(31))
        assert sorted("".join(packed.blocks).splitlines()) == "".join(whole.rows).splitlines()
        assert (packed.keywords, packed.uid_next, packed.highest_modseq) == (whole.keywords, 12, 99)
        here = await counters(store, 31)
        assert (here.messages, here.unseen, here.deleted, here.recent) == (3, 2, 1, 2)
        assert here.size_octets == 1011 + 1012 + 1011
        assert await expunged(store, here) == [(5, uids((3, 4))), (8, uids(1))]
        assert await references(store) == {11: 2, 12: 1, 90: 0}
    found = await upkeep.body_records([BodyId(number) for number in bodies])
    assert {body.id: body.record for body in found} == bodies
    # What nothing names can be collected, after its time of grace.
    assert [body.body_id for body in await store.metadata.unreferenced_bodies(10)] == [90]
    assert await store.metadata.unreferenced_bodies(10, grace_s=0) == []
    # And life goes on from there.
    (appended,) = await store.append(here, 1, ("$K57",))
    assert appended.uid == 12 and appended.body_id > 90
    assert (await store.again(here)).highest_modseq == 100


@on_every_metadata_backend
async def test_a_patch_of_changes(store: Store) -> None:
    inbox = await store.mailbox()
    appended = await store.append(inbox, 6, ("$old",))
    body = [one.body_id for one in appended]
    before = await store.load(inbox)
    store.clock.now += 5
    new = store.body(1000)
    changes = patch(
        inbox.id,
        row(1, body[0], flags=8 | 32, modseq=30),
        # Another body in the place of the one that was there: a store that was led elsewhere meanwhile.
        row(2, body[0], flags=64, modseq=30),
        row(8, 500, modseq=31),
        bodies=[(BodyId(500), new), (body[0], store.body(7))],
        expunged=[ExpungeRange(ModSeq(29), 3, 3), ExpungeRange(ModSeq(29), 5, 5), ExpungeRange(ModSeq(29), 7, 7)],
        absent=uids((6, 7), (9, 2**32 - 1)),
        keywords=("$new", "$other"),
        uid_next=9,
        highest_modseq=ModSeq(31),
    )
    for _ in range(2):
        await store.upkeep.apply(changes)
        after = await store.load(inbox)
        assert after.uids() == uids((1, 2), 4, 8)
        assert await store.flags(inbox) == {1: {"\\Seen", "$new"}, 2: {"$other"}, 4: {"$new"}, 8: set()}
        assert [one.modseq for one in after.rows(after.uids())] == [30, 30, before.highest_modseq, 31]
        here = await counters(store, inbox.id)
        assert (here.messages, here.unseen, here.uid_next, here.highest_modseq) == (4, 3, 9, 31)
        assert await references(store) == {
            body[0]: 2,
            body[1]: 0,
            body[2]: 0,
            body[3]: 1,
            body[4]: 0,
            body[5]: 0,
            500: 1,
        }
    unreferenced = {one.body_id for one in await store.metadata.unreferenced_bodies(10, grace_s=-1)}
    assert unreferenced == {body[1], body[2], body[4], body[5]}
    assert await store.metadata.unreferenced_bodies(10, grace_s=0) == []
    # Present bodies are left as they are.
    (kept,) = await store.upkeep.body_records([body[0]])
    assert kept.record.raw_octets == 1000
    # Who has been to the state before is told of all that is in the log and in the rows.
    delta = await store.metadata.changes_since(inbox.id, ModSeq(before.highest_modseq))
    assert delta.expunged == uids(3, 5, 7)
    assert sorted(int(line.split()[0]) for block in delta.rows for line in block.splitlines()) == [1, 2, 8]


@on_every_metadata_backend
async def test_a_patch_that_names_what_is_not_there_changes_nothing(store: Store) -> None:
    inbox = await store.mailbox()
    appended = await store.append(inbox, 2)
    before = await everything(store)
    with pytest.raises(BodyMissing) as refused:
        await store.upkeep.apply(
            patch(inbox.id, row(1, appended[0].body_id), row(5, 700), row(6, 600), bodies=[(BodyId(650), store.body())])
        )
    assert refused.value.body_id == 600
    with pytest.raises(MailboxNotFound):
        await store.upkeep.apply(patch(99_999, row(1, appended[0].body_id)))
    assert await everything(store) == before
    assert len(await references(store)) == 2


@on_every_metadata_backend
async def test_a_patch_of_nothing_but_numbers(store: Store) -> None:
    inbox = await store.mailbox()
    await store.append(inbox, 2, ("$Key",))
    before = await store.load(inbox)
    await store.upkeep.seal("verbs of Upkeep go on")
    await store.upkeep.apply(patch(inbox.id, keywords=("$Key",), uid_next=77, highest_modseq=ModSeq(88)))
    after = await store.load(inbox)
    assert (after.uid_next, after.highest_modseq, after.keywords) == (77, 88, ("$Key",))
    assert contents(after)[3] == contents(before)[3]


@on_every_metadata_backend
async def test_a_large_patch(store: Store) -> None:
    """More rows than a block has, in several blocks."""
    bodies = [(BodyId(number), store.body(100)) for number in range(1, 2001)]
    await store.upkeep.put_mailboxes([mailbox(31, "INBOX")])
    rows = [row(uid, 1 + uid % 2000, flags=uid % 32, modseq=uid, size=100) for uid in range(1, 9001)]
    blocks = ["".join(rows[at : at + 4096]) for at in range(0, len(rows), 4096)]
    whole = patch(31, bodies=bodies, uid_next=9001, highest_modseq=ModSeq(9001))
    await store.upkeep.apply(replace(whole, rows=blocks))
    packed = await store.metadata.load(MailboxId(31))
    assert "".join(packed.blocks) == "".join(rows)
    assert (await counters(store, 31)).messages == 9000
    assert set((await references(store)).values()) == {4, 5}
    # Every second one leaves, every other one gets the flag \Seen.
    changed = [row(uid, 1 + uid % 2000, flags=8, modseq=9500, size=100) for uid in range(1, 9001, 2)]
    absent = uids(*range(2, 9001, 2))
    await store.upkeep.apply(replace(whole, bodies=(), rows=changed, absent=absent, highest_modseq=ModSeq(9500)))
    here = await counters(store, 31)
    assert (here.messages, here.unseen, here.deleted) == (4500, 0, 0)
    assert sum((await references(store)).values()) == 4500


# ---- between backends


@pytest.mark.parametrize("target_backend", sorted(METADATA))
@pytest.mark.parametrize("source_backend", sorted(METADATA))
def test_a_store_is_carried_over(source_backend: str, target_backend: str, tmp_path: Path, services: Services) -> None:
    """From any database into any other, and again after changes; nothing is different there."""

    async def carried() -> None:
        clock = HandClock()
        (tmp_path / "target").mkdir()
        async with (
            METADATA[source_backend](tmp_path, clock, services) as source,
            METADATA[target_backend](tmp_path / "target", clock, services) as target,
        ):
            user = await source.directory.add_user("ann@example.org", "hash")
            store = Store(source.metadata, source.directory, source.upkeep, clock, user)
            await _fill(store)
            await _carry_over(source, target)
            await _change(store)
            await _carry_over(source, target)
            before = await everything(target)
            await _carry_over(source, target)
            assert await everything(target) == before
            # The next ones get the same numbers in both.
            inbox = await source.metadata.get_mailbox(user.id, "INBOX")
            message = store.message(inbox, ("$Work",))
            (here,), _ = await source.metadata.append([message])
            (there,), _ = await target.metadata.append([message])
            assert (here.uid, here.uid_validity) == (there.uid, there.uid_validity)
            assert await expunged(source, inbox) == await expunged(target, inbox)

    run(carried())


async def _carry_over(source: Ports, target: Ports) -> None:
    gone = {one.mailbox.id for one in await all_mailboxes(target)} - {
        one.mailbox.id for one in await all_mailboxes(source)
    }
    await target.upkeep.drop_mailboxes(sorted(gone))
    await carry(source, target)
    assert await everything(target) == await everything(source)


async def _fill(store: Store) -> None:
    metadata = store.metadata
    bob = await store.directory.add_user("bob@example.org", "other hash", challenge_secrets="digest {CRAM-MD5}00")
    await store.directory.add_app_password(AppPassword(bob.id, "Telefon für Ärzte", ("api", "imap"), b"b" * 32, 7))
    await store.directory.add_app_password(AppPassword(bob.id, "Laptop", ("imap",), b"a" * 32, 8, 4000))
    inbox, sent = await store.mailbox(), await store.mailbox("Gesendet/Älter")
    bobs = await metadata.create_mailbox(bob.id, "INBOX", special_use=("\\All",), subscribe=True)
    await metadata.set_subscribed(store.user.id, "Gone/away", True)
    await store.append(inbox, 5, ("$Work", "\\Seen"))
    await store.append(inbox, 5, ("\\Deleted",))
    body = store.body(123_456)
    await metadata.append([store.message(inbox, body=body), store.message(bobs, ("Gruß", "\\Flagged"), body=body)])
    await metadata.copy(inbox.id, uids((1, 3)), sent.id)
    await metadata.expunge(inbox.id, uids(6, (8, 9)))
    await metadata.claim_recent(inbox.id, 4)
    await metadata.delete_mailbox(store.user.id, "Gesendet")


async def _change(store: Store) -> None:
    metadata = store.metadata
    store.clock.now += 100
    inbox = await metadata.get_mailbox(store.user.id, "INBOX")
    sent = await metadata.get_mailbox(store.user.id, "Gesendet/Älter")
    await metadata.set_flags(inbox.id, uids((1, 3)), FlagOp.SET, ("$Private", "\\Answered"))
    await metadata.move(inbox.id, uids(2, 4), sent.id)
    await metadata.expunge(inbox.id, None)
    await metadata.rename_mailbox(store.user.id, "Gesendet/Älter", "Sent")
    await metadata.create_mailbox(store.user.id, "Gesendet/Älter")
    await metadata.delete_mailbox((await store.directory.get_user("bob@example.org")).id, "INBOX")
    await store.directory.set_password(store.user.id, "new hash", challenge_secrets="digest {CRAM-MD5}11")
    await store.directory.add_app_password(AppPassword(store.user.id, "Tablet", ("imap",), b"c" * 32, 9))
    await store.append(sent, 2)
    patched = await patch_of(store, (await store.upkeep.mailbox_records(MailboxId(inbox.id - 1), 1))[0], after=3)
    assert patched.rows and patched.expunged


@on_every_metadata_backend
async def test_changes_are_followed(target: Store) -> None:
    """Whatever is done in one store, patches of what has changed since the last one lead another to the same."""
    random = Random(20010909)
    state = MemoryState(target.clock)
    metadata, directory = MemoryMetadata(state), MemoryDirectory(state)
    user = await directory.add_user(target.user.address, "hash")
    source = Store(metadata, directory, MemoryUpkeep(state), target.clock, user)
    boxes = [await source.mailbox(), await source.mailbox("Other")]
    await carry(source, target)
    for _ in range(40):
        box, other = random.sample(boxes, 2)
        present = list((await source.load(box)).uids())
        some = uids(*random.sample(present, k=min(len(present), random.randint(1, 4))))
        match random.randrange(6):
            case 0 | 1:
                await source.append(box, random.randint(1, 4), random.choice([(), ("$One",), ("\\Seen", "$Two")]))
            case 2:
                await metadata.set_flags(box.id, some, random.choice(list(FlagOp)), ("\\Deleted", "$Three"))
            case 3:
                await metadata.copy(box.id, some, random.choice(boxes).id)
            case 4:
                await metadata.move(box.id, some, other.id)
            case 5:
                await metadata.expunge(box.id, None)
        if random.random() < 0.5:
            for there in await all_mailboxes(target):
                (here,) = await source.upkeep.mailbox_records(MailboxId(there.mailbox.id - 1), 1)
                await target.upkeep.put_mailboxes([here])
                await target.upkeep.apply(await patch_of(source, here, after=there.mailbox.highest_modseq))
            assert await everything(target) == await everything(source)
    assert sum(one.mailbox.messages for one in await all_mailboxes(target))
    assert sum((await references(target)).values())
