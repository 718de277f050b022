"""A server on the memory backends, which no other process can reach: it takes accounts from its standard input.

`python -m tests.support.memory_server serve --config FILE`; a line "ADDRESS PASSWORD" is answered "added ADDRESS";
"ADDRESS PASSWORD administrator" makes one that is an administrator.
"""

from __future__ import annotations

import asyncio
import sys

from lightmail.app import Store, serve
from lightmail.cli.serve import announce
from lightmail.config.load import load
from lightmail.obs.logs import configure_logs
from tests.support.server import add_account


async def take_accounts(store: Store) -> None:
    """Until standard input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        address, password, *roles = line
        await add_account(store, address, password, administrator=bool(roles))
        print(f"added {address}", flush=True)


def main(file: str) -> None:
    config = load(file, environment={})
    configure_logs(config.log)
    tasks: list[asyncio.Task[None]] = []

    async def prepare(store: Store) -> tuple[str, ...]:
        tasks.append(asyncio.create_task(take_accounts(store)))  # ends with the loop
        return ()

    serve(config, prepare=prepare, started=announce)


if __name__ == "__main__":
    _, _, _, config_file = sys.argv
    main(config_file)
