"""The ledger of a mixed load notices what a mail store must never do."""

from __future__ import annotations

import pytest

from tests.support.ledger import Ledger
from tests.support.view import Message

BOX = ("ann@example.org", "INBOX", 7)
INBOX = BOX[:2]


def message(uid: int, subject: str, *flags: str, modseq: int = 1) -> Message:
    return Message(uid, frozenset(flags), modseq, subject)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.store(BOX, [1], ["one"])
    return ledger


def test_nothing_is_wrong(ledger: Ledger) -> None:
    ledger.delivered[INBOX].add("two")
    ledger.check(BOX, [message(1, "one"), message(2, "two")])


def test_an_appended_message_is_missing(ledger: Ledger) -> None:
    with pytest.raises(AssertionError, match="promised and is not there"):
        ledger.check(BOX, [])


def test_a_delivered_message_is_missing(ledger: Ledger) -> None:
    ledger.delivered[INBOX].add("two")
    with pytest.raises(AssertionError, match="delivered"):
        ledger.check(BOX, [message(1, "one")])


def test_a_flag_is_missing(ledger: Ledger) -> None:
    ledger.kept_flags[BOX][1] = {"$kept1"}
    with pytest.raises(AssertionError, match="lacks"):
        ledger.check(BOX, [message(1, "one", "\\Seen")])


@pytest.mark.parametrize("delivered", [False, True])
def test_what_was_answered_once_is_there_twice(ledger: Ledger, delivered: bool) -> None:
    seen = [message(1, "one"), message(2, "one")]
    if delivered:
        ledger.delivered[INBOX].add("two")
        seen = [message(1, "one"), message(2, "two"), message(3, "two")]
    with pytest.raises(AssertionError, match="nobody was told"):
        ledger.check(BOX, seen)


def test_what_was_never_answered_may_be_there_once(ledger: Ledger) -> None:
    ledger.tries(INBOX, ["one"])
    ledger.check(BOX, [message(1, "one")])
    ledger.check(BOX, [message(1, "one"), message(2, "one")])
    with pytest.raises(AssertionError, match="nobody was told"):
        ledger.check(BOX, [message(1, "one"), message(2, "one"), message(3, "one")])
    ledger.has_done(INBOX, ["one"])
    with pytest.raises(AssertionError, match="nobody was told"):
        ledger.check(BOX, [message(1, "one"), message(2, "one")])


def test_a_uid_is_given_twice(ledger: Ledger) -> None:
    with pytest.raises(AssertionError, match="given twice"):
        ledger.store(BOX, [1], ["two"])


def test_one_modseq_has_two_states(ledger: Ledger) -> None:
    ledger.told(BOX, message(1, "one", modseq=5), whole=True)
    with pytest.raises(AssertionError, match="two states"):
        ledger.told(BOX, message(1, "one", "\\Seen", modseq=5), whole=True)
