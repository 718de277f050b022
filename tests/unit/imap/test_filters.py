"""FILTER: searches that are kept under a name (RFC 5466)."""

from __future__ import annotations

import pytest

from lightmail._core.imap import Limits
from lightmail.errors import FilterRefused
from lightmail.mail.named_searches import MOST, check
from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk


async def keep(client: Client, name: bytes, criteria: bytes, scope: bytes = b"private") -> None:
    value = b"{%d+}\r\n%s" % (len(criteria), criteria)
    assert b"k OK" in await client.say(b'k SETMETADATA "" (/%s/filters/values/%s %s)' % (scope, name, value))


async def mailbox(**limits: int) -> tuple[Desk, Client]:
    """INBOX with three messages, the first of them \\Seen, selected."""
    desk = await Desk.build(**limits)
    await desk.house.inbox(messages=3)
    client = await desk.login(select=b"INBOX")
    await client.say(b"a STORE 1 +FLAGS.SILENT (\\Seen)")
    return desk, client


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("values/a", b"OR SMALLER"),
        ("values/a", b""),
        ("values/a", b"(SEEN"),
        ("values/a", b"SEEN)"),
        ("values/a", b"X-NOTHING"),
        ("values/a", b"SUBJECT {3}"),
        ("values/a", b"SUBJECT {9+}\r\nx"),
        ("values/a", b'SUBJECT "\xfc"'),
        ("values/a", b"FILTER"),
        ("values/a", b"FILTER a/b"),
        ("values/a", b"(" * 40 + b"SEEN" + b")" * 40),
        ("values/a/b", b"SEEN"),
        ("values/a b", b"SEEN"),
        ('values/a"', b"SEEN"),
        ("values", b"SEEN"),
        ("other/a", b"x"),
        ("descriptions/a", b"\xfc"),
    ],
)
def test_what_is_no_filter(entry: str, value: bytes) -> None:
    for scope in ("private", "shared"):
        with pytest.raises(FilterRefused):
            check(f"/{scope}/filters/{entry}", value, Limits())


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("values/a", b"SEEN"),
        ("values/a-$}.1", b'FROM "x" (YOUNGER 5) 1:*,$'),
        ("values/a", b"SUBJECT {4+}\r\n\xc3\xa4\r\n"),
        ("values/a", b"FILTER a FILTER nowhere"),
        ("descriptions/a", b"\xf3\xa0\x80\x81\xf3\xa0\x81\xb2\xf3\xa0\x81\xb5"),
    ],
)
def test_what_is_one(entry: str, value: bytes) -> None:
    check(f"/private/filters/{entry}", value, Limits())
    check("/private/comment", b"(", Limits())


def test_the_user_s_own_comes_first() -> None:
    async def scenario() -> None:
        desk, client = await mailbox()
        await desk.house.mail.directory.set_administrator(desk.house.user.id, True)
        await keep(client, b"mine", b"SEEN", b"shared")
        assert b"* SEARCH 1\r\n" in await client.say(b"a SEARCH FILTER mine")
        await keep(client, b"MINE", b"UNSEEN")
        assert b"* SEARCH 2 3\r\n" in await client.say(b"a SEARCH FILTER Mine")
        assert b"a OK" in await client.say(b'a SETMETADATA "" (/private/filters/values/mine NIL)')
        assert b"* SEARCH 1\r\n" in await client.say(b"a SEARCH FILTER mine")
        await desk.close()

    run(scenario())


def test_keys_are_inserted_verbatim() -> None:
    async def scenario() -> None:
        desk, client = await mailbox()
        await keep(client, b"x", b"SEEN LARGER 1")
        await keep(client, b"y", b"UNSEEN FILTER x")
        for criteria, found in (
            (b"FILTER x", b" 1"),
            (b"NOT FILTER x", b" 2 3"),
            (b"OR FILTER x 2", b" 2"),
            (b"OR (FILTER x) 2", b" 1 2"),
            (b"OR 3 FILTER x", b" 1 3"),
            (b"OR NOT FILTER x 2", b" 2"),
            (b"(FILTER x) 1", b" 1"),
            (b"NOT (OR FILTER x 2)", b" 1 3"),
            (b"OR FILTER y ALL", b" 1 2 3"),
            (b"NOT FILTER y", b" 1"),
            (b"OR NOT FILTER y 2", b""),
        ):
            assert b"* SEARCH%s\r\n" % found in await client.say(b"a SEARCH " + criteria), criteria
        await desk.close()

    run(scenario())


