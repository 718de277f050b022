"""Connections over real loopback sockets: batching, back-pressure, TLS, deadlines, the orderly end."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import trustme

from lightmail.net.imap_connection import INPUT_HIGH_WATER_OCTETS
from tests.support.aio import run
from tests.unit.net.imap_lobby import LOGIN, lobby, until


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


MESSAGE = b"Subject: hello\r\n\r\nbody, 16 octets"


def test_a_scripted_session() -> None:
    """Log in, append with a synchronizing literal, read, flag, move, log out."""

    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.connect(greeting=b"* OK [CAPABILITY IMAP4rev1 IMAP4rev2 ")
            assert (await wire.say(LOGIN))[0].startswith(b"l OK [CAPABILITY ")
            wire.send(b"a APPEND INBOX (\\Seen) {%d}\r\n" % len(MESSAGE))
            assert (await wire.line()).startswith(b"+ ")
            wire.send(MESSAGE + b"\r\nb SELECT INBOX\r\n")
            answers = await wire.until(b"b")
            assert answers[0].startswith(b"a OK [APPENDUID ") and b"* 1 EXISTS" in answers
            assert await wire.say(b"c FETCH 1 (UID RFC822.SIZE BODY.PEEK[TEXT])") == [
                b"* 1 FETCH (UID 1 RFC822.SIZE %d BODY[TEXT] {15}" % len(MESSAGE),
                b"body, 16 octets)",
                b"c OK Fetched",
            ]
            assert (await wire.say(b"d UID STORE 1 +FLAGS (\\Flagged)"))[-1].startswith(b"d OK")
            assert b"* 1 EXPUNGE" in await wire.say(b"e UID MOVE 1 Trash")
            assert (await wire.say(b"f LOGOUT"))[0].startswith(b"* BYE")
            assert await wire.rest() == b""
            await wire.close()
            assert len(place.server) == 0

    run(scenario())


def test_a_segment_is_answered_with_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.login(select=b"INBOX")
            connection = next(iter(place.server._connections))
            writes: list[bytes] = []
            transport = connection._writer._transport
            assert transport is not None

            class Counting:
                def write(self, octets: bytes) -> None:
                    writes.append(octets)
                    transport.write(octets)

            monkeypatch.setattr(connection._writer, "_transport", Counting())
            await wire.say(b"a CAPABILITY", b"b NOOP", b"c STATUS Sent (SIZE)", b"d SEARCH ALL", b"e NOOP")
            assert len(writes) == 1

    run(scenario())


def test_nagle_is_off() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            await place.connect()
            connection = next(iter(place.server._connections))
            assert connection._transport is not None
            sock = connection._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(scenario())


def test_an_idle_connection_owns_no_task_and_no_timer() -> None:
    """Law 7."""

    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.login(select=b"INBOX")
            wire.send(b"a IDLE\r\n")
            assert await wire.line() == b"+ idling"
            connection = next(iter(place.server._connections))
            assert connection._task is None and not place.server._tasks
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert len(place.server.wheel) == 1 and not hasattr(connection, "__dict__")

    run(scenario())


def test_idle_is_told_of_what_another_connection_does() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            first = await place.login(select=b"INBOX")
            second = await place.login()
            first.send(b"a IDLE\r\n")
            assert await first.line() == b"+ idling"
            await second.say(b"b APPEND INBOX {1+}\r\nx")
            assert await first.line() == b"* 1 EXISTS"
            assert await first.line() == b"* 1 RECENT"
            assert (await first.say(b"DONE", b"c NOOP"))[-1].startswith(b"c OK")

    run(scenario())


def test_output_waits_while_a_command_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was answered before is not kept back by a later command that waits."""

    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.login()
            gate = place.desk.house.metadata.hold("visible_mailboxes")
            wire.send(b'a NOOP\r\nb LIST "" *\r\nc NOOP\r\nd LIST "" *\r\ne NOOP\r\n')
            assert await wire.line() == b"a OK Nothing done"
            await place.desk.house.metadata.reached("visible_mailboxes")
            place.desk.house.metadata._reached["visible_mailboxes"].clear()
            gate.set()
            assert (await wire.until(b"c"))[-2].startswith(b"b OK")
            assert (await wire.until(b"e"))[-2].startswith(b"d OK")

    run(scenario())


