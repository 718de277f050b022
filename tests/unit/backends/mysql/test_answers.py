"""Answers of the server, from octets: whole, octet by octet, damaged, and with a shape that is known already."""

from __future__ import annotations

import os
from collections import Counter
from decimal import Decimal

import pytest

from lightmail.backends.mysql.answers import DAMAGED, MAX_PACKET_OCTETS, Answer
from tests.unit.backends.mysql import packets
from tests.unit.backends.mysql.packets import framed

COLUMNS = (
    packets.column("id", packets.LONGLONG),
    packets.column("name", packets.VARCHAR, packets.UTF8MB4),
    packets.column("octets", packets.BLOB),
    packets.column("total", packets.DECIMAL),
    packets.column("mean", packets.DECIMAL, decimals=2),
    packets.column("ratio", packets.DOUBLE),
    packets.column("told", packets.JSON),
)
ROWS = (
    (b"-9223372036854775808", "grüß".encode(), b"\xff\0", b"18446744073709551616", b"1.50", b"0.5", b"{}"),
    (None,) * 7,
    (b"1", b"n" * 300, b"o" * 70_000, b"0", b"0.00", b"1e3", b"[]"),
)
VALUES = [
    (-(2**63), "grüß", b"\xff\0", 2**64, Decimal("1.50"), 0.5, "{}"),
    (None,) * 7,
    (1, "n" * 300, b"o" * 70_000, 0, Decimal("0.00"), 1000.0, "[]"),
]
RESULT_SET = framed(*packets.result_set(COLUMNS, ROWS, status=packets.IN_TRANSACTION))


def test_a_result_set() -> None:
    answer = Answer()
    assert answer.feed(RESULT_SET)
    assert answer.rows == VALUES
    assert answer.in_transaction and answer.error is None


def test_an_answer_may_come_in_any_pieces() -> None:
    for size in (1, 2, 3, 7, 1000):
        answer = Answer()
        done = [answer.feed(RESULT_SET[at : at + size]) for at in range(0, len(RESULT_SET), size)]
        assert done == [False] * (len(done) - 1) + [True]
        assert answer.rows == VALUES


def test_what_a_statement_has_done() -> None:
    answer = Answer()
    assert answer.feed(framed(packets.ok(affected=300, insert_id=2**63, status=packets.IN_TRANSACTION)))
    assert (answer.affected, answer.insert_id, answer.in_transaction, answer.rows) == (300, 2**63, True, [])


def test_the_last_of_several_statements_counts() -> None:
    begun = packets.ok(affected=7, status=packets.MORE_RESULTS | packets.IN_TRANSACTION)
    answer = Answer()
    assert not answer.feed(framed(begun))
    assert answer.feed(RESULT_SET)
    assert answer.rows == VALUES
    answer = Answer()
    both = packets.result_set(COLUMNS, ROWS, status=packets.MORE_RESULTS)
    assert answer.feed(framed(*both, packets.ok(affected=2)))
    assert (answer.rows, answer.affected) == ([], 2)


def test_errors() -> None:
    answer = Answer()
    assert answer.feed(framed(packets.error(1213, "Deadlock found")))
    assert answer.error == (1213, "Deadlock found")
    answer = Answer()
    begun = packets.ok(status=packets.MORE_RESULTS | packets.IN_TRANSACTION)
    assert answer.feed(framed(begun, packets.error(1064, "Syntax", state=b"")))
    assert answer.error == (1064, "Syntax") and answer.in_transaction
    answer = Answer()
    assert answer.feed(framed(*packets.result_set(COLUMNS, ROWS)[:-1], packets.error(1317, "Interrupted")))
    assert answer.error == (1317, "Interrupted")


def test_a_known_shape_is_recognised_and_another_one_is_not_mistaken_for_it() -> None:
    first = Answer()
    first.feed(RESULT_SET)
    shape = first.shape
    assert shape is not None
    again = Answer(shape)
    assert again.feed(RESULT_SET)
    assert again.rows == VALUES and again.shape is shape

    begun = framed(packets.ok(status=packets.MORE_RESULTS))
    after_begin = Answer(shape)
    assert after_begin.feed(begun + RESULT_SET)
    assert after_begin.rows == VALUES and after_begin.shape is shape

    other_columns = (packets.column("id", packets.VARCHAR, packets.UTF8MB4), *COLUMNS[1:])
    other = Answer(shape)
    assert other.feed(framed(*packets.result_set(other_columns, ROWS)))
    assert other.rows[0][0] == "-9223372036854775808" and other.shape not in (None, shape)

    in_pieces = Answer(shape)
    assert not in_pieces.feed(RESULT_SET[:10])
    assert in_pieces.feed(RESULT_SET[10:])
    assert in_pieces.rows == VALUES
    no_rows = Answer(shape)
    assert no_rows.feed(framed(packets.ok(affected=1)))
    assert (no_rows.affected, no_rows.rows) == (1, [])


def test_a_value_longer_than_a_packet() -> None:
    value = os.urandom(1024) * (MAX_PACKET_OCTETS // 1024 + 100)
    payload = packets.row((value,))
    head = framed(packets.length(1), packets.column("octets", packets.BLOB), packets.end())
    long = b"\xff\xff\xff\x04" + payload[:MAX_PACKET_OCTETS]
    rest = payload[MAX_PACKET_OCTETS:]
    octets = head + long + len(rest).to_bytes(3, "little") + b"\x05" + rest + b"\x05\0\0\x06" + packets.end()
    answer = Answer()
    done = [answer.feed(octets[at : at + 65_536]) for at in range(0, len(octets), 65_536)]
    assert done[-1] and not any(done[:-1])
    assert answer.rows == [(value,)]


def test_what_is_no_answer_is_refused() -> None:
    for octets, reason in ((framed(packets.ok()) + b"\0", "more octets"), (framed(b"\xfb/etc/passwd"), "a file")):
        with pytest.raises(ValueError, match=reason):
            Answer().feed(octets)


def test_damage_is_refused_or_not_noticed_but_nothing_worse() -> None:
    small = framed(*packets.result_set(COLUMNS, ROWS[:2]))
    outcomes: Counter[str] = Counter()
    for at in range(len(small)):
        damaged = bytearray(small)
        damaged[at] ^= 0xFF
        try:
            outcomes["complete" if Answer().feed(bytes(damaged)) else "not complete"] += 1
        except DAMAGED:
            outcomes["refused"] += 1
    assert outcomes.total() == len(small) and all(outcomes[one] for one in ("complete", "not complete", "refused"))
