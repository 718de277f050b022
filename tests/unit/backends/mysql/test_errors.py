"""What the rest of the program is told of an error of the server."""

from __future__ import annotations

import pytest

from lightmail.backends.mysql.errors import AWAY, DUPLICATE, LEAVING, LOGIN, READ_ONLY, REPEATABLE, Lost, Refused, told
from lightmail.errors import StoreReadOnly, Unavailable


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1205, Unavailable),
        (1213, Unavailable),
        (1047, Unavailable),
        (1053, Unavailable),
        (1045, Unavailable),
        (1040, Unavailable),
        (1969, Unavailable),
        (3024, Unavailable),
        (1290, StoreReadOnly),
        (1792, StoreReadOnly),
        (1836, StoreReadOnly),
        (1062, Refused),
        (1064, Refused),
        (1146, Refused),
    ],
)
def test_each_error_has_its_meaning(number: int, kind: type[Exception]) -> None:
    assert type(told(Refused(number, "why"))) is kind


def test_a_lost_connection_is_unavailable() -> None:
    error = told(Lost("it does not answer", timed_out=True))
    assert type(error) is Unavailable and "it does not answer" in str(error)


def test_no_error_has_two_meanings() -> None:
    kinds = (REPEATABLE, LEAVING, AWAY, LOGIN, READ_ONLY, frozenset((DUPLICATE,)))
    assert len(frozenset.union(*kinds)) == sum(map(len, kinds))
