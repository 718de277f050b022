"""Upkeep: counting again what rows say, and putting it right."""

from __future__ import annotations

from lightmail.model import BodyCount, BodyId, FlagOp, Mailbox, MailboxCount, MailboxId, ModSeq
from tests.support.backends import (
    START_S,
    Store,
    contents,
    on_every_metadata_backend,
    on_every_sql_backend,
    uids,
)


async def mailbox_counts(store: Store, limit: int = 2) -> dict[str, MailboxCount]:
    """By name, page by page."""
    found: list[MailboxCount] = []
    while page := await store.upkeep.mailbox_counts(found[-1].mailbox.id if found else MailboxId(0), limit):
        found += page
    assert [one.mailbox.id for one in found] == sorted(one.mailbox.id for one in found)
    return {one.mailbox.name: one for one in found}


async def body_counts(store: Store, limit: int = 2) -> dict[int, BodyCount]:
    """By id, page by page."""
    found: list[BodyCount] = []
    while page := await store.upkeep.body_counts(found[-1].id if found else BodyId(0), limit):
        found += page
    assert [one.id for one in found] == sorted(one.id for one in found)
    return {one.id: one for one in found}


def right(count: MailboxCount) -> bool:
    row, found = count.mailbox, count.counted
    return (
        (row.messages, row.unseen, row.deleted, row.size_octets, row.recent)
        == (found.messages, found.unseen, found.deleted, found.size_octets, found.recent)
        and row.uid_next > found.highest_uid
        and row.highest_modseq >= found.highest_modseq
        and not (found.reused_uids or found.bodiless or found.missized or found.unnamed)
        and row.uid_validity <= found.last_uid_validity
    )


async def filled(store: Store) -> Mailbox:
    """INBOX with UIDs 1 to 6, of which 1 to 3 share a body, 4 was expunged, 5 is seen and 6 is to be deleted."""
    inbox = await store.mailbox()
    shared = store.body(500)
    await store.metadata.append([store.message(inbox, body=shared) for _ in range(3)])
    await store.append(inbox, 3, octets=700)
    await store.metadata.set_flags(inbox.id, uids(4), FlagOp.ADD, ("\\Deleted",))
    await store.metadata.expunge(inbox.id, None)
    await store.metadata.set_flags(inbox.id, uids(5), FlagOp.ADD, ("\\Seen", "$Key"))
    await store.metadata.set_flags(inbox.id, uids(6), FlagOp.ADD, ("\\Deleted",))
    await store.metadata.claim_recent(inbox.id, 3)
    return await store.again(inbox)


@on_every_metadata_backend
async def test_what_is_sound_counts_up(store: Store) -> None:
    inbox = await filled(store)
    await store.mailbox("Empty")
    await store.mailbox("Above/Below")
    await store.metadata.delete_mailbox(store.user.id, "Above")
    counts = await mailbox_counts(store)
    assert set(counts) == {"INBOX", "Empty", "Above", "Above/Below"}
    assert all(right(count) for count in counts.values())
    assert counts["INBOX"].mailbox == inbox
    found = counts["INBOX"].counted
    assert (found.messages, found.unseen, found.deleted, found.recent) == (5, 4, 1, 3)
    assert found.size_octets == 3 * 500 + 2 * 700
    assert (found.highest_uid, found.highest_modseq) == (6, inbox.highest_modseq)
    assert (counts["Empty"].counted.highest_uid, counts["Empty"].counted.highest_modseq) == (0, 0)

    bodies = await body_counts(store)
    assert [(body.references, body.counted, body.unreferenced_s) for body in bodies.values()] == [
        (3, 3, None),
        (0, 0, START_S),
        (1, 1, None),
        (1, 1, None),
    ]
    locations = {one.body_id: one for one in await store.metadata.body_locations([BodyId(one) for one in bodies])}
    for body_id, body in bodies.items():
        at = locations[BodyId(body_id)]
        assert (body.object_key, body.raw_octets, body.stored_octets) == (
            at.object_key,
            at.raw_octets,
            at.stored_octets,
        )
        assert len(body.digest) == 32 and body.summarized
    assert await store.upkeep.missing_bodies(inbox.id) == []


