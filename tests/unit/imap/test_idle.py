"""IDLE (RFC 9051 §6.3.13, RFC 2177)."""

from __future__ import annotations

import asyncio

import pytest

from lightmail._core import CorePanic
from tests.support.aio import run
from tests.unit.imap.desk import Desk, lines


def test_changes_come_on_their_own_expunges_included() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=2, flags=("\\Seen",))
        first = await desk.login(select=b"INBOX")
        second = await desk.login(select=b"INBOX")
        assert await first.say(b"a IDLE") == b"+ idling\r\n"
        assert await first.told() == b""
        await second.say(b"a STORE 2 +FLAGS (\\Flagged)")
        assert await first.told() == b"* 2 FETCH (FLAGS (\\Recent \\Flagged \\Seen))\r\n"
        await second.say(b"b STORE 1 +FLAGS.SILENT (\\Deleted)", b"c EXPUNGE")
        assert lines(await first.told())[:1] == [b"* 1 EXPUNGE"]
        assert await first.say(b"DONE") == b"a OK No longer idle\r\n"
        await desk.close()

    run(scenario())


def test_changes_of_one_turn_are_told_together() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        first = await desk.login(select=b"INBOX")
        await first.say(b"a IDLE")
        inbox = await desk.house.inbox()
        for new in [await desk.house.new_messages(inbox, 1) for _ in range(5)]:
            await desk.house.mail.append(new)
        told = await first.told()
        assert told == b"* 5 EXISTS\r\n* 5 RECENT\r\n"
        await desk.close()

    run(scenario())


def test_what_was_kept_back_is_told_at_once() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=2)
        first = await desk.login(select=b"INBOX")
        second = await desk.login(select=b"INBOX")
        await second.say(b"b STORE 1 +FLAGS.SILENT (\\Deleted)", b"c EXPUNGE")
        assert b"EXPUNGE" not in await first.say(b"a FETCH 2 UID")
        assert b"* 1 EXPUNGE" in await first.say(b"b IDLE") + await first.told()
        await desk.close()

    run(scenario())


def test_done_and_the_next_command_in_one_segment() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"INBOX")
        await client.say(b"a IDLE")
        assert await client.say(b"done", b"b NOOP") == b"a OK No longer idle\r\nb OK Nothing done\r\n"
        answers = lines(await client.say(b"c IDLE", b"DONE", b"d IDLE", b"DONE", b"e NOOP"))
        assert [line.split()[0] for line in answers] == [b"+", b"c", b"+", b"d", b"e"]
        await desk.close()

    run(scenario())


def test_without_a_mailbox() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        assert await client.say(b"a IDLE") == b"+ idling\r\n"
        await desk.house.inbox(messages=1)
        assert await client.told() == b""
        assert (await client.say(b"DONE")).startswith(b"a OK")
        await desk.close()

    run(scenario())


@pytest.mark.parametrize("line", [b"b NOOP", b"", b"x" * 100_000])
def test_anything_but_done_ends_it_as_bad(line: bytes) -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"INBOX")
        await client.say(b"a IDLE")
        answers = lines(await client.say(line))
        assert len(answers) == 1 and answers[0].startswith(b"a BAD")
        await desk.house.inbox(messages=1)
        assert await client.told() == b""
        assert b"* 1 EXISTS" in await client.say(b"c NOOP")
        await desk.close()

    run(scenario())


def test_a_hint_from_elsewhere_wakes_it() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"INBOX")
        await client.say(b"a IDLE")
        inbox = await desk.house.inbox()
        live = client.session.selected.live  # type: ignore[union-attr]
        changed = desk.house.changed(live)
        desk.house.feed.hint(inbox.id, await desk.house.append_elsewhere(inbox, 1))
        await asyncio.wait_for(changed.wait(), 60)
        assert b"* 1 EXISTS" in await client.told()
        await desk.close()

    run(scenario())


def test_a_panic_while_telling_costs_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"INBOX")
        await client.say(b"a IDLE")

        def panic(*_args: object, **_fields: object) -> None:
            raise CorePanic("diff")

        monkeypatch.setattr("lightmail.imap.sync.announce", panic)
        await desk.house.inbox(messages=1)
        assert (await client.told()).startswith(b"* BYE [SERVERBUG] Internal error [")
        assert client.closed
        await desk.close()

    run(scenario())