def test_bounds() -> None:
    async def scenario() -> None:
        desk, client = await mailbox(annotation_octets=1024, command_octets=4096, nesting=5)
        await keep(client, b"long", b" ".join([b"SEEN"] * 200))
        await keep(client, b"four", b" ".join([b"FILTER long"] * 4))
        await keep(client, b"sixteen", b" ".join([b"FILTER four"] * 4))
        await keep(client, b"deep", b"NOT (NOT (SEEN UNSEEN))")
        await keep(client, b"ping", b"FILTER pong")
        await keep(client, b"pong", b"SEEN FILTER ping")
        assert b"* SEARCH 1\r\n" in await client.say(b"a SEARCH FILTER four")
        assert b"a NO [LIMIT]" in await client.say(b"a SEARCH FILTER sixteen")
        assert b"* SEARCH\r\n" in await client.say(b"a SEARCH NOT FILTER deep NOT FILTER deep FILTER deep")
        assert b"a NO [CANNOT]" in await client.say(b"a SEARCH NOT NOT NOT FILTER deep")
        assert b"a NO [UNDEFINED-FILTER pong]" in await client.say(b"a SEARCH FILTER ping")
        assert b"a NO [UNDEFINED-FILTER ping]" in await client.say(b"a SEARCH FILTER pong")
        names = b" ".join(b"FILTER n%d" % number for number in range(MOST + 1))
        assert b"a NO [LIMIT]" in await client.say(b"a SEARCH " + names)
        assert b"a NO [UNDEFINED-FILTER n0]" in await client.say(b"a SEARCH " + names.rpartition(b" FILTER")[0])
        await desk.close()

    run(scenario())


def test_what_is_saved() -> None:
    async def scenario() -> None:
        desk, client = await mailbox()
        await keep(client, b"seen", b"SEEN")
        await keep(client, b"those", b"$ UNSEEN")
        assert b"a OK" in await client.say(b"a SEARCH RETURN (SAVE) NOT FILTER seen")
        assert b"* SEARCH 2 3\r\n" in await client.say(b"a SEARCH FILTER those")
        bad = b"a SORT RETURN (SAVE) (ARRIVAL) ISO-8859-1 FILTER seen"
        assert b"a BAD [BADCHARSET (US-ASCII UTF-8)]" in await client.say(bad)
        assert b"* SEARCH 2 3\r\n" in await client.say(b"a SEARCH FILTER those")
        # RFC 5182 §2.1
        for command in (b"SEARCH RETURN (SAVE)", b"SORT RETURN (SAVE) (ARRIVAL) UTF-8", b"ESEARCH RETURN (SAVE)"):
            await client.say(b"a SEARCH RETURN (SAVE) ALL")
            assert b"a NO [UNDEFINED-FILTER none]" in await client.say(b"a %s FILTER none" % command)
            assert b"* SEARCH\r\n" in await client.say(b"a SEARCH $")
        await desk.close()

    run(scenario())


def test_what_a_filter_asks_for_is_asked_for_by_the_search() -> None:
    async def scenario() -> None:
        desk, client = await mailbox()
        await keep(client, b"changed", b"MODSEQ 1")
        await keep(client, b"numbers", b"1:2")
        answer = await client.say(b"a SEARCH FILTER changed")
        assert b"* SEARCH 1 2 3 (MODSEQ " in answer
        assert b" MODSEQ (" in await client.say(b"a UID STORE 1 FLAGS (\\Flagged)")
        uid_only = await desk.login(enable=b"UIDONLY", select=b"INBOX")
        assert b"a BAD [UIDREQUIRED]" in await uid_only.say(b"a UID SEARCH FILTER numbers")
        assert b"a OK" in await uid_only.say(b"a UID SEARCH FILTER changed")
        utf8 = await desk.login(enable=b"UTF8=ACCEPT", select=b"INBOX")
        assert b"* SEARCH 1 2\r\n" in await utf8.say(b"a SEARCH FILTER numbers")
        assert b"a BAD" in await utf8.say(b"a SEARCH CHARSET UTF-8 FILTER numbers")
        await desk.close()

    run(scenario())


def test_only_the_last_messages_of_what_a_filter_names() -> None:
    """RFC 9738: what a search looks at is known when its filters are in their place."""

    async def scenario() -> None:
        desk, client = await mailbox(messages_per_command=2)
        await keep(client, b"early", b"1:2")
        await keep(client, b"some", b"UNSEEN")
        assert b"* SEARCH 1\r\na OK Searched" in await client.say(b"a SEARCH FILTER early SEEN")
        assert b"* SEARCH 2 3\r\na OK [MESSAGELIMIT 2 2]" in await client.say(b"a SEARCH FILTER some")
        assert b"a OK Sorted" in await client.say(b"a SORT (ARRIVAL) UTF-8 FILTER early")
        for command in (b"SORT (ARRIVAL) UTF-8", b"THREAD REFS UTF-8"):
            assert b"a NO [MESSAGELIMIT 2]" in await client.say(b"a %s FILTER some" % command)
        assert b"a OK [MESSAGELIMIT 2]" in await client.say(b"a ESEARCH IN (personal) RETURN (COUNT) FILTER some")
        await desk.close()

    run(scenario())


def test_a_search_that_tells_of_changes_keeps_what_the_filter_was() -> None:
    async def scenario() -> None:
        desk, client = await mailbox()
        await keep(client, b"unread", b"UNSEEN")
        assert b"COUNT 2" in await client.say(b"u SORT RETURN (UPDATE COUNT) (ARRIVAL) UTF-8 FILTER unread")
        await keep(client, b"unread", b"SEEN")
        assert b'(TAG "u") REMOVEFROM (1 2)' in await client.say(b"a STORE 2 +FLAGS.SILENT (\\Seen)")
        await client.say(b'a SETMETADATA "" (/private/filters/values/unread NIL)')
        assert b'(TAG "u") REMOVEFROM (1 3)' in await client.say(b"a STORE 3 +FLAGS.SILENT (\\Seen)")
        await desk.close()

    run(scenario())
