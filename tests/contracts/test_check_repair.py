"""What repair puts right, on every pair of backends: afterwards the check finds nothing, and no message has gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lightmail._core.index import UidSet
from lightmail.mail.check.damage import CheckReport, Kind
from lightmail.mail.check.repair import RepairReport, repairable
from lightmail.model import BodyCount, BodyId
from tests.contracts.test_check_damage import DAYS_S, on
from tests.support.damage import PAIRS, SQL_PAIRS, House

EMBEDDED = SQL_PAIRS[:1]
KINDS = {Kind.COUNTERS, Kind.UID_NEXT, Kind.MODSEQ, Kind.UID_REUSED, Kind.REFERENCES}


async def repair(house: House, before: CheckReport) -> RepairReport:
    return await house.repair(repairable(before))


@on(SQL_PAIRS)
async def test_counts_next_uids_and_modseqs(house: House) -> None:
    body_id = await house.body_id_of(4)
    too_few = await house.body_id_of(3)
    house.sql("UPDATE message_bodies SET reference_count = 9 WHERE id = {body}", body=body_id)
    house.sql("UPDATE message_bodies SET reference_count = 0 WHERE id = {body}", body=too_few)
    house.sql(
        "UPDATE mailboxes SET messages = 9, unseen = 0, recent = 7, uid_next = 2, highest_modseq = 2 WHERE id = {inbox}"
    )
    house.sql("INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid) VALUES ({inbox}, 1, 3, 4)")
    before = await house.check()
    assert before.counts.keys() == KINDS
    done = await repair(house, before)
    assert (done.mailboxes_counted, done.bodies_counted, done.messages_renumbered) == (1, 2, 2)
    after = await house.check()
    assert after.sound, after.damages
    assert (after.messages, after.bodies) == (before.messages, before.bodies)
    assert await house.uids(house.inbox.id) == [1, 5, 6, 7]
    # Nothing is left to do, and doing it again would change nothing.
    modseq = await house.modseq(house.inbox.id)
    await house.store.upkeep.recount([house.inbox.id], [body_id, too_few])
    assert await house.modseq(house.inbox.id) == modseq
    # What comes now gets UIDs and MODSEQs that are new.
    await house.append(b"later", house.inbox)
    assert await house.uids(house.inbox.id) == [1, 5, 6, 7, 8]
    assert (await house.check()).sound


@on(SQL_PAIRS)
async def test_who_has_the_mailbox_open_is_told(house: House) -> None:
    before = await house.modseq(house.inbox.id)
    house.sql("UPDATE mailboxes SET messages = 9 WHERE id = {inbox}")
    await repair(house, await house.check())
    assert await house.modseq(house.inbox.id) > before


@on(SQL_PAIRS)
async def test_sizes_and_flags_without_a_name(house: House) -> None:
    before = await house.everything()
    house.sql("UPDATE messages SET size_octets = 1, flags = flags | 2048 WHERE mailbox_id = {inbox} AND uid IN (3, 4)")
    found = await house.check()
    assert found.counts.keys() == {Kind.COUNTERS, Kind.MESSAGE_SIZE, Kind.UNNAMED_FLAG}
    assert (await repair(house, found)).mailboxes_counted == 1
    assert (await house.check()).sound
    assert [[without_modseq(line) for line in lines] for lines in await house.everything()] == [
        [without_modseq(line) for line in lines] for lines in before
    ]


def without_modseq(row: str) -> list[str]:
    columns = row.split()
    return columns[:3] + columns[4:]


async def lose_row(house: House, uid: int) -> BodyCount:
    """Of the body of a message of Ann's INBOX; its object stays."""
    body = await house.body_of(uid)
    house.sql("DELETE FROM message_summaries WHERE body_id = {body}", body=body.id)
    house.sql("DELETE FROM message_bodies WHERE id = {body}", body=body.id)
    return body


@on(SQL_PAIRS)
async def test_a_body_whose_row_is_gone_is_found_again(house: House) -> None:
    """With UIDs, flags and MODSEQs as they were; whether its object is young or old."""
    shared, large = await lose_row(house, 3), await lose_row(house, 5)
    if not await house.store.blobs.about(shared.object_key):
        pytest.skip("this file system keeps no extended attributes")
    await house.store.blobs.put("ab/cdef", b"no body at all")
    before, modseq = await house.everything(), await house.modseq(house.inbox.id)
    found = await house.check(ahead_s=2 * DAYS_S)
    assert found.counts == {Kind.BODILESS: 2, Kind.ORPHAN: 3}
    done = await repair(house, found)
    assert done == RepairReport(bodies_found=2)
    assert (await house.check()).sound
    assert (await house.everything(), await house.modseq(house.inbox.id)) == (before, modseq)
    assert [replace(await house.body_of(uid), unreferenced_s=None) for uid in (3, 5)] == [
        replace(each, unreferenced_s=None) for each in (shared, large)
    ]
    bodies = await house.store.upkeep.body_records([shared.id, large.id])
    assert bodies[0].record.summary.header.startswith(b"Subject: a message")