def test_input_that_comes_while_a_command_waits_is_bounded() -> None:
    """Law 7: the client's octets stay in its own socket; nothing is lost."""

    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.login()
            gate = place.desk.house.metadata.hold("visible_mailboxes")
            wire.send(b'a LIST "" *\r\n')
            await place.desk.house.metadata.reached("visible_mailboxes")
            connection = next(iter(place.server._connections))
            wire.send(b"n NOOP\r\n" * 50_000 + b"z NOOP\r\n")
            await until(lambda: not connection._reading)
            for _ in range(100):
                await asyncio.sleep(0)
            assert connection._dispatcher.buffered_octets < INPUT_HIGH_WATER_OCTETS + 300_000
            gate.set()
            answers = await wire.until(b"z")
            assert answers.count(b"n OK Nothing done") == 50_000

    run(scenario())


def test_a_client_that_does_not_read_holds_little() -> None:
    """Law 7: output stops at the high-water mark, and goes on where it stopped."""

    async def scenario() -> None:
        async with lobby(output_high_water_octets=65_536) as place:
            inbox = await place.desk.house.inbox()
            await place.desk.house.append(inbox, 40, octets=200_000)
            wire = await place.login(select=b"INBOX")
            wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
            wire.send(b"a FETCH 1:* BODY.PEEK[]\r\n")
            connection = next(iter(place.server._connections))
            await until(lambda: connection._writer.paused)
            transport = connection._transport
            assert transport is not None
            assert transport.get_write_buffer_size() + connection._writer._octets < 65_536 + 300_000
            wire.writer.transport.resume_reading()  # type: ignore[attr-defined]
            octets = b""
            while not octets.endswith(b"a OK Fetched\r\n"):
                octets += await asyncio.wait_for(wire.reader.read(1 << 20), 20)
            assert len(octets) > 7_500_000

    run(scenario())


def test_changes_for_an_idle_client_that_does_not_read_wait_and_are_told_at_once() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.login(select=b"INBOX")
            wire.send(b"a IDLE\r\n")
            assert await wire.line() == b"+ idling"
            connection = next(iter(place.server._connections))
            connection.pause_writing()
            for _ in range(3):
                await place.desk.house.inbox(messages=1)
                await asyncio.sleep(0)
            connection.resume_writing()
            assert await wire.line() == b"* 3 EXISTS"

    run(scenario())


def test_a_client_that_goes_in_mid_command_is_forgotten() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.login(select=b"INBOX")
            live = next(iter(place.server._connections))._session.selected.live  # type: ignore[union-attr]
            gate = place.desk.house.metadata.hold("visible_mailboxes")
            wire.send(b'a LIST "" *\r\n')
            await place.desk.house.metadata.reached("visible_mailboxes")
            wire.reset()
            await until(lambda: not len(place.server))
            assert live.references == 1  # the command still runs
            gate.set()
            await until(lambda: not place.server._tasks)
            assert live.references == 0

    run(scenario())


def test_a_client_may_send_all_and_shut_its_side() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.connect()
            wire.send(LOGIN + b"\r\na APPEND INBOX {1+}\r\nx\r\nb STATUS INBOX (MESSAGES)\r\n")
            wire.writer.write_eof()
            rest = await wire.rest()
            assert b"* STATUS INBOX (MESSAGES 1)" in rest and b"b OK" in rest

    run(scenario())


