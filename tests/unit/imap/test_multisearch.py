"""ESEARCH, the command (RFC 7377)."""

from __future__ import annotations

import pytest

from tests.support.aio import run
from tests.unit.imap.desk import Desk, lines


async def folders() -> Desk:
    """INBOX with two messages, folder1 and folder2/peach with one, folder2 and folder2/peach/stone with none."""
    desk = await Desk.build()
    await desk.house.inbox(messages=2)
    client = await desk.login()
    await client.say(b"a CREATE folder1", b"b CREATE folder2/peach/stone", b"c SUBSCRIBE folder1")
    await client.say(b"d SELECT INBOX", b"e COPY 1 folder1", b"f COPY 2 folder2/peach")
    await client.hang_up()
    return desk


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (b"mailboxes folder1", [b"folder1"]),
        (b"mailboxes (folder1 inbox nowhere)", [b"INBOX", b"folder1"]),
        (b"mailboxes folder1 mailboxes folder1", [b"folder1"]),
        (b'mailboxes "*"', []),
        (b"subtree folder2", [b"folder2/peach"]),
        (b"subtree-one folder2", [b"folder2/peach"]),
        (b"subtree-one folder2/peach/stone subtree (folder1 nowhere)", [b"folder1"]),
        (b"personal", [b"INBOX", b"folder1", b"folder2/peach"]),
        (b"inboxes", [b"INBOX", b"folder1", b"folder2/peach"]),
        (b"subscribed", [b"INBOX", b"folder1"]),
    ],
)
def test_sources(sources: bytes, names: list[bytes]) -> None:
    async def scenario() -> None:
        desk = await folders()
        client = await desk.login()
        answers = lines(await client.say(b"tag1 ESEARCH IN (%s) ALL" % sources))
        assert answers.pop().startswith(b"tag1 OK")
        assert [line.split()[5] for line in answers] == names
        for line in answers:
            assert line.startswith(b'* ESEARCH (TAG "tag1" MAILBOX ') and b" UIDVALIDITY " in line
            assert b") UID ALL 1" in line
        await desk.close()

    run(scenario())


def test_the_selected_mailbox() -> None:
    async def scenario() -> None:
        desk = await folders()
        client = await desk.login()
        assert (await client.say(b"a ESEARCH ALL")).startswith(b"a BAD")
        assert (await client.say(b"b ESEARCH IN (personal selected) ALL")).startswith(b"b BAD")
        await client.say(b"c SELECT INBOX")
        answers = lines(await client.say(b"d ESEARCH RETURN (COUNT SAVE) UNSEEN", b"e UID SEARCH $"))
        assert answers[0].startswith(b'* ESEARCH (TAG "d" MAILBOX INBOX UIDVALIDITY ')
        assert answers[0].endswith(b") UID COUNT 2") and answers[2] == b"* SEARCH 1 2"
        answers = lines(await client.say(b"f ESEARCH IN (selected personal) RETURN (COUNT MIN MAX) UNSEEN"))
        assert [line.split()[5] for line in answers[:-1]] == [b"INBOX", b"folder1", b"folder2/peach"]
        assert answers[0].endswith(b") UID MIN 1 MAX 2 COUNT 2")
        await desk.close()

    run(scenario())


def test_no_answer_where_nothing_is_found() -> None:
    async def scenario() -> None:
        desk = await folders()
        client = await desk.login(select=b"INBOX")
        assert await client.say(b"a ESEARCH IN (personal) RETURN (COUNT) FLAGGED") == b"a OK Searched\r\n"
        assert await client.say(b"b UID ESEARCH FROM frobozz 101:200") == b"b OK Searched\r\n"
        await desk.close()

    run(scenario())


def test_what_belongs_to_the_selected_mailbox_alone() -> None:
    async def scenario() -> None:
        desk = await folders()
        client = await desk.login(select=b"INBOX")
        for option in (b"SAVE", b"UPDATE"):
            assert (await client.say(b"a ESEARCH IN (personal) RETURN (%s) ALL" % option)).startswith(b"a BAD")
        assert b"b OK" in await client.say(b"b ESEARCH IN (selected) RETURN (UPDATE) FLAGGED")
        assert b'* ESEARCH (TAG "b") UID ADDTO (0 1)' in await client.say(b"c STORE 1 +FLAGS (\\Flagged)")
        assert b"[BADCHARSET" in await client.say(b"d ESEARCH IN (personal) CHARSET x-none SUBJECT x")
        assert b"MODSEQ" in await client.say(b"e ESEARCH IN (personal) MODSEQ 1")
        await desk.close()

    run(scenario())


def test_mailboxes_are_let_go() -> None:
    async def scenario() -> None:
        desk = await folders()
        client = await desk.login()
        await client.say(b"a ESEARCH IN (personal) TEXT number")
        assert all(live.references == 0 for live in desk.house.mail.live._live.values())
        await desk.close()

    run(scenario())
