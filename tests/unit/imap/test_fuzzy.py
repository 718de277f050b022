"""SEARCH=FUZZY (RFC 6203): FUZZY keys, RELEVANCY as a return option and as a sort key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk

_SUBJECTS = (b"Say hello to them", b"Helo", b"nothing of the kind", b"helo there, hello", b"Re: HELP")


def _with_mail(scenario: Callable[[Client], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        desk = await Desk.build()
        client = await desk.login()
        for subject in _SUBJECTS:
            message = b"Subject: %s\r\n\r\nIMAP is broken\r\n" % subject
            assert b"a OK" in await client.say(b"a APPEND INBOX {%d+}\r\n%s" % (len(message), message))
        assert b"s OK" in await client.say(b"s SELECT INBOX")
        await scenario(client)
        await desk.close()

    run(all_of_it())


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"SEARCH FUZZY SUBJECT helo", b"* SEARCH 1 2 4 5"),
        (b"SEARCH SUBJECT helo", b"* SEARCH 2 4"),
        (b"SEARCH FUZZY (SUBJECT helo) 4:5", b"* SEARCH 4 5"),
        (b"SEARCH FUZZY NOT SUBJECT helo", b"* SEARCH 3"),
        (b'SEARCH FUZZY BODY "broken IMAP"', b"* SEARCH 1 2 3 4 5"),
        (b'SEARCH BODY "broken IMAP"', b"* SEARCH"),
        (b"SEARCH RETURN (RELEVANCY ALL) FUZZY SUBJECT helo", b"ALL 1:2,4:5 RELEVANCY (10 100 100 10)"),
        (b"SEARCH RETURN (RELEVANCY) FUZZY SUBJECT helo", b"RELEVANCY (10 100 100 10)"),
        (b"SEARCH RETURN (RELEVANCY COUNT) FUZZY SUBJECT helo", b"COUNT 4 RELEVANCY (10 100 100 10)"),
        (b"SEARCH RETURN (MAX COUNT MIN RELEVANCY) FUZZY TEXT helo", b"MIN 1 MAX 5 COUNT 4 RELEVANCY (10 10)"),
        (b"SEARCH RETURN (PARTIAL 2:3 RELEVANCY) FUZZY SUBJECT helo", b"PARTIAL (2:3 2,4) RELEVANCY (100 100)"),
        (b"SEARCH RETURN (RELEVANCY ALL) FUZZY SUBJECT absent", b"RELEVANCY ()"),
        (b"SEARCH RETURN (RELEVANCY ALL) FUZZY SEEN", b"RELEVANCY ()"),
        (b"SEARCH RETURN (RELEVANCY MIN) FUZZY UNSEEN", b"MIN 1 RELEVANCY (100)"),
        (b"SORT (RELEVANCY) UTF-8 FUZZY SUBJECT helo", b"* SORT 2 4 1 5"),
        (b"SORT (REVERSE RELEVANCY REVERSE ARRIVAL) UTF-8 FUZZY SUBJECT helo", b"* SORT 1 5 2 4"),
        (b"SORT (RELEVANCY SUBJECT) UTF-8 FUZZY SUBJECT helo", b"* SORT 2 4 5 1"),
        (b"SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY TEXT helo", b"ALL 2,4,1,5 RELEVANCY (100 100 10 10)"),
        (
            b"SORT RETURN (PARTIAL 2:3 RELEVANCY COUNT) (RELEVANCY) UTF-8 FUZZY TEXT helo",
            b"COUNT 4 PARTIAL (2:3 4,1) RELEVANCY (100 10)",
        ),
        (b"SORT RETURN (MIN MAX RELEVANCY) (RELEVANCY) UTF-8 FUZZY TEXT helo", b"MIN 2 MAX 5 RELEVANCY (100 10)"),
        (b"THREAD ORDEREDSUBJECT UTF-8 FUZZY SUBJECT hell", b"* THREAD (1)(2)(4)(5)"),
        (
            b"ESEARCH IN (mailboxes INBOX) RETURN (RELEVANCY ALL) FUZZY SUBJECT helo",
            b"UID ALL 1:2,4:5 RELEVANCY (10 100 100 10)",
        ),
    ],
)
def test_what_is_found(command: bytes, answer: bytes) -> None:
    async def scenario(client: Client) -> None:
        told = await client.say(b"b " + command)
        assert told.splitlines()[0].endswith(answer) and b"\r\nb OK " in told

    _with_mail(scenario)


def test_relevancy_needs_a_fuzzy_key() -> None:
    """§4, §6."""

    async def scenario(client: Client) -> None:
        assert b"b BAD" in await client.say(b"b SEARCH RETURN (RELEVANCY) SUBJECT helo")
        assert b"b BAD" in await client.say(b"b SORT (RELEVANCY) UTF-8 SUBJECT helo")
        assert b"b BAD" in await client.say(b"b SORT RETURN (RELEVANCY) (DATE) UTF-8 SUBJECT helo")
        assert b"b BAD" in await client.say(b"b ESEARCH IN (mailboxes INBOX) RETURN (RELEVANCY) SUBJECT helo")

    _with_mail(scenario)


def test_relevancy_names_no_messages_to_save() -> None:
    """RFC 5182 §2.4: `$` is what MIN names."""

    async def scenario(client: Client) -> None:
        await client.say(b"b SEARCH RETURN (SAVE MIN RELEVANCY) FUZZY SUBJECT helo")
        assert b"* SEARCH 1\r\n" in await client.say(b"c SEARCH $")
        await client.say(b"b SORT RETURN (SAVE MAX RELEVANCY) (RELEVANCY) UTF-8 FUZZY SUBJECT helo")
        assert b"* SEARCH 5\r\n" in await client.say(b"c SEARCH $")

    _with_mail(scenario)


def test_changes_are_told_but_not_of_an_order_by_relevancy() -> None:
    """RFC 5267 §4.3.1: NOUPDATE."""

    async def scenario(client: Client) -> None:
        assert b"NOUPDATE" not in await client.say(b"b1 SEARCH RETURN (UPDATE ALL) FUZZY SUBJECT helo")
        told = await client.say(b"b2 SORT RETURN (UPDATE ALL) (RELEVANCY) UTF-8 FUZZY SUBJECT helo")
        assert b"ALL 2,4,1,5\r\n" in told and b'* NO [NOUPDATE "b2"]' in told and b"b2 OK" in told
        message = b"Subject: hallo, heelo\r\n\r\n"
        told = await client.say(b"a APPEND INBOX {%d+}\r\n%s" % (len(message), message))
        assert b'* ESEARCH (TAG "b1") ADDTO (0 6)\r\n' in told

    _with_mail(scenario)
