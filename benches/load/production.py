"""python -m benches.load.production: what MySQL, S3 and Redis cost, cold and warm; see --help.

cold: the server has just been started and its node has kept nothing. node: started, with what its disk has kept. warm: the
same again.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import uvloop
from tests.support.installation import KINDS, Installation

from benches.load import lmtp, scenarios
from benches.load.client import Client
from benches.load.scenarios import Account
from benches.load.server import Memory, own_server

HUNDRED = b"FETCH 1:100 (UID BODY.PEEK[])"
WHOLE = b"UID FETCH 1 BODY.PEEK[]"

FILL_BLOCK = 50_000


def restarted(account: Account, installation: Installation, *, node_keeps: bool) -> Account:
    """The account on the server after a new start."""
    installation.stop()
    if not node_keeps:
        for node in installation.nodes:
            shutil.rmtree(node.data / "cache", ignore_errors=True)
    installation.start()
    host, port = installation.address("imap")
    return replace(account, host=host, port=port, lmtp=installation.address("lmtp"))


async def timed_ms(client: Client, command: bytes) -> float:
    start = time.perf_counter()
    await client.command(command)
    return (time.perf_counter() - start) * 1000


async def cold_and_warm(
    account: Account, installation: Installation, mailbox: str, command: bytes, *, repeat: int = 5
) -> str:
    """The best of a few for each, in milliseconds: what the machine's other work adds is no figure of ours."""
    figures: dict[str, list[float]] = {"cold": [], "node": [], "warm": []}
    for _ in range(repeat):
        for state in ("cold", "node"):
            account = restarted(account, installation, node_keeps=state == "node")
            client = await account.login()
            await client.command(b"SELECT " + mailbox.encode())
            figures[state].append(await timed_ms(client, command))
            if state == "node":
                figures["warm"] += [await timed_ms(client, command) for _ in range(5)]
            client.close()
    return "  ".join(f"{state} {min(values):8.2f} ms" for state, values in figures.items())


async def deliveries(installation: Installation, account: Account, mailboxes: int, connections: int, s: float) -> str:
    """Each connection delivers to one of so many accounts."""
    added = [(await asyncio.to_thread(installation.add_user))[0] for _ in range(mailboxes - 1)]
    users = [account.user, *added]
    shares = await asyncio.gather(
        *(lmtp.deliveries(replace(account, user=users[number % mailboxes]), 1, s) for number in range(connections))
    )
    count = sum(len(latencies) for latencies, _ in shares)
    ordered = sorted(each for latencies, _ in shares for each in latencies)
    elapsed = max(elapsed for _, elapsed in shares)
    p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
    return f"{count / elapsed:8.1f}/s  p50 {p50:.1f} ms  p99 {p99:.1f} ms"


def fill_large(installation: Installation, mailbox_id: int, messages: int) -> None:
    """Rows of one body by SQL, as COPY would leave them; a minute for a million."""
    run = installation.sql
    digits = " UNION ALL ".join(f"SELECT {digit} AS n" for digit in range(10))
    numbers = "SELECT " + " + ".join(f"d{power}.n * {10**power}" for power in range(5)) + " AS n FROM "
    numbers += ", ".join(f"({digits}) AS d{power}" for power in range(5))
    for first in range(0, messages, FILL_BLOCK):
        run(
            "INSERT INTO messages (mailbox_id, uid, body_id, flags, modseq, internaldate, internaldate_zone, savedate,"
            " size_octets, sent_date, sent_zone)"
            f" SELECT {mailbox_id}, {first} + n + 1, (SELECT MAX(id) FROM message_bodies), IF(n % 3, 8, 0), 2,"
            f" 900000000 + {first} + n, 60, 1000000000, 2000 + n % 9000, 900000000 + {first} + n, 60"
            f" FROM ({numbers}) AS numbers WHERE n < {min(FILL_BLOCK, messages - first)}"
        )
    run(
        f"UPDATE mailboxes SET uid_next = {messages + 1}, highest_modseq = 3, messages = {messages},"
        f" unseen = (SELECT COUNT(*) FROM messages WHERE mailbox_id = {mailbox_id} AND flags = 0) WHERE id = {mailbox_id}"
    )


async def weigh(installation: Installation, memory: Memory, account: Account) -> str:
    idle_kib = memory.resident_kib()
    clients = [await account.login() for _ in range(20)]
    for client in clients:
        await client.command(b"SELECT small")
        await client.command(HUNDRED)
    used_kib = memory.resident_kib()
    for client in clients:
        client.close()
    return f"started {idle_kib / 1024:.1f} MiB, after 20 clients {used_kib / 1024:.1f} MiB"


async def run(arguments: argparse.Namespace, account: Account, memory: Memory, installation: Installation) -> None:
    def report(name: str, figure: str) -> None:
        print(f"{arguments.installation:<18} {name:<34} {figure}", flush=True)

    await scenarios.fill(account, "small", 100)
    client = await account.login()
    large = scenarios.attachment(10_000_000)
    await client.command(b"CREATE large")
    await client.command(b"APPEND large {%d+}\r\n%s" % (len(large), large))
    client.close()
    jobs: dict[str, Callable[[], Awaitable[str]]] = {
        "memory of the processes": lambda: weigh(installation, memory, account),
        "delivery, 1 mailbox, 8 conn.": lambda: deliveries(installation, account, 1, 8, arguments.seconds),
        "delivery, 32 mailboxes, 32 conn.": lambda: deliveries(installation, account, 32, 32, arguments.seconds),
        "FETCH 10 MB": lambda: cold_and_warm(account, installation, "large", WHOLE),
        "FETCH 100 small bodies": lambda: cold_and_warm(account, installation, "small", HUNDRED),
    }
    for name, job in jobs.items():
        report(name, await job())
        account = restarted(account, installation, node_keeps=True)
    if installation.kind.metadata == "mysql":
        client = await account.login()
        await client.command(b"CREATE million")
        client.close()
        ((mailbox_id,),) = installation.sql("SELECT id FROM mailboxes WHERE name = 'million'")
        assert isinstance(mailbox_id, int)
        fill_large(installation, mailbox_id, arguments.messages)
        report(f"SELECT of {arguments.messages:,}", await select(account, installation))


async def select(account: Account, installation: Installation) -> str:
    cold: list[float] = []
    for _ in range(3):
        account = restarted(account, installation, node_keeps=True)
        client = await account.login()
        cold.append(await timed_ms(client, b"SELECT million"))
        warm = min([await timed_ms(client, b"SELECT million") for _ in range(5)])
        answer = await client.command(b"STATUS million (MESSAGES)")
        assert re.search(rb"MESSAGES [1-9]", answer), answer
        client.close()
    return f"cold {min(cold):8.2f} ms  warm {warm:8.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.load.production", description=__doc__)
    parser.add_argument("--installation", choices=list(KINDS), default="mysql+s3+redis")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each delivery load")
    parser.add_argument("--messages", type=int, default=1_000_000, help="of the large mailbox")
    arguments = parser.parse_args()
    with (
        own_server(arguments.installation) as (account, memory, installation),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(run(arguments, account, memory, installation))


if __name__ == "__main__":
    main()