@on_every_metadata_backend
async def test_what_expunged_everything_has_left_is_counted(store: Store) -> None:
    inbox = await store.mailbox()
    await store.append(inbox, 3, ("\\Deleted",))
    await store.metadata.expunge(inbox.id, None)
    count = (await mailbox_counts(store))["INBOX"]
    assert right(count)
    now = await store.again(inbox)
    assert (count.counted.messages, count.counted.highest_uid) == (0, 3)
    assert count.counted.highest_modseq == now.highest_modseq


@on_every_metadata_backend
async def test_recounting_what_is_sound_changes_nothing(store: Store) -> None:
    inbox = await filled(store)
    bodies = await body_counts(store)
    store.clock.now += 5
    await store.upkeep.recount([inbox.id, MailboxId(99_999)], [BodyId(one) for one in (*bodies, 99_999)])
    await store.upkeep.recount([], [])
    assert await store.again(inbox) == inbox
    assert await body_counts(store) == bodies
    await store.upkeep.drop_messages(inbox.id, [1, 2, 4])
    assert await store.again(inbox) == inbox


@on_every_sql_backend
async def test_counters_are_put_right(store: Store) -> None:
    inbox = await filled(store)
    other = await store.mailbox("Other")
    wrongs = {
        "messages = messages + 1": "messages",
        "unseen = unseen - 1": "unseen",
        "deleted = 5": "deleted",
        "size_octets = size_octets + 1": "size_octets",
        "recent = recent + 7": "recent",
    }
    for wrong, name in wrongs.items():
        before = await store.again(inbox)
        loaded = await store.load(inbox)
        await store.damage(f"UPDATE mailboxes SET {wrong} WHERE id = {inbox.id}")
        counts = await mailbox_counts(store)
        assert not right(counts["INBOX"]) and right(counts["Other"]), name
        assert getattr(counts["INBOX"].mailbox, name) != getattr(counts["INBOX"].counted, name)
        await store.upkeep.recount([inbox.id, other.id], [])
        after = await store.again(inbox)
        assert getattr(after, name) == getattr(before, name)
        # Who has it open looks, and finds the messages as they were.
        assert after.highest_modseq == before.highest_modseq + 1
        assert contents(await store.load(inbox))[3] == contents(loaded)[3]
        assert all(right(count) for count in (await mailbox_counts(store)).values())
    assert await store.again(other) == other


@on_every_sql_backend
async def test_numbers_that_went_back_are_raised(store: Store) -> None:
    inbox = await filled(store)
    await store.damage(f"UPDATE mailboxes SET uid_next = 3 WHERE id = {inbox.id}")
    assert not right((await mailbox_counts(store))["INBOX"])
    await store.upkeep.recount([inbox.id], [])
    after = await store.again(inbox)
    assert after.uid_next == 7 and after.highest_modseq > inbox.highest_modseq

    await store.damage(f"UPDATE mailboxes SET highest_modseq = 2 WHERE id = {inbox.id}")
    count = (await mailbox_counts(store))["INBOX"]
    assert count.counted.highest_modseq == inbox.highest_modseq and not right(count)
    await store.upkeep.recount([inbox.id], [])
    assert (await store.again(inbox)).highest_modseq == inbox.highest_modseq
    assert right((await mailbox_counts(store))["INBOX"])

    # The log counts as well as the messages.
    await store.damage(
        f"INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid) VALUES ({inbox.id}, 90, 20, 25)"
    )
    await store.upkeep.recount([inbox.id], [])
    again = await store.again(inbox)
    assert (again.uid_next, again.highest_modseq) == (26, 91)
    # What is beyond is never lowered.
    await store.damage(f"UPDATE mailboxes SET uid_next = 70, highest_modseq = 700 WHERE id = {inbox.id}")
    await store.upkeep.recount([inbox.id], [])
    assert ((await store.again(inbox)).uid_next, (await store.again(inbox)).highest_modseq) == (70, 700)


