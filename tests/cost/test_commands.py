"""Every IMAP command stays within its budget, however many messages it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cost.budgets import COMMANDS, Budget
from tests.cost.house import copied, fill, metered
from tests.support.aio import run
from tests.unit.imap.desk import PASSWORD, USER, Client

COUNTS = (10, 500)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Mailboxes by their number of messages."""
    folder = tmp_path_factory.mktemp("cost")
    for messages in COUNTS:
        (folder / str(messages)).mkdir()
        run(fill(folder / str(messages), messages))
    return {messages: folder / str(messages) for messages in COUNTS}


async def say(client: Client, command: str) -> bytes:
    if command == "LOGIN":
        command = f"LOGIN {USER.decode()} {PASSWORD.decode()}"
    tail = b"DONE\r\n" if command == "IDLE" else b""
    answer = await client.send(f"t {command}\r\n".encode() + tail)
    assert b"t OK" in answer, answer[-300:]
    return answer


@pytest.mark.parametrize("messages", COUNTS)
@pytest.mark.parametrize("budget", COMMANDS, ids=lambda budget: budget.name)
def test_cost_of_a_command(budget: Budget, messages: int, filled: dict[int, Path], tmp_path: Path) -> None:
    async def measure() -> None:
        async with metered(copied(filled[messages], tmp_path)) as house:
            client = house.desk.connect(tls=True)
            for command in budget.before:
                await say(client, command)
            before = house.reading()
            await say(client, budget.command)
            cost = house.since(before)
            await client.hang_up()
        small = budget.small is not None and messages == min(COUNTS)
        assert cost.statements == (budget.small if small else budget.statements)
        assert cost.transactions == budget.transactions
        assert cost.requests == ({"read": budget.bodies} if budget.bodies else {})

    run(measure())
