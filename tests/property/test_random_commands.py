"""Whatever a client asks, alone or beside others, it is answered, and no answer is a fault of ours (laws 8 and 10)."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from lightmail.imap.state import State
from tests.support.aio import run
from tests.support.commands import Commands
from tests.unit.imap.client import Client
from tests.unit.mail.house import House

COMMANDS = 1_500
FAULTS = (b"SERVERBUG", b"UNAVAILABLE", b"CORRUPTION")


async def play(seed: int, number: int) -> None:
    """Two sessions of one account take turns, by chance."""
    commands = Commands(seed)
    house = await House.build()
    await house.mail.accounts.create("bob@example.org", "")
    await house.inbox(messages=20)
    clients = [await joined(house) for _ in range(2)]
    lately: list[str] = []
    for at in range(number):
        which = hash((seed, at)) % 2
        client = clients[which]
        command = commands.next()
        lately = [*lately[-9:], f"{which}: {command}"]
        with capture_logs() as logged:
            answer = await client.send(f"t{at} {command}\r\n".encode())
        faults = [line for line in logged if line["log_level"] in ("error", "critical")]
        assert not faults and not any(fault in answer for fault in FAULTS), (lately, answer[-300:], faults)
        ended = client.session.state is State.LOGOUT
        assert ended or f"t{at} ".encode() in b"\r\n" + answer, (lately, answer[-300:])
        if ended:
            assert b"* BYE " in answer, (lately, answer[-300:])
            clients[which] = await joined(house)
        if at % 50 == 0:
            await house.append(await house.inbox(), 1)
            if client.session.selected is None:
                await client.send(b"s SELECT INBOX\r\n")
    for client in clients:
        await client.lose()
    await house.close()


async def joined(house: House) -> Client:
    client = Client(house)
    await client.ok("SELECT INBOX")
    return client


@pytest.mark.parametrize("seed", range(3))
def test_no_command_is_a_fault(seed: int) -> None:
    run(play(seed, COMMANDS))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_no_command_is_a_fault_at_length(seed: int) -> None:
    run(play(seed, 20 * COMMANDS))