@on_every_sql_backend
async def test_reference_counts_are_put_right(store: Store) -> None:
    await filled(store)
    bodies = await body_counts(store)
    shared, gone, seen, deleted = bodies
    await store.damage(
        f"UPDATE message_bodies SET reference_count = 1 WHERE id = {shared}",
        f"UPDATE message_bodies SET reference_count = 2 WHERE id = {gone}",
        f"UPDATE message_bodies SET reference_count = 0, unreferenced_s = 5 WHERE id = {seen}",
    )
    found = await body_counts(store)
    assert [(body.references, body.counted) for body in found.values()] == [(1, 3), (2, 0), (0, 1), (1, 1)]
    store.clock.now += 60
    await store.upkeep.recount([], [BodyId(shared), BodyId(gone), BodyId(seen)])
    found = await body_counts(store)
    assert [(body.references, body.counted) for body in found.values()] == [(3, 3), (0, 0), (1, 1), (1, 1)]
    # The time of grace begins when it is found that nothing names it.
    assert found[gone].unreferenced_s == START_S + 60 and found[seen].unreferenced_s is None
    assert found[deleted] == bodies[deleted]


@on_every_sql_backend
async def test_messages_without_a_body_are_found_and_leave(store: Store) -> None:
    inbox = await filled(store)
    shared = next(iter(await body_counts(store)))
    await store.damage(
        f"DELETE FROM message_summaries WHERE body_id = {shared}", f"DELETE FROM message_bodies WHERE id = {shared}"
    )
    count = (await mailbox_counts(store))["INBOX"]
    assert (count.counted.bodiless, count.counted.missized, count.counted.messages) == (3, 0, 5)
    assert await store.upkeep.missing_bodies(inbox.id) == [(1, shared), (2, shared), (3, shared)]
    before = await store.load(inbox)
    # Only what names no body; the rest is not theirs to drop.
    await store.upkeep.drop_messages(inbox.id, [1, 3, 5, 99])
    after = await store.load(inbox)
    assert after.uids() == uids(2, 5, 6)
    delta = await store.metadata.changes_since(inbox.id, ModSeq(before.highest_modseq))
    assert (delta.expunged, delta.highest_modseq) == (uids(1, 3), before.highest_modseq + 1)
    assert await store.metadata.expunged_since(inbox.id, ModSeq(before.highest_modseq)) == uids(1, 3)
    await store.upkeep.drop_messages(inbox.id, [2])
    count = (await mailbox_counts(store))["INBOX"]
    assert right(count) and count.counted.messages == 2
    assert await store.upkeep.missing_bodies(inbox.id) == []


@on_every_sql_backend
async def test_reused_uids_and_other_sizes_are_counted(store: Store) -> None:
    inbox = await filled(store)
    await store.damage(
        f"INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid) VALUES ({inbox.id}, 2, 1, 2)",
        f"INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid) VALUES ({inbox.id}, 3, 2, 2)",
        f"UPDATE messages SET size_octets = size_octets + 1 WHERE mailbox_id = {inbox.id} AND uid IN (3, 5, 6)",
    )
    found = (await mailbox_counts(store))["INBOX"].counted
    assert (found.reused_uids, found.missized, found.bodiless) == (2, 3, 0)


@on_every_sql_backend
async def test_sizes_and_flags_without_a_name_are_put_right(store: Store) -> None:
    inbox, other = await filled(store), await store.mailbox("Other")
    await store.append(other, 1)
    sound = await store.load(inbox)
    await store.damage(
        f"UPDATE messages SET size_octets = size_octets + 7 WHERE mailbox_id = {inbox.id} AND uid = 3",
        # Bits 6 and 63; 5 is "$Key".
        f"UPDATE messages SET flags = flags | 64 WHERE mailbox_id = {inbox.id} AND uid = 1",
        f"UPDATE messages SET flags = -9223372036854775808 + 32 + 8 WHERE mailbox_id = {inbox.id} AND uid = 5",
        f"UPDATE messages SET flags = 32 WHERE mailbox_id = {other.id}",
    )
    counts = await mailbox_counts(store)
    found = counts["INBOX"].counted
    assert (found.unnamed, found.missized, counts["Other"].counted.unnamed) == (2, 1, 1)
    await store.upkeep.recount([inbox.id, other.id], [])
    assert all(map(right, (await mailbox_counts(store)).values()))
    after = await store.load(inbox)
    assert after.highest_modseq > sound.highest_modseq
    assert [(row.uid, row.size, row.flags) for row in after.rows(after.uids())] == [
        (row.uid, row.size, row.flags) for row in sound.rows(sound.uids())
    ]
    # Who has it open is told of these.
    delta = await store.metadata.changes_since(inbox.id, ModSeq(sound.highest_modseq))
    assert sorted(int(line.split()[0]) for block in delta.rows for line in block.splitlines()) == [1, 3, 5]
    assert await store.flags(other) == {1: set()}
    again = after.highest_modseq
    await store.upkeep.recount([inbox.id], [])
    assert (await store.load(inbox)).highest_modseq == again


