"""Which object is whose body: what marks and accounts allow, and nothing beyond."""

from __future__ import annotations

from lightmail.mail.check.damage import Place
from lightmail.mail.check.finding import Findings, Lost, Marks, _Candidate, _matched
from lightmail.model import BodyId, BodyRecord, BodySummary, MailboxId

MARKS = Marks(100, 1_700_000_000, 60)
OTHER = Marks(100, 1_700_000_001, 60)


def record(key: str, digest: bytes) -> BodyRecord:
    summary = BodySummary(b"", b"", b"", b"", MARKS.sent_date, MARKS.sent_zone, b"", "", "")
    return BodyRecord(key, MARKS.octets, 50, digest, summary)


def candidate(key: str, *accounts: str, digest: bytes = b"") -> _Candidate:
    return _Candidate(record(key, digest or key.encode()), frozenset(accounts))


def lost(*accounts: str, marks: Marks = MARKS) -> Lost:
    return Lost(marks, [Place(MailboxId(1), account, "INBOX", 1) for account in accounts])


def matched(bodies: dict[int, Lost], *candidates: _Candidate) -> tuple[dict[int, str], set[int], set[int]]:
    """Body to key; doubtful; nowhere."""
    every: dict[Marks, list[_Candidate]] = {MARKS: list(candidates), OTHER: []}
    findings: Findings = _matched({BodyId(number): body for number, body in bodies.items()}, every)
    found = {int(body_id): record.object_key for body_id, record in findings.found}
    return found, set(map(int, findings.doubtful)), set(map(int, findings.nowhere))


def test_one_and_one() -> None:
    assert matched({1: lost("ann")}, candidate("a", "ann")) == ({1: "a"}, set(), set())
    assert matched({1: lost("ann", "bob")}, candidate("a", "bob", "eve")) == ({1: "a"}, set(), set())


def test_none() -> None:
    assert matched({1: lost("ann")}) == ({}, set(), {1})
    assert matched({1: lost("ann", marks=OTHER)}, candidate("a", "ann")) == ({}, set(), {1})


def test_of_somebody_else_or_of_nobody_knows_whom() -> None:
    assert matched({1: lost("ann")}, candidate("a", "eve")) == ({}, {1}, set())
    assert matched({1: lost("ann")}, candidate("a")) == ({}, {1}, set())


def test_several_that_differ() -> None:
    assert matched({1: lost("ann")}, candidate("a", "ann"), candidate("b", "ann")) == ({}, {1}, set())


def test_several_of_the_same_content_are_the_same_mail() -> None:
    twice = candidate("a", "ann", digest=b"x"), candidate("b", "ann", digest=b"x")
    assert matched({1: lost("ann")}, *twice) == ({1: "a"}, set(), set())
    assert matched({1: lost("ann"), 2: lost("ann")}, *twice) == ({1: "a", 2: "b"}, set(), set())


def test_one_for_two_is_nobodys() -> None:
    assert matched({1: lost("ann"), 2: lost("ann")}, candidate("a", "ann")) == ({}, {1, 2}, set())


def test_those_of_two_accounts_do_not_stand_in_each_others_way() -> None:
    assert matched({1: lost("ann"), 2: lost("bob")}, candidate("b", "bob"), candidate("a", "ann")) == (
        {1: "a", 2: "b"},
        set(),
        set(),
    )


def test_an_object_is_given_once() -> None:
    found, doubtful, nowhere = matched({1: lost("ann"), 2: lost("bob")}, candidate("a", "ann", "bob"))
    assert (found, doubtful, nowhere) == ({1: "a"}, {2}, set())