# ---- TLS


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_starttls(loop: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """RFC 9051 §6.2.1. LOGIN behind it works, and nothing that was pipelined in clear text has been run."""

    async def scenario() -> None:
        async with lobby(tls=server_tls, auth={"plaintext_without_tls": "never"}) as place:
            wire = await place.connect(greeting=b"* OK [CAPABILITY IMAP4rev1 ")
            assert b"LOGINDISABLED" in (await wire.say(b"a CAPABILITY"))[0]
            assert (await wire.say(LOGIN))[-1].startswith(b"l NO [PRIVACYREQUIRED]")
            wire.send(b"b STARTTLS\r\nx CREATE injected\r\n")
            assert (await wire.line()).startswith(b"b OK")
            await asyncio.wait_for(wire.writer.start_tls(client_tls, server_hostname="localhost"), 20)
            capabilities = (await wire.say(b"c CAPABILITY"))[0]
            assert b"STARTTLS" not in capabilities and b"AUTH=PLAIN" in capabilities
            assert (await wire.say(LOGIN))[-1].startswith(b"l OK")
            assert b"injected" not in b"".join(await wire.say(b'd LIST "" *'))
            await wire.say(b"e APPEND INBOX {300000+}\r\n" + b"x" * 300_000, b"f SELECT INBOX")
            wire.send(b"g FETCH 1 BODY.PEEK[]\r\n")
            assert await wire.line() == b"* 1 FETCH (BODY[] {300000}"
            assert await wire.reader.readexactly(300_000) == b"x" * 300_000
            await wire.close()

    (run if loop == "uvloop" else asyncio.run)(scenario())


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_clear_text_after_starttls_ends_the_connection(loop: str, server_tls: ssl.SSLContext) -> None:
    async def scenario() -> None:
        async with lobby(tls=server_tls) as place:
            wire = await place.connect()
            await wire.say(b"a STARTTLS")
            wire.send(b"b LOGIN ann@example.org secret\r\n")
            rest = await wire.rest()
            assert b"b OK" not in rest
            await until(lambda: not len(place.server) and not place.server._tasks)

    (run if loop == "uvloop" else asyncio.run)(scenario())


def test_starttls_without_a_certificate() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.connect()
            assert (await wire.say(b"a STARTTLS"))[-1] == b"a BAD Unknown command STARTTLS"

    run(scenario())


def test_tls_from_the_first_octet(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    async def scenario() -> None:
        async with lobby(tls=server_tls, listen_tls=True, auth={"plaintext_without_tls": "never"}) as place:
            wire = await place.connect(ssl=client_tls, server_hostname="localhost")
            assert (await wire.say(LOGIN))[-1].startswith(b"l OK")
            assert (await wire.say(b"a STARTTLS"))[-1].startswith(b"a BAD")
            assert place.server.counts.connections == {"imaps": 1}
            await wire.close()

    run(scenario())


# ---- limits and ends


def test_too_many_connections() -> None:
    async def scenario() -> None:
        async with lobby(connections=2) as place:
            first = await place.connect()
            await place.connect()
            third = await place.connect(greeting=b"* BYE [LIMIT] ")
            assert await third.rest() == b""
            await first.close()
            await until(lambda: len(place.server) <= 1)
            assert (await (await place.connect()).say(b"a NOOP"))[0].startswith(b"a OK")

    run(scenario())


def test_who_does_not_log_in_is_sent_away() -> None:
    async def scenario() -> None:
        async with lobby(tick_s=0.005, login_timeout_s=0.05) as place:
            wire = await place.connect()
            assert await wire.rest() == b"* BYE Nothing heard for too long\r\n"
            assert place.server.counts.timeouts == 1

    run(scenario())


def test_before_login_no_trickle_keeps_a_connection() -> None:
    """Slow-loris: `login_timeout_s` counts from the beginning, whatever comes meanwhile."""

    async def scenario() -> None:
        async with lobby(tick_s=0.005, login_timeout_s=1) as place:
            wire = await place.connect()
            wheel, counts = place.server.wheel, place.server.counts
            sent = 0
            while not counts.timeouts and sent < 5_000:
                wire.send(b"x")
                sent += 1
                tick = wheel.tick
                await until(lambda tick=tick: wheel.tick > tick or counts.timeouts)
            assert counts.timeouts == 1
            assert sent > 50
            assert b"BYE" in await wire.rest()

    run(scenario())


def test_autologout_spares_who_is_heard_and_what_runs() -> None:
    """RFC 9051 §5.4."""

    async def scenario() -> None:
        async with lobby(tick_s=0.005, idle_timeout_s=0.2, login_timeout_s=1) as place:
            wire = await place.login()
            began = asyncio.get_running_loop().time()
            gate = place.desk.house.metadata.hold("visible_mailboxes")
            wire.send(b'a LIST "" *\r\n')
            await place.desk.house.metadata.reached("visible_mailboxes")
            wheel = place.server.wheel
            tick = wheel.tick
            await until(lambda: wheel.tick >= tick + 100)
            gate.set()
            assert (await wire.until(b"a"))[-1].startswith(b"a OK")
            assert (await wire.say(b"b NOOP"))[-1].startswith(b"b OK")
            wire.send(b"c IDLE\r\n")
            assert await wire.line() == b"+ idling"
            assert await wire.rest() == b"* BYE Nothing heard for too long\r\n"
            assert asyncio.get_running_loop().time() - began > 0.6

    run(scenario())


def test_shutdown_ends_who_waits_and_lets_finish_who_works() -> None:
    async def scenario() -> None:
        async with lobby() as place:
            waiting, idling, working, appending = [await place.login() for _ in range(4)]
            idling.send(b"a IDLE\r\n")
            await idling.line()
            appending.send(b"a APPEND INBOX {10}\r\n")
            await appending.line()
            gate = place.desk.house.metadata.hold("visible_mailboxes")
            working.send(b'a LIST "" *\r\nb NOOP\r\n')
            await place.desk.house.metadata.reached("visible_mailboxes")
            place.server.begin_shutdown()
            for wire in (waiting, idling):
                assert await wire.rest() == b"* BYE [UNAVAILABLE] Shutting down\r\n"
            gate.set()
            rest = await working.rest()
            assert b"a OK" in rest and b"b OK" not in rest and rest.endswith(b"Shutting down\r\n")
            appending.send(b"0123456789\r\n")
            rest = await appending.rest()
            assert rest.startswith(b"a OK [APPENDUID ") and rest.endswith(b"Shutting down\r\n")
            late = await place.connect(greeting=b"* BYE [UNAVAILABLE]")
            assert await late.rest() == b""
            await asyncio.wait_for(place.server.close(10), 5)

    run(scenario())


@pytest.mark.parametrize("lets_go", [True, False])
def test_shutdown_cuts_who_takes_too_long(lets_go: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightmail.net.imap_server.LET_GO_TIMEOUT_S", 20 if lets_go else 0.05)

    async def scenario() -> None:
        async with lobby() as place:
            wire = await place.login(select=b"INBOX")
            connection = next(iter(place.server._connections))
            gate = place.desk.house.metadata.hold("visible_mailboxes")
            wire.send(b'a LIST "" *\r\n')
            await place.desk.house.metadata.reached("visible_mailboxes")
            closing = asyncio.get_running_loop().create_task(place.server.close(0.01))
            assert await wire.rest() == b""
            if lets_go:
                gate.set()
            await asyncio.wait_for(closing, 10)
            assert len(place.server) == 0 and connection._session.selected is None

    run(scenario())


def test_connections_beyond_a_limit_are_told_so() -> None:
    async def scenario() -> None:
        async with lobby(address_connections=2, user_connections=1, networks={}) as place:
            one = await place.login()
            other = await place.connect()
            full = await place.connect(greeting=b"* BYE [LIMIT] Too many connections from your network")
            assert await full.rest() == b""
            assert await other.say(LOGIN) == [b"l NO [LIMIT] connections of this account: the limit is 1"]
            assert (await one.say(b"a UNAUTHENTICATE"))[-1].startswith(b"a OK")
            assert (await other.say(LOGIN))[-1].startswith(b"l OK")
            one.reset()
            await until(lambda: len(place.server) == 1)
            await place.connect()
            assert place.server.counts.refused == {"address": 1, "user": 1}

    run(scenario())
