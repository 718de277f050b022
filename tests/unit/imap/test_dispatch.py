"""The dispatcher: order, states, malformed input, conditions that become answers, and what costs the connection."""

from __future__ import annotations

import asyncio

import pytest

from lightmail._core import CorePanic
from lightmail.errors import Unavailable
from lightmail.imap.errors import ConnectionLost, ResponseBroken
from lightmail.imap.replies import Done
from lightmail.imap.state import State
from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk, lines


def test_pipelined_commands_are_answered_in_order() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        answers = await client.say(
            b"a1 NOOP", b"a2 LOGIN ann@example.org secret", b"a3 SELECT INBOX", b"a4 NOOP", b"a5 CLOSE"
        )
        tagged = [line.split()[0] for line in lines(answers) if not line.startswith(b"*")]
        assert tagged == [b"a1", b"a2", b"a3", b"a4", b"a5"]
        await desk.close()

    run(scenario())


def test_octet_by_octet() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        heard = b""
        for octet in b"a1 NOOP\r\na2 CAPABILITY\r\n":
            heard += await client.send(bytes([octet]))
        assert [line.split()[0] for line in lines(heard)] == [b"a1", b"*", b"a2"]
        await desk.close()

    run(scenario())


def test_many_pipelined_commands_give_others_their_turn() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        turns = 0
        done = False

        async def other() -> None:
            nonlocal turns
            while not done:
                turns += 1
                await asyncio.sleep(0)

        bystander = asyncio.get_running_loop().create_task(other())
        answers = await client.say(*[b"t NOOP"] * 1000)
        done = True
        await bystander
        assert answers.count(b"t OK") == 1000
        assert turns >= 10
        await desk.close()

    run(scenario())


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (b"SELECT INBOX", b"needs a login first"),
        (b'LIST "" *', b"needs a login first"),
        (b"IDLE", b"needs a login first"),
        (b"ENABLE CONDSTORE", b"needs a login first"),
        (b"FETCH 1 FLAGS", b"needs a selected mailbox first"),
        (b"CLOSE", b"needs a selected mailbox first"),
        (b"APPEND INBOX {3}", b"needs a login first"),
    ],
)
def test_states_before_login(command: bytes, words: bytes) -> None:
    """RFC 9051 §3, §7.1.3."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        answer = await client.say(b"a " + command)
        assert answer.startswith(b"a BAD ") and words in answer
        assert (await client.say(b"b NOOP")).startswith(b"b OK")
        await desk.close()

    run(scenario())


def test_states_after_login() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        for command in (b"LOGIN a b", b"AUTHENTICATE PLAIN", b"STARTTLS"):
            answer = await client.say(b"a " + command)
            assert answer.startswith(b"a BAD") and b"comes before the login" in answer
        assert b"needs a selected mailbox" in await client.say(b"b EXPUNGE")
        await desk.close()

    run(scenario())


def test_append_before_login_swallows_its_octets() -> None:
    """They were sent without waiting, and are no command."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        answer = await client.send(b"a APPEND INBOX {9+}\r\nx NOOP\r\n!\r\nb NOOP\r\n")
        assert [line.split()[:2] for line in lines(answer)] == [[b"a", b"BAD"], [b"b", b"OK"]]
        await desk.close()

    run(scenario())


def test_malformed_says_what_was_expected_and_goes_on() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        assert (await client.say(b"a FROBNICATE")).startswith(b"a BAD expected ")
        assert (await client.say(b")(")).startswith(b"* BAD expected ")
        assert (await client.say(b"b NOOP")).startswith(b"b OK")
        assert desk.counts.malformed == 2
        await desk.close()

    run(scenario())


@pytest.mark.parametrize(("logged_in", "most"), [(False, 4), (True, 7)])
def test_who_goes_on_being_malformed_is_sent_away(logged_in: bool, most: int) -> None:
    async def scenario() -> None:
        desk = await Desk.build(malformed_before_login=4, malformed_commands=7)
        client = await desk.login() if logged_in else desk.connect()
        for _ in range(3):
            # A command in between begins the count anew.
            assert b"BYE" not in await client.say(*[b"a NONSENSE"] * (most - 1), b"b NOOP")
        answer = await client.say(*[b"a NONSENSE"] * (most + 3))
        assert lines(answer)[most:] == [b"* BYE Too many malformed commands"]
        assert client.closed and client.session.state is State.LOGOUT
        assert await client.say(b"c NOOP") == b""
        await desk.close()

    run(scenario())


