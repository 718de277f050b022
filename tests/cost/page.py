"""The tables of docs/cost.md, from the budgets. `python -m tests.cost.page` prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.cost.budgets import (
    APPEND_BLOCK_OCTETS,
    APPEND_PEAK_OCTETS,
    APPENDS,
    CATENATE,
    COMMANDS,
    DELIVERIES,
    RANGES,
    SELECT,
    Budget,
)

_COLUMNS = ("Statements", "Transactions", "on MySQL", "Transactions")
_WHERE = {(): "before login", ("LOGIN",): "logged in", SELECT: "selected"}


def tables() -> str:
    return "\n".join((_commands(), _arrivals(), _ranges(), _bounds()))


def _commands() -> str:
    rows = [
        (
            _command(budget),
            _where(budget),
            *(_statements(budget), budget.transactions),
            *(budget.production or (budget.statements, budget.transactions)),
            budget.bodies,
        )
        for budget in COMMANDS
    ]
    return _table(("Command", "Where", *_COLUMNS, "Body requests"), rows)


def _command(budget: Budget) -> str:
    return f"`{budget.command}`" + (f" {budget.note}" if budget.note else "")


def _where(budget: Budget) -> str:
    where = _WHERE.get(budget.before)
    return where or "after " + ", ".join(f"`{command}`" for command in budget.before if command not in SELECT)


def _statements(budget: Budget) -> str:
    return str(budget.statements) if budget.small is None else f"{budget.statements} ({budget.small})"


def _arrivals() -> str:
    rows = []
    for arrival in (*APPENDS, CATENATE, *DELIVERIES):
        each = f" + {arrival.per_recipient} for each recipient" if arrival.per_recipient else ""
        rows.append(
            (arrival.what, f"{arrival.statements}{each}", arrival.production, arrival.transactions, arrival.puts)
        )
    return _table(("Message", "Statements", "on MySQL", "Transactions", "PUTs"), rows)


def _ranges() -> str:
    rows = [(each.what, each.times, each.most_requests, f"{each.most_octets_read:,}") for each in RANGES]
    return _table(("Range of a body of 10 MB", "Commands", "Body requests, at most", "Octets read, at most"), rows)


def _bounds() -> str:
    rows = [
        ("octets held of a message that is appended, whatever its size", f"{APPEND_PEAK_OCTETS:,}"),
        ("octets in one piece to the body store", f"{APPEND_BLOCK_OCTETS:,}"),
    ]
    return _table(("Memory", "At most"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


if __name__ == "__main__":
    print(tables(), end="")
