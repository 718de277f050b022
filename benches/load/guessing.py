"""Right logins alone, then while others guess: python -m benches.load.guessing [--wrong 5000 --addresses 50 --right 500]."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import uvloop
from tests.support.guessing import Outcome, guess, right_logins
from tests.support.server import LightMailServer

from benches.load.server import Memory

ACCOUNTS = 20
CONFIG = {"auth": {"cache_s": 0}, "limits": {"networks": {}}}
"""Every right login is hashed, and nothing of this machine is excepted from limits."""


def told(name: str, outcome: Outcome) -> str:
    ordered = sorted(outcome.right_s)
    at = {share: ordered[min(len(ordered) - 1, len(ordered) * share // 100)] * 1000 for share in (50, 90, 99)}
    times = "  ".join(f"p{share} {ms:.0f}" for share, ms in at.items())
    wrong = ", ".join(f"{answer}: {times}" for answer, times in sorted(outcome.wrong.items()))
    return f"{name:<16} {len(ordered) / outcome.seconds:7.1f}/s  {times}  max {ordered[-1] * 1000:.0f} ms   {wrong}"


async def run(arguments: argparse.Namespace, server: tuple[str, int], accounts: list[tuple[str, str]]) -> None:
    alone = Outcome()
    await right_logins(server, accounts, times=arguments.right, at_once=arguments.at_once, outcome=alone)
    print(told("alone", alone), flush=True)
    outcome = await guess(
        server,
        accounts,
        addresses=arguments.addresses,
        wrong=arguments.wrong,
        right=arguments.right,
        at_once=arguments.at_once,
    )
    print(told("while guessing", outcome), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", type=int, default=5_000)
    parser.add_argument("--addresses", type=int, default=50)
    parser.add_argument("--right", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=4, help="right logins at the same time")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="lightmail-bench-") as folder,
        LightMailServer(Path(folder) / "data", CONFIG) as server,
    ):
        accounts = [server.add_user() for _ in range(ACCOUNTS)]
        memory = Memory(server.process_ids)
        before = memory.resident_kib()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(arguments, server.address("imap"), accounts))
        print(f"memory of the server: {before / 1024:.0f} MiB before, {memory.resident_kib() / 1024:.0f} MiB after")


if __name__ == "__main__":
    main()
