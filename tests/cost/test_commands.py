"""Every IMAP command stays within its budget, however many messages it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cost.budgets import COMMANDS, Budget
from tests.cost.house import Cost, fill, metered
from tests.cost.places import Embedded, Place, Production
from tests.support.aio import run
from tests.support.services import Services
from tests.unit.imap.desk import PASSWORD, USER, Client

COUNTS = (10, 500)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Place]:
    """Mailboxes by their number of messages."""
    folder = tmp_path_factory.mktemp("cost")
    places: dict[int, Place] = {}
    for messages in COUNTS:
        places[messages] = Embedded(folder / str(messages))
        (folder / str(messages)).mkdir()
        run(fill(places[messages], messages))
    return places


@pytest.fixture(scope="module")
def production(services: Services) -> Place:
    async def build() -> Place:
        place = await Production.make(services)
        await fill(place, max(COUNTS))
        return place

    return run(build())


async def say(client: Client, command: str) -> bytes:
    if command == "LOGIN":
        command = f"LOGIN {USER.decode()} {PASSWORD.decode()}"
    tail = b"DONE\r\n" if command == "IDLE" else b""
    answer = await client.send(f"t {command}\r\n".encode() + tail)
    assert b"t OK" in answer, answer[-300:]
    return answer


async def cost_of(budget: Budget, place: Place) -> Cost:
    async with metered(place) as house:
        client = house.desk.connect(tls=True)
        for command in budget.before:
            await say(client, command)
        before = house.reading()
        await say(client, budget.command)
        cost = house.since(before)
        await client.hang_up()
    return cost


@pytest.mark.parametrize("messages", COUNTS)
@pytest.mark.parametrize("budget", COMMANDS, ids=lambda budget: budget.name)
def test_cost_of_a_command(budget: Budget, messages: int, embedded: dict[int, Place], tmp_path: Path) -> None:
    cost = run(cost_of(budget, embedded[messages].copy(tmp_path)))
    small = budget.small is not None and messages == min(COUNTS)
    assert cost.statements == (budget.small if small else budget.statements)
    assert cost.transactions == budget.transactions
    assert cost.requests == ({"read": budget.bodies} if budget.bodies else {})


@pytest.mark.parametrize("budget", COMMANDS, ids=lambda budget: budget.name)
def test_cost_of_a_command_in_production(budget: Budget, production: Place, tmp_path: Path) -> None:
    cost = run(cost_of(budget, production.copy(tmp_path)))
    assert (cost.statements, cost.transactions) == (budget.production or (budget.statements, budget.transactions))
    assert cost.objects == ({"get": budget.bodies} if budget.bodies else {})
