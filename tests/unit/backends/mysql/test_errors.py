"""What the rest of the program is told of an error of the server."""

from __future__ import annotations

import pytest

from lightmail.backends.mysql.errors import (
    AWAY,
    DUPLICATE,
    LEAVING,
    LOGIN,
    NO_TLS,
    READ_ONLY,
    REPEATABLE,
    Lost,
    Refused,
    told,
)
from lightmail.errors import NeedsOperator, StoreReadOnly, Unavailable


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1205, Unavailable),
        (1213, Unavailable),
        (1467, Unavailable),
        (1047, Unavailable),
        (1053, Unavailable),
        (1045, NeedsOperator),
        (1049, NeedsOperator),
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


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused(1045, "Access denied for user 'lm'@'db'"), "check the user and the password in storage.metadata"),
        (Refused(1049, "Unknown database 'mail'"), "make it, then run `lightmail db upgrade`"),
        (Refused(1047, "WSREP has not yet prepared node for application use"), "has no quorum"),
        (Refused(1290, "running with the --read-only option"), "make the server writable"),
        (Refused(1114, "The table 'messages' is full"), "make room on the disk of the server"),
        (Lost("it does not offer TLS", way_out=NO_TLS), "set mysql.tls"),
    ],
)
def test_cause_and_way_out_are_told(error: Lost | Refused, words: str) -> None:
    text = str(told(error))
    assert text.startswith(f"the metadata database ({getattr(error, 'text', None) or error.args[0]}) "), text
    assert words in text.partition("; ")[2], text


def test_no_error_has_two_meanings() -> None:
    kinds = (REPEATABLE, LEAVING, AWAY, LOGIN, READ_ONLY, frozenset((DUPLICATE,)))
    assert len(frozenset.union(*kinds)) == sum(map(len, kinds))
