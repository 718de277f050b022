"""A store is damaged on purpose: the check finds that damage, names it, and finds nothing else. On every pair of backends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lightmail.mail.check.damage import CheckReport, Kind
from lightmail.model import NOBODY, SERVER, BodyId, FlagOp, Rights
from tests.support.aio import run
from tests.support.damage import PAIRS, SQL_PAIRS, House, house_on
from tests.support.services import Services

DAYS_S = 86_400


@dataclass(frozen=True, slots=True)
class Found:
    """mailbox: "" for a body or an object. uids: as a set on the wire."""

    kind: Kind
    mailbox: str = ""
    uids: str = ""
    text: str = ""


def found_in(report: CheckReport) -> list[Found]:
    assert report.counts.total() == len(report.damages)
    return [
        Found(each.kind, each.place.mailbox if each.place else "", bytes(each.uids).decode(), each.text)
        for each in report.damages
    ]


def only(report: CheckReport, *expected: Found) -> None:
    """These and no others; a text that is not given may be any."""
    found = found_in(report)
    assert len(found) == len(expected), found
    for one, other in zip(found, expected, strict=True):
        assert (one.kind, one.mailbox, one.uids) == (other.kind, other.mailbox, other.uids), found
        assert not other.text or one.text == other.text, found


def on(pairs: tuple[str, ...]) -> Callable[[Callable[[House], Awaitable[None]]], Callable[[str, Path, Services], None]]:
    """Makes a test of a coroutine that takes a House."""

    def of(test: Callable[[House], Awaitable[None]]) -> Callable[[str, Path, Services], None]:
        @pytest.mark.parametrize("pair", pairs)
        def check(pair: str, tmp_path: Path, services: Services) -> None:
            async def in_house() -> None:
                async with house_on(pair, tmp_path, services) as house:
                    await test(house)

            run(in_house())

        check.__name__, check.__doc__, check.__module__ = test.__name__, test.__doc__, test.__module__
        return check

    return of


# ---- nothing is wrong


@on(PAIRS)
async def test_a_sound_store(house: House) -> None:
    report = await house.check()
    only(report)
    assert report.sound
    assert (report.messages, report.bodies, report.objects) == (6, 5, 5)
    # The body of the expunged message waits for its collection: nothing can be wrong with it.
    assert report.read_bodies == 4
    assert report.young_objects == 0
    only(await house.check(ahead_s=2 * DAYS_S))
    assert (await house.check(sample=3)).read_bodies == 3
    assert (await house.check(sample=0)).read_bodies == 0


# ---- mailboxes


@pytest.mark.parametrize("counter", ["messages", "unseen", "deleted", "size_octets", "recent"])
@pytest.mark.parametrize("pair", SQL_PAIRS[:1])
def test_a_wrong_counter(counter: str, pair: str, tmp_path: Path, services: Services) -> None:
    async def test() -> None:
        async with house_on(pair, tmp_path, services) as house:
            house.sql("UPDATE mailboxes SET {counter} = {counter} + 7 WHERE id = {inbox}", counter=counter)
            report = await house.check()
            only(report, Found(Kind.COUNTERS, "INBOX"))
            place = report.damages[0].place
            assert place is not None
            assert (place.account, place.mailbox_id) == ("ann@example.org", house.inbox.id)
            assert report.damages[0].text.startswith(counter.removesuffix("_octets"))

    run(test())


@on(SQL_PAIRS)
async def test_wrong_counters(house: House) -> None:
    house.sql("UPDATE mailboxes SET messages = 5, unseen = 4 WHERE id = {inbox}")
    only(await house.check(), Found(Kind.COUNTERS, "INBOX", text="messages 5 instead of 4, unseen 4 instead of 3"))


@on(SQL_PAIRS)
async def test_a_message_row_that_is_gone(house: House) -> None:
    house.sql("DELETE FROM messages WHERE mailbox_id = {inbox} AND uid = 4")
    report = await house.check()
    only(report, Found(Kind.COUNTERS, "INBOX"), Found(Kind.REFERENCES, text="1 instead of 0"))


@on(SQL_PAIRS)
async def test_a_uid_that_would_be_given_again(house: House) -> None:
    house.sql("UPDATE mailboxes SET uid_next = 5 WHERE id = {inbox}")
    only(await house.check(), Found(Kind.UID_NEXT, "INBOX", text="the next UID is 5, and 5 has been given"))


@on(SQL_PAIRS)
async def test_a_uid_that_an_expunged_message_had(house: House) -> None:
    house.sql("INSERT INTO expunges (mailbox_id, modseq, first_uid, last_uid) VALUES ({inbox}, 1, 2, 3)")
    only(await house.check(), Found(Kind.UID_REUSED, "INBOX", "3"))


@on(SQL_PAIRS)
async def test_a_modseq_that_went_back(house: House) -> None:
    house.sql("UPDATE mailboxes SET highest_modseq = 3 WHERE id = {inbox}")
    only(await house.check(), Found(Kind.MODSEQ, "INBOX"))


@on(SQL_PAIRS)
async def test_an_expunge_that_is_later_than_its_mailbox(house: House) -> None:
    house.sql("UPDATE expunges SET modseq = 1000 WHERE mailbox_id = {inbox}")
    modseq = await house.modseq(house.inbox.id)
    only(await house.check(), Found(Kind.MODSEQ, "INBOX", text=f"it is {modseq}, and a change has 1000"))


@on(SQL_PAIRS)
async def test_a_message_whose_size_is_not_its_bodys(house: House) -> None:
    house.sql("UPDATE messages SET size_octets = size_octets + 1 WHERE mailbox_id = {inbox} AND uid = 3")
    house.sql("UPDATE mailboxes SET size_octets = size_octets + 1 WHERE id = {inbox}")
    only(await house.check(), Found(Kind.MESSAGE_SIZE, "INBOX", "3"))


@on(SQL_PAIRS)
async def test_a_uid_validity_that_could_be_given_again(house: House) -> None:
    house.sql("UPDATE mailboxes SET uid_validity = 4000000000 WHERE id = {inbox}")
    only(await house.check(), Found(Kind.UID_VALIDITY, "INBOX"))


@on(SQL_PAIRS)
async def test_a_flag_without_a_name(house: House) -> None:
    house.sql("UPDATE messages SET flags = flags | 1024 WHERE mailbox_id = {inbox} AND uid = 3")
    only(await house.check(), Found(Kind.UNNAMED_FLAG, "INBOX", text="1 message"))


@on(SQL_PAIRS)
async def test_messages_without_a_body_row(house: House) -> None:
    body = await house.body_of(3)
    house.sql("DELETE FROM message_summaries WHERE body_id = {body}", body=body.id)
    house.sql("DELETE FROM message_bodies WHERE id = {body}", body=body.id)
    report = await house.check()
    only(report, Found(Kind.BODILESS, "INBOX", "3"), Found(Kind.BODILESS, "INBOX", "1"))
    assert [each.place.account for each in report.damages if each.place] == ["ann@example.org", "bob@example.org"]
    # Its object is nobody's now; for a while that is what mail on its way in looks like.
    assert report.young_objects == 1
    later = await house.check(ahead_s=2 * DAYS_S)
    assert [each.kind for each in later.damages] == [Kind.BODILESS, Kind.BODILESS, Kind.ORPHAN]
    assert later.damages[2].key == body.object_key


@on(SQL_PAIRS)
async def test_what_is_left_of_mailboxes_and_accounts(house: House) -> None:
    """Beside rights and annotations of those that are there, by their own names, and by "-" and "anyone"."""
    ann, bob = house.inbox.user_id, house.bobs.user_id
    for identifier in ("anyone", "-anyone", "bob@example.org", "-bob@example.org"):
        await house.store.metadata.change_acl(house.inbox.id, identifier, FlagOp.SET, Rights.READ)
    noted = [("/shared/comment", b"x"), ("/private/comment", b"y")]
    await house.store.metadata.annotate(bob, house.inbox.id, noted, owner_id=ann, most=10)
    await house.store.metadata.annotate(bob, SERVER, noted, owner_id=NOBODY, most=10)
    only(await house.check())
    house.sql("INSERT INTO acl (mailbox_id, identifier, rights) VALUES (9999, 'bob@example.org', 'lr')")
    house.sql("INSERT INTO acl (mailbox_id, identifier, rights) VALUES ({inbox}, '-eve@example.org', 'lr')")
    house.sql("INSERT INTO acl (mailbox_id, identifier, rights) VALUES ({inbox}, 'xbob@example.org', 'lr')")
    for left in ("9999, 0, '/shared/a', {ann}", "0, 999, '/private/b', 999", "{inbox}, 0, '/shared/c', 999"):
        columns = "mailbox_id, user_id, entry, account_id, mark, value"
        house.sql(f"INSERT INTO annotations ({columns}) VALUES ({left}, 1, x'')", ann=ann)
    expected = (
        Found(Kind.ORPHAN_RIGHTS, text=f"mailbox {house.inbox.id}: -eve@example.org"),
        Found(Kind.ORPHAN_RIGHTS, text=f"mailbox {house.inbox.id}: xbob@example.org"),
        Found(Kind.ORPHAN_RIGHTS, text="mailbox 9999: bob@example.org"),
        Found(Kind.ORPHAN_ANNOTATION, text="the server: /private/b of account 999"),
        Found(Kind.ORPHAN_ANNOTATION, text=f"mailbox {house.inbox.id}: /shared/c"),
        Found(Kind.ORPHAN_ANNOTATION, text="mailbox 9999: /shared/a"),
    )
    report = await house.check()
    only(report, *expected)
    done = await house.repair(report.damages)
    assert (done.rights_deleted, done.annotations_deleted) == (3, 3)
    only(await house.check())
    assert len(await house.store.metadata.get_acl(house.inbox.id)) == 4
    assert len(await house.store.metadata.annotations(bob, [house.inbox.id, SERVER])) == 4


# ---- bodies


@on(SQL_PAIRS)
async def test_reference_counts_that_are_wrong(house: House) -> None:
    too_few, too_many = await house.body_id_of(3), await house.body_id_of(4)
    house.sql("UPDATE message_bodies SET reference_count = 1 WHERE id = {body}", body=too_few)
    house.sql("UPDATE message_bodies SET reference_count = 2 WHERE id = {body}", body=too_many)
    report = await house.check()
    only(report, Found(Kind.REFERENCES, text="1 instead of 2"), Found(Kind.REFERENCES, text="2 instead of 1"))
    assert [each.body_id for each in report.damages] == [too_few, too_many]


@on(SQL_PAIRS)
async def test_a_body_that_messages_have_and_that_would_be_collected(house: House) -> None:
    house.sql("UPDATE message_bodies SET reference_count = 0 WHERE id = {body}", body=await house.body_id_of(5))
    only(await house.check(), Found(Kind.REFERENCES, text="0 instead of 1"))


@on(SQL_PAIRS)
async def test_a_body_without_a_summary(house: House) -> None:
    body_id = await house.body_id_of(1)
    house.sql("DELETE FROM message_summaries WHERE body_id = {body}", body=body_id)
    report = await house.check()
    only(report, Found(Kind.SUMMARY))
    assert report.damages[0].body_id == body_id


@on(SQL_PAIRS)
async def test_a_digest_that_is_another(house: House) -> None:
    body_id = await house.body_id_of(1)
    other = await house.body_id_of(4)
    # The digest of another body, in a way that both databases take.
    digest = next(each for each in await house.store.upkeep.body_counts(BodyId(other - 1), 1)).digest.hex()
    house.sql("UPDATE message_bodies SET digest = x'{digest}' WHERE id = {body}", digest=digest, body=body_id)
    only(await house.check(), Found(Kind.OBJECT_DAMAGED, text="their digest is another"))
    only(await house.check(sample=0))


# ---- objects


@on(PAIRS)
async def test_missing_objects(house: House) -> None:
    small, large = await house.body_of(1), await house.body_of(5)
    await house.store.blobs.delete([small.object_key, large.object_key])
    for sample in (None, 0):
        report = await house.check(sample=sample)
        only(report, Found(Kind.OBJECT_MISSING), Found(Kind.OBJECT_MISSING))
        assert [each.key for each in report.damages] == [small.object_key, large.object_key]
        named = [(each.account, each.mailbox, each.uid) for each in report.damages[0].messages]
        assert named == [("ann@example.org", "INBOX", 1), ("ann@example.org", "Archive", 1)]
        assert not report.none_there


@on(PAIRS)
async def test_a_whole_body_store_that_is_not_there(house: House) -> None:
    await house.store.blobs.delete([each.object_key for each in await house.store.upkeep.body_counts(BodyId(0), 100)])
    report = await house.check()
    assert report.counts == {Kind.OBJECT_MISSING: 5}
    assert report.none_there


@on(PAIRS)
async def test_objects_that_are_cut_off_or_too_long(house: House) -> None:
    cut, longer, empty = await house.body_of(1), await house.body_of(4), await house.body_of(5)
    await house.replace(cut, (await house.object_of(cut))[:-1])
    await house.replace(longer, await house.object_of(longer) + b"x")
    await house.replace(empty, b"")
    for sample in (None, 0):
        report = await house.check(sample=sample)
        only(
            report,
            Found(Kind.OBJECT_SIZE, text=f"fewer than {cut.stored_octets} octets are there"),
            Found(Kind.OBJECT_SIZE, text=f"more than {longer.stored_octets} octets are there"),
            Found(Kind.OBJECT_SIZE, text=f"fewer than {empty.stored_octets} octets are there"),
        )
        assert [each.body_id for each in report.damages] == [cut.id, longer.id, empty.id]


@on(PAIRS)
async def test_an_octet_that_has_changed(house: House) -> None:
    """At many places of a small body and of a large one, their seek tables among them. (There are bits in the headers of
    frames that mean nothing; a body in which one of them differs is whole.)
    """
    for uid in (4, 5):
        body = await house.body_of(uid)
        octets = await house.object_of(body)
        last = len(octets) - 1
        for at in sorted({0, 9, last // 3, last // 2, last - 20, last - 9, last - 5, last - 4, last}):
            await house.replace(body, octets[:at] + bytes([octets[at] ^ 0x10]) + octets[at + 1 :])
            report = await house.check()
            only(report, Found(Kind.OBJECT_DAMAGED))
            assert (report.damages[0].key, report.damages[0].messages[0].uid) == (body.object_key, uid), at
            only(await house.check(sample=0))
        await house.replace(body, octets)
    only(await house.check())


@on(PAIRS)
async def test_an_object_in_the_place_of_another(house: House) -> None:
    one, other = await house.body_of(1), await house.body_of(3)
    octets = await house.object_of(other)
    await house.replace(one, octets)
    same = one.stored_octets == len(octets)
    only(await house.check(), Found(Kind.OBJECT_DAMAGED if same else Kind.OBJECT_SIZE))


@on(PAIRS)
async def test_an_object_that_nobody_names(house: House) -> None:
    await house.store.blobs.put("ab/cdef0123", b"octets")
    report = await house.check()
    only(report)
    assert report.young_objects == 1
    report = await house.check(ahead_s=2 * DAYS_S)
    only(report, Found(Kind.ORPHAN, text="6 octets"))
    assert report.damages[0].key == "ab/cdef0123"


@on(PAIRS)
async def test_a_manifest_is_no_orphan(house: House) -> None:
    await house.store.blobs.put("manifests/0001", b"octets")
    only(await house.check(ahead_s=2 * DAYS_S))


# ---- several at once


@on(SQL_PAIRS)
async def test_every_kind_at_once(house: House) -> None:
    missing, damaged = await house.body_of(1), await house.body_of(5)
    await house.store.blobs.delete([missing.object_key])
    octets = await house.object_of(damaged)
    await house.replace(damaged, octets[:100] + b"!" + octets[101:])
    house.sql("UPDATE message_bodies SET reference_count = 9 WHERE id = {body}", body=await house.body_id_of(4))
    house.sql("UPDATE mailboxes SET messages = 9, uid_next = 2, highest_modseq = 1 WHERE id = {inbox}")
    report = await house.check()
    assert {each.kind for each in report.damages} == {
        Kind.COUNTERS,
        Kind.UID_NEXT,
        Kind.MODSEQ,
        Kind.REFERENCES,
        Kind.OBJECT_MISSING,
        Kind.OBJECT_DAMAGED,
    }
    assert report.counts.total() == 6
