"""What repair puts right, on every pair of backends: afterwards the check finds nothing, and no message has gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightmail._core.index import UidSet
from lightmail.mail.check.damage import CheckReport, Kind
from lightmail.mail.check.repair import Repairer, RepairReport, repairable
from lightmail.model import BodyId
from tests.contracts.test_check_damage import DAYS_S, on
from tests.support.damage import SQL_PAIRS, House

EMBEDDED = SQL_PAIRS[:1]
KINDS = {Kind.COUNTERS, Kind.UID_NEXT, Kind.MODSEQ, Kind.UID_REUSED, Kind.REFERENCES}


async def repair(house: House, before: CheckReport) -> RepairReport:
    return await Repairer(upkeep=house.store.upkeep, metadata=house.store.metadata).repair(repairable(before))


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
async def test_a_message_without_a_body_leaves_when_nothing_could_be_its_body(house: House) -> None:
    body = await house.body_of(3)
    house.sql("DELETE FROM message_summaries WHERE body_id = {body}", body=body.id)
    house.sql("DELETE FROM message_bodies WHERE id = {body}", body=body.id)
    # Its object may be among those that nobody names, young or old.
    for ahead_s in (0, 2 * DAYS_S):
        found = await house.check(ahead_s=ahead_s)
        assert found.counts[Kind.BODILESS] == 2
        assert repairable(found) == []
    await house.store.blobs.delete([body.object_key])
    modseq = await house.modseq(house.inbox.id)
    done = await repair(house, await house.check())
    assert done.messages_removed == 2
    assert await house.uids(house.inbox.id) == [1, 4, 5]
    assert await house.uids(house.bobs.id) == []
    assert 3 in await house.store.metadata.expunged_since(house.inbox.id, modseq)
    assert (await house.check()).sound


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