def test_little_may_be_sent_before_login() -> None:
    """Law 7; after it, the configured bounds hold."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        assert (await client.say(b"a NOOP " + b"x" * 20_000)).startswith(b"a BAD [LIMIT]")
        await client.say(b"b LOGIN ann@example.org secret")
        assert b"c NO [NONEXISTENT]" in await client.say(b'c STATUS "%s" (MESSAGES)' % (b"x" * 20_000))
        await desk.close()

    run(scenario())


def test_a_literal_in_a_command_is_asked_for() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        assert await client.say(b"a LOGIN {15}") == b"+ OK\r\n"
        assert await client.say(b"ann@example.org {6}") == b"+ OK\r\n"
        assert (await client.say(b"secret")).startswith(b"a OK ")
        await desk.close()

    run(scenario())


def failing(client: Client, error: Exception) -> None:
    """The next NOOP raises it."""
    from dataclasses import replace

    from lightmail._core import imap

    async def handler(session: object, command: object) -> Done:
        raise error

    rows = dict(client.dispatcher._rows)
    rows[imap.Noop] = replace(rows[imap.Noop], handler=handler)
    client.dispatcher._rows = rows


def test_a_fault_is_told_as_an_id_and_goes_on() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        failing(client, RuntimeError("table messages has no column /srv/secret"))
        answer = await client.say(b"a NOOP")
        assert answer.startswith(b"a NO [SERVERBUG] Internal error [")
        assert b"secret" not in answer
        assert (await client.say(b"b CAPABILITY")).endswith(b"b OK That is all\r\n")
        await desk.close()

    run(scenario())


def test_a_panic_costs_the_connection() -> None:
    """Law 8."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        failing(client, CorePanic("index out of bounds"))
        answer = await client.say(b"a NOOP", b"b CAPABILITY")
        assert len(lines(answer)) == 1
        assert answer.startswith(b"* BYE [SERVERBUG] Internal error [")
        assert client.closed
        await desk.close()

    run(scenario())


def test_a_broken_response_ends_without_another_octet() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        failing(client, ResponseBroken("in the midst of a literal"))
        assert await client.say(b"a NOOP", b"b CAPABILITY") == b""
        assert client.aborted
        await desk.close()

    run(scenario())


def test_a_lost_client_ends_the_run() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        failing(client, ConnectionLost())
        assert await client.say(b"a NOOP", b"b CAPABILITY") == b""
        await desk.close()

    run(scenario())


def test_a_slow_reader_runs_no_further_command() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        client.held = asyncio.Event()
        task = asyncio.get_running_loop().create_task(client.say(b"a NOOP", b"b NOOP"))
        answers = await client.told()
        assert answers.startswith(b"a OK") and b"b OK" not in answers
        client.held.set()
        assert (await task).startswith(b"b OK")
        await desk.close()

    run(scenario())


def test_logout() -> None:
    """RFC 9051 §6.1.3: BYE, then OK, then nothing more."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"INBOX")
        answers = lines(await client.say(b"a LOGOUT", b"b NOOP"))
        assert [line.split()[:2] for line in answers] == [[b"*", b"BYE"], [b"a", b"OK"]]
        assert client.closed
        await desk.close()

    run(scenario())


def test_starttls_drops_what_was_pipelined_behind_it() -> None:
    """RFC 9051 §6.2.1: no injection."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = desk.connect()
        answer = await client.say(b"a STARTTLS", b"b LOGIN ann@example.org secret", b"c SELECT")
        assert answer == b"a OK Begin TLS now\r\n"
        assert client.tls and client.session.user is None
        assert b"STARTTLS" not in await client.say(b"d CAPABILITY")
        assert (await client.say(b"e STARTTLS")).startswith(b"e BAD")
        await desk.close()

    run(scenario())


def test_a_session_that_ends_lets_go_of_everything() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"INBOX")
        selected = client.session.selected
        assert selected is not None and selected.live.references == 1
        await client.say(b"a IDLE")
        await client.hang_up()
        assert selected.live.references == 0 and not selected.live._watchers
        await desk.close()

    run(scenario())


def test_a_hung_up_append_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        assert await client.say(b"a APPEND INBOX {100}") == b"+ OK\r\n"
        await client.send(b"half of it")
        await client.hang_up()
        assert await desk.house.objects() == []
        other = await desk.login()
        assert b"(MESSAGES 0)" in await other.say(b"b STATUS INBOX (MESSAGES)")
        await desk.close()

    run(scenario())


def test_unavailable_is_no_and_passes() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        desk.house.metadata.fail("get_mailbox", Unavailable("database"))
        assert (await client.say(b"a SELECT INBOX")).startswith(b"a NO [UNAVAILABLE] Temporarily not available [")
        assert b"b OK" in await client.say(b"b SELECT INBOX")
        await desk.close()

    run(scenario())


def test_counts() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login(select=b"INBOX")
        await client.say(b"a UID FETCH 1:* FLAGS", b"b FETCH 1:* FLAGS", b"c APPEND INBOX {1+}\r\nx")
        assert desk.counts.commands == {"LOGIN": 1, "SELECT": 1, "FETCH": 2, "APPEND": 1}
        assert desk.counts.command_seconds["FETCH"] > 0
        await desk.close()

    run(scenario())