@on(SQL_PAIRS)
async def test_a_message_without_a_body_leaves_when_no_object_can_be_its_body(house: House) -> None:
    body = await lose_row(house, 3)
    await house.store.blobs.delete([body.object_key])
    modseq = await house.modseq(house.inbox.id)
    done = await repair(house, await house.check())
    assert done == RepairReport(messages_removed=2)
    assert await house.uids(house.inbox.id) == [1, 4, 5]
    assert await house.uids(house.bobs.id) == []
    assert 3 in await house.store.metadata.expunged_since(house.inbox.id, modseq)
    assert (await house.check()).sound


@on(EMBEDDED)
async def test_nobody_is_given_what_may_be_somebody_elses(house: House) -> None:
    """Size and date are the same; whose it was is not known."""
    body = await lose_row(house, 4)
    octets = await house.object_of(body)
    await house.store.blobs.delete([body.object_key])
    await house.store.blobs.put("ab/cdef", octets, about={"account": "eve@example.org"})
    done = await repair(house, await house.check())
    assert done == RepairReport(messages_doubtful=1)
    assert await house.uids(house.inbox.id) == [1, 3, 4, 5]
    assert (await house.check()).counts == {Kind.BODILESS: 1}


@on(SQL_PAIRS)
async def test_a_summary_is_made_again_from_the_octets(house: House) -> None:
    before = [
        each.record for each in await house.store.upkeep.body_records([await house.body_id_of(n) for n in (1, 5)])
    ]
    for uid in (1, 5):
        house.sql("DELETE FROM message_summaries WHERE body_id = {body}", body=await house.body_id_of(uid))
    damaged = await house.body_of(4)
    house.sql("DELETE FROM message_summaries WHERE body_id = {body}", body=damaged.id)
    await house.replace(damaged, await house.object_of(await house.body_of(1)))
    done = await repair(house, await house.check(sample=0))
    assert done == RepairReport(summaries_made=2)
    assert (await house.check(sample=0)).counts == {Kind.SUMMARY: 1, Kind.OBJECT_SIZE: 1}
    after = [each.record for each in await house.store.upkeep.body_records([await house.body_id_of(n) for n in (1, 5)])]
    assert after == before


@on(SQL_PAIRS)
async def test_bodies_are_left_alone(house: House) -> None:
    missing, cut, damaged = [await house.body_of(uid) for uid in (1, 4, 5)]
    await house.store.blobs.delete([missing.object_key])
    await house.replace(cut, (await house.object_of(cut))[:-5])
    octets = await house.object_of(damaged)
    await house.replace(damaged, octets[:99] + bytes([octets[99] ^ 1]) + octets[100:])
    await house.store.blobs.put("ab/cdef", b"octets")
    before = await house.check(ahead_s=2 * DAYS_S)
    assert repairable(before) == []
    assert await repair(house, before) == RepairReport()
    after = await house.check(ahead_s=2 * DAYS_S)
    assert after.counts == before.counts
    assert await house.uids(house.inbox.id) == [1, 3, 4, 5]
    # And a copy of what was lost is all that is needed.
    await house.replace(damaged, octets)
    assert (await house.check()).counts == {Kind.OBJECT_MISSING: 1, Kind.OBJECT_SIZE: 1}


@on(EMBEDDED)
async def test_many_at_once(house: House) -> None:
    """More than one transaction's worth."""
    mail = house.store.mail
    user = await mail.directory.get_user("ann@example.org")
    for number in range(120):
        mailbox = await mail.mailboxes.create(user.id, f"many/{number}")
        await mail.copy(house.inbox.id, UidSet([1, 3]), mailbox.id)
    house.sql("UPDATE mailboxes SET messages = messages + 1 WHERE name LIKE 'many/%'")
    house.sql("UPDATE message_bodies SET reference_count = reference_count + 1")
    before = await house.check(sample=0)
    assert before.counts == {Kind.COUNTERS: 120, Kind.REFERENCES: 5}
    await repair(house, before)
    after = await house.check()
    assert after.sound, after.damages
    counts = await house.store.upkeep.body_counts(BodyId(0), 10)
    assert sorted(each.references for each in counts) == [0, 1, 1, 122, 122]


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_a_title_and_either_a_repair_or_advice(kind: Kind, tmp_path: Path) -> None:
    from lightmail.mail.check.damage import ADVICE, REPAIRS, TITLES

    assert kind in TITLES
    assert (kind in REPAIRS) != (kind in ADVICE)


@on(PAIRS)
async def test_rows_of_bodies_are_put_where_they_are_missing(house: House) -> None:
    upkeep = house.store.upkeep
    (there,) = await upkeep.body_records([await house.body_id_of(3)])
    new = replace(there.record, object_key="ab/new")
    other = replace(there.record, object_key="ab/other", raw_octets=1)
    for _ in range(2):
        await upkeep.put_bodies([(BodyId(99), new), (there.id, other)])
        (kept,) = await upkeep.body_records([there.id])
        assert kept == there
        (added,) = await upkeep.body_records([BodyId(99)])
        assert (added.record, added.references) == (new, 0)
        assert added.unreferenced_s is not None
    # What comes later gets a greater id.
    await house.append(b"later", house.inbox)
    assert await house.body_id_of(6) > 99