@on_every_sql_backend
async def test_keywords_up_to_the_last_bit_are_sound(store: Store) -> None:
    inbox = await store.mailbox()
    await store.append(inbox, 2, tuple(f"$K{number}" for number in range(59)))
    await store.metadata.set_flags(inbox.id, uids(2), FlagOp.REMOVE, ("$K58",))
    assert right((await mailbox_counts(store))["INBOX"])
    before = await store.load(inbox)
    await store.upkeep.recount([inbox.id], [])
    assert (await store.load(inbox)).highest_modseq == before.highest_modseq


@on_every_sql_backend
async def test_the_greatest_uid_validity_is_remembered(store: Store) -> None:
    inbox, other = await store.mailbox(), await store.mailbox("Other")
    for damage in ("DELETE FROM uid_validities", "UPDATE uid_validities SET last = 7"):
        await store.damage(damage)
        counts = await mailbox_counts(store)
        assert not right(counts["INBOX"]) and not right(counts["Other"])
        await store.upkeep.recount([each.mailbox.id for each in counts.values()], [])
        assert all(map(right, (await mailbox_counts(store)).values()))
        store.clock.now = START_S - 1000
        new = await store.mailbox(f"New {damage[:6]}")
        assert new.uid_validity > max(inbox.uid_validity, other.uid_validity), "though the clock has gone back"


@on_every_sql_backend
async def test_a_body_without_its_summary_is_told(store: Store) -> None:
    await filled(store)
    first, *others = await body_counts(store)
    await store.damage(f"DELETE FROM message_summaries WHERE body_id = {first}")
    found = await body_counts(store)
    assert not found[first].summarized and all(found[one].summarized for one in others)
    records = await store.upkeep.body_records([BodyId(one) for one in found])
    assert [one.id for one in records] == others


@on_every_metadata_backend
async def test_a_body_goes_into_another_object(store: Store) -> None:
    """What names it stays; the old object waits for its time of grace in a row of its own, and is collected then."""
    await filled(store)
    before = {body.object_key: body for body in (await body_counts(store)).values()}
    shared = next(body for body in before.values() if body.counted == 3)
    assert await store.upkeep.replace_object(shared.id, shared.object_key, "ab/new.k1", 999)
    after = {body.object_key: body for body in (await body_counts(store)).values()}
    moved, left = after["ab/new.k1"], after[shared.object_key]
    assert (moved.id, moved.raw_octets, moved.digest) == (shared.id, shared.raw_octets, shared.digest)
    assert (moved.stored_octets, moved.references, moved.counted) == (999, 3, 3)
    assert (left.stored_octets, left.references, left.counted) == (shared.stored_octets, 0, 0)
    assert left.id not in {body.id for body in before.values()} and left.unreferenced_s == store.clock.now_s()
    (location,) = await store.metadata.body_locations([shared.id])
    assert (location.object_key, location.stored_octets) == ("ab/new.k1", 999)
    assert not await store.upkeep.replace_object(shared.id, shared.object_key, "ab/newer.k1", 999)
    assert not await store.upkeep.replace_object(BodyId(10**6), shared.object_key, "ab/newer.k1", 999)
    assert await store.metadata.known_keys(["ab/new.k1", "ab/newer.k1", shared.object_key]) == {
        "ab/new.k1",
        shared.object_key,
    }
    store.clock.now += 60
    gone = await store.metadata.unreferenced_bodies(10, grace_s=30)
    assert left.id in {body.body_id for body in gone} and shared.id not in {body.body_id for body in gone}
    assert left.id in await store.metadata.forget_bodies([left.id])
