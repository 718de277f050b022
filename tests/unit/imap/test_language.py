"""LANGUAGE and COMPARATOR (RFC 5255)."""

from __future__ import annotations

import pytest

from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House


@pytest.mark.parametrize(
    ("ranges", "language"),
    [
        ("EN", "EN"),
        ("en-GB-oxendict", "EN"),
        ("i-default", "I-DEFAULT"),
        ("I-Default-x", "I-DEFAULT"),
        ("default", "I-DEFAULT"),
        ("FR-CA EN-CA", "EN"),
        ("de default", "I-DEFAULT"),
        ('"en-*-x"', "EN"),
        ('"*"', "I-DEFAULT"),
        ('"*" en', "EN"),
        ("-".join(["en", *["x"] * 4_000]), "EN"),
        ("-".join(["x"] * 4_000), None),
        ('de "*-CH"', "I-DEFAULT"),
        ("DE", None),
        ('"*" de', None),
        ("i", None),
        ("english", None),
    ],
)
def test_look_up(ranges: str, language: str | None) -> None:
    """RFC 5255 §3.2, RFC 4647 §3.4."""

    async def scenario() -> None:
        house = await House.build()
        client = Client(house)
        answer = await client.do(f"LANGUAGE {ranges}")
        if language is None:
            assert answer == ["tag NO No such language here"]
        else:
            assert answer == [f"* LANGUAGE ({language})", "tag OK This it is"]
        assert await client.ok("LANGUAGE") == ["* LANGUAGE (EN I-DEFAULT)"]
        await house.close()

    run(scenario())


def test_the_comparator_is_the_sessions() -> None:
    """It is that of SEARCH, SORT and THREAD, whatever is selected, until UNAUTHENTICATE."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=3)
        client = Client(house)
        await client.ok("COMPARATOR -i;ascii-casemap")
        await client.ok("SELECT INBOX")
        assert await client.ok("SORT (SUBJECT) UTF-8 ALL") == ["* SORT 3 2 1"]
        assert await client.ok("SORT (REVERSE SUBJECT) UTF-8 ALL") == ["* SORT 1 2 3"]
        assert await client.ok("SORT (REVERSE ARRIVAL SUBJECT) UTF-8 FROM EXAMPLE") == ["* SORT 3 2 1"]
        assert await client.ok("UNSELECT") == []
        assert await client.ok("COMPARATOR") == ["* COMPARATOR -i;ascii-casemap"]
        answer = await client.do("COMPARATOR i;basic")
        assert answer == ["tag NO [BADCOMPARATOR] no comparator here matches"]
        assert await client.ok("COMPARATOR") == ["* COMPARATOR -i;ascii-casemap"]
        session = client.session
        await client.ok("UNAUTHENTICATE")
        assert session.comparator.name == "i;unicode-casemap"
        await house.close()

    run(scenario())


def test_a_context_keeps_its_comparator() -> None:
    """What RETURN (UPDATE) tells of is what the search asked for, whatever is active since."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=1)
        client = Client(house)
        await client.ok("SELECT INBOX")
        await client.ok("COMPARATOR i;ascii-casemap")
        search = "UID SEARCH RETURN (UPDATE COUNT) SUBJECT {3+}\r\näh"
        assert await client.ok(search) == ['* ESEARCH (TAG "t3") UID COUNT 0']
        await client.ok("COMPARATOR default")
        other = Client(house)
        for subject in ("Äh", "äH"):
            await other.ok(f"APPEND INBOX {{16+}}\r\nSubject: {subject}\r\n\r\n")
        told = await client.ok("NOOP")
        assert '* ESEARCH (TAG "t3") UID ADDTO (0 3)' in told
        await house.close()

    run(scenario())
