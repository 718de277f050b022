"""Rights, and where names lead (RFC 4314)."""

from __future__ import annotations

import pytest

from lightmail.errors import MailboxNotFound, NoRight
from lightmail.mail.access import Place
from lightmail.model import Rights, UserId
from lightmail.model.rights import granted, rights_of


def place(letters: str) -> Place:
    return Place("Users/ann@example.org/Work", UserId(1), "ann@example.org", "Work", rights_of(letters), False)


def test_letters_come_back_in_the_order_of_the_rfc() -> None:
    assert rights_of("atexkpiwsrl").letters == "lrswipkxtea"
    assert rights_of("lr9Q").letters == "lr"
    assert rights_of("lrswipkxtea") == Rights.ALL


def test_rights_add_up_and_negative_ones_win() -> None:
    """RFC 4314 §2: "fred" with "-fred"; DELETEACL of "fred" does not touch "-fred"."""
    entries = (
        ("-fred@example.org", rights_of("w")),
        ("anyone", rights_of("lr")),
        ("fred@example.org", rights_of("wi")),
        ("other@example.org", rights_of("a")),
    )
    assert granted(entries, "fred@example.org").letters == "lri"
    assert granted(entries, "eve@example.org").letters == "lr"
    assert granted((*entries, ("-anyone", rights_of("l"))), "fred@example.org").letters == "ri"


def test_who_may_know_of_a_mailbox_is_told_what_right_is_missing() -> None:
    """RFC 5530: NOPERM."""
    place("lr").demand(Rights.READ)
    with pytest.raises(NoRight) as caught:
        place("lr").demand(Rights.INSERT | Rights.READ)
    assert caught.value.right == "i"


@pytest.mark.parametrize("letters", ["", "swpte"])
def test_who_may_not_know_of_it_learns_nothing(letters: str) -> None:
    """RFC 4314 §6: the answer is the one for a mailbox that does not exist."""
    with pytest.raises(MailboxNotFound) as caught:
        place(letters).demand(Rights.ADMINISTER)
    assert caught.value.name == "Users/ann@example.org/Work"
