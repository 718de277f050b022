"""Many wrong logins from many addresses of this machine, while others log in as they should."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

ANSWER_S = 100.0


@dataclass
class Outcome:
    seconds: float = 0.0
    """Until the last right login was answered."""
    right_s: list[float] = field(default_factory=list)
    """From connecting to the answer, each; all were OK."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Answers until then: "NO [AUTHENTICATIONFAILED]", "* BYE", "none yet"."""


async def log_in(server: tuple[str, int], source: str, account: tuple[str, str]) -> str:
    """What a login from one of this machine's addresses is answered, its first two words."""
    reader, writer = await asyncio.open_connection(*server, local_addr=(source, 0))
    try:
        greeting = await reader.readline()
        if not greeting.startswith(b"* OK"):
            return " ".join(greeting.decode().split()[:2])
        writer.write(f'a LOGIN "{account[0]}" "{account[1]}"\r\n'.encode())
        return " ".join((await reader.readline()).decode().split()[1:3])
    except ConnectionError:
        return "closed"
    finally:
        writer.transport.abort()


async def right_logins(
    server: tuple[str, int], accounts: Sequence[tuple[str, str]], *, times: int, at_once: int, outcome: Outcome
) -> None:
    """So many, by all accounts in turn, each from an address of its own."""
    numbers = iter(range(times))
    began = time.perf_counter()

    async def some() -> None:
        for number in numbers:
            which = number % len(accounts)
            since = time.perf_counter()
            async with asyncio.timeout(ANSWER_S):
                answer = await log_in(server, f"127.0.200.{which + 1}", accounts[which])
            assert answer.startswith("OK"), answer
            outcome.right_s.append(time.perf_counter() - since)

    await asyncio.gather(*(some() for _ in range(at_once)))
    outcome.seconds = time.perf_counter() - began


async def guess(
    server: tuple[str, int],
    accounts: Sequence[tuple[str, str]],
    *,
    addresses: int,
    wrong: int,
    right: int,
    at_once: int,
) -> Outcome:
    """`wrong` logins come from so many addresses as fast as connections can be made, each with another password for an
    account that there is, or that there is not; `right` ones meanwhile, `at_once` at a time.
    """
    outcome = Outcome()
    names = itertools.cycle([*(address for address, _ in accounts), "nobody@example.org"])

    async def one(number: int) -> None:
        answer = await log_in(server, f"127.0.100.{number % addresses + 1}", (next(names), f"guess {number}"))
        assert not answer.startswith("OK"), "a guess was right"
        outcome.wrong[answer] += 1

    guesses = [asyncio.create_task(one(number)) for number in range(wrong)]
    try:
        await right_logins(server, accounts, times=right, at_once=at_once, outcome=outcome)
    finally:
        for task in guesses:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            found = await asyncio.gather(*guesses, return_exceptions=True)
    for each in found:
        if isinstance(each, asyncio.CancelledError):
            outcome.wrong["none yet"] += 1
        elif isinstance(each, Exception):
            raise each
    return outcome
