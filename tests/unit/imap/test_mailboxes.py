"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 §6.3.4-6.3.8)."""

from __future__ import annotations

import pytest

from lightmail.imap.state import State
from tests.support.aio import run
from tests.unit.imap.desk import Desk, lines


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"CREATE new", b"a OK"),
        (b"CREATE new/", b"a OK"),
        (b"CREATE new/deep/er", b"a OK"),
        (b"CREATE Sent", b"a NO [ALREADYEXISTS]"),
        (b"CREATE inbox", b"a NO [ALREADYEXISTS]"),
        (b'CREATE "a//b"', b"a NO [CANNOT]"),
        (b"CREATE x (USE (\\Nonsense))", b"a NO [USEATTR]"),
        (b"DELETE Sent", b"a OK"),
        (b"DELETE INBOX", b"a NO [CANNOT]"),
        (b"DELETE nowhere", b"a NO [NONEXISTENT]"),
        (b"RENAME Sent Gone", b"a OK"),
        (b"RENAME nowhere Gone", b"a NO [NONEXISTENT]"),
        (b"RENAME Sent Trash", b"a NO [ALREADYEXISTS]"),
        (b"RENAME Sent Sent/below", b"a NO [CANNOT]"),
        (b"SUBSCRIBE nowhere", b"a OK"),
        (b"UNSUBSCRIBE nowhere", b"a OK"),
    ],
)
def test_answers(command: bytes, answer: bytes) -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        assert lines(await client.say(b"a " + command))[-1].startswith(answer)
        await desk.close()

    run(scenario())


def test_deleting_the_selected_mailbox_closes_it() -> None:
    """RFC 9051 §3: CLOSED leads back to the authenticated state."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"Trash")
        answers = lines(await client.say(b"a DELETE Trash"))
        assert answers[0].startswith(b"* OK [CLOSED]") and answers[1].startswith(b"a OK")
        assert client.session.state is State.AUTHENTICATED and client.session.selected is None
        assert (await client.say(b"b SELECT INBOX")).endswith(b"b OK [READ-WRITE] Selected\r\n")
        await desk.close()

    run(scenario())


@pytest.mark.parametrize("idling", [False, True])
def test_a_mailbox_deleted_by_another_session(idling: bool) -> None:
    """RFC 9051 knows CLOSED for this, RFC 3501 only BYE (RFC 2180 §3.3)."""

    async def scenario() -> None:
        desk = await Desk.build()
        old = await desk.login(select=b"Trash")
        new = await desk.login(enable=b"IMAP4rev2", select=b"Trash")
        if idling:
            await old.say(b"a IDLE")
            await new.say(b"a IDLE")
        other = await desk.login()
        assert b"b OK" in await other.say(b"b DELETE Trash")
        if idling:
            told_old, told_new = await old.told(), await new.told()
        else:
            told_old, told_new = await old.say(b"c NOOP"), await new.say(b"c NOOP")
        assert told_old.startswith(b"* BYE The selected mailbox was deleted\r\n")
        assert old.closed
        assert told_new.startswith(b"* OK [CLOSED] The selected mailbox was deleted\r\n")
        assert not new.closed and new.session.state is State.AUTHENTICATED
        if idling:
            assert await new.say(b"DONE") == b"a OK No longer idle\r\n"
        await desk.close()

    run(scenario())


def test_rename_of_the_selected_mailbox_changes_nothing_for_its_session() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"Sent")
        await client.say(b"a RENAME Sent Gone")
        assert b"* 1 EXISTS" in await client.say(b"b APPEND Gone {1+}\r\nx")
        await desk.close()

    run(scenario())


def test_a_name_that_was_made_normal_is_told_to_rev2() -> None:
    """RFC 9051 §6.3.9.7."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(enable=b"IMAP4rev2")
        loose, normal = "A\u0308", "\u00c4"
        answers = lines(await client.say(f'a CREATE "{loose}"'.encode()))
        assert answers[0] == f'* LIST () "/" "{normal}" ("OLDNAME" ("{loose}"))'.encode()
        answers = lines(await client.say(f'b RENAME "{loose}" plain'.encode()))
        assert answers[0] == f'* LIST () "/" plain ("OLDNAME" ("{loose}"))'.encode()
        assert len(lines(await client.say(b"c RENAME plain other"))) == 1
        await desk.close()

    run(scenario())
