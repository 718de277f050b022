"""python -m benches.load: see --help."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

import uvloop
from tests.support.installation import KINDS

from benches.load import lmtp, scenarios
from benches.load.client import Client
from benches.load.scenarios import HEADERS, Account, Step
from benches.load.server import Memory, own_server

FLAGS = b"FETCH 1:* (UID FLAGS)"
SUMMARY = b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"
FIELDS = b"FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (%s)])" % HEADERS


@dataclass(frozen=True, slots=True)
class Figures:
    """One scenario's result. Latencies in milliseconds."""

    scenario: str
    connections: int
    commands: int
    per_second: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    received_mb_per_second: float

    def __str__(self) -> str:
        return (
            f"{self.scenario:<22} {self.connections:>5} conn {self.per_second:>10.1f}/s"
            f"   p50 {self.p50_ms:>8.2f}  p90 {self.p90_ms:>8.2f}  p99 {self.p99_ms:>8.2f}  max {self.max_ms:>8.2f} ms"
            f"   {self.received_mb_per_second:>7.1f} MB/s"
        )


def figures(name: str, connections: int, latencies_s: list[float], elapsed_s: float, octets: int) -> Figures:
    ordered = sorted(latencies_s)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    return Figures(
        name,
        connections,
        len(ordered),
        round(len(ordered) / elapsed_s, 1),
        round(at(0.5), 3),
        round(at(0.9), 3),
        round(at(0.99), 3),
        round(ordered[-1] * 1000, 3),
        round(octets / elapsed_s / 1e6, 1),
    )


async def repeat(name: str, clients: list[Client], step: Step, seconds: float) -> Figures:
    """Every client repeats the step until the time is over."""
    latencies: list[float] = []
    before = sum(client.octets_in for client in clients)
    start = time.perf_counter()
    end = start + seconds

    async def worker(client: Client, number: int) -> None:
        while (began := time.perf_counter()) < end:
            await step(client, number)
            latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(worker(client, number) for number, client in enumerate(clients)))
    elapsed = time.perf_counter() - start
    octets = sum(client.octets_in for client in clients) - before
    return figures(name, len(clients), latencies, elapsed, octets)


async def on_mailbox(
    name: str, account: Account, mailbox: str, step: Step, connections: int, seconds: float
) -> Figures:
    clients = [await account.login() for _ in range(connections)]
    for client in clients:
        await client.command(b'SELECT "%s"' % mailbox.encode())
    await step(clients[0], 0)  # warm: caches are part of a server
    try:
        return await repeat(name, clients, step, seconds)
    finally:
        for client in clients:
            client.close()


async def logins(account: Account, connections: int, seconds: float) -> Figures:
    latencies: list[float] = []
    start = time.perf_counter()
    end = start + seconds

    async def worker() -> None:
        while (began := time.perf_counter()) < end:
            await scenarios.login_logout(account)
            latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(worker() for _ in range(connections)))
    return figures("login+logout", connections, latencies, time.perf_counter() - start, 0)


async def idlers(account: Account, count: int, memory: Memory | None) -> dict[str, object]:
    """Opens `count` connections that idle; what they cost the server."""
    before = memory.resident_kib() if memory else 0
    start = time.perf_counter()
    clients: list[Client] = []
    for first in range(0, count, 50):
        fresh = await asyncio.gather(*(account.login() for _ in range(min(50, count - first))))
        await asyncio.gather(*(scenarios.idle(client) for client in fresh))
        clients += fresh
    elapsed = time.perf_counter() - start
    after = memory.resident_kib() if memory else 0
    for client in clients:
        client.close()
    return {
        "scenario": "idle",
        "connections": count,
        "connected_per_second": round(count / elapsed, 1),
        "base_mib": round(before / 1024, 1),
        "kib_per_connection": round((after - before) / count, 2),
    }


async def notices(account: Account, seconds: float) -> Figures:
    """One connection idles, another stores a flag: from sending the one until the other is told."""
    idler, changer = await account.login(), await account.login()
    await changer.command(b'SELECT "bench-small"')
    await idler.command(b'SELECT "bench-small"')
    await idler.continued(b"IDLE")
    latencies: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() < start + seconds:
        told = idler.next_untagged()
        sign = b"-" if len(latencies) % 2 else b"+"
        sent = time.perf_counter()
        told.add_done_callback(lambda _, sent=sent: latencies.append(time.perf_counter() - sent))
        await changer.command(b"UID STORE 1 %sFLAGS.SILENT (\\Flagged)" % sign)
        await told
    elapsed = time.perf_counter() - start
    idler.close()
    changer.close()
    return figures("told while idle", 2, latencies, elapsed, 0)


async def run(arguments: argparse.Namespace, account: Account, memory: Memory | None) -> list[dict[str, object]]:
    small, large, seconds, connections = arguments.messages, arguments.large, arguments.seconds, arguments.connections
    results: list[dict[str, object]] = []

    def report(result: Figures | dict[str, object]) -> None:
        results.append(asdict(result) if isinstance(result, Figures) else result)
        if not arguments.json:
            print(result, flush=True)

    async def timed(name: str, mailbox: str, step: Step, number: int = connections) -> None:
        report(await on_mailbox(name, account, mailbox, step, number, seconds))

    async def one(name: str, mailbox: str, text: bytes, number: int = connections) -> None:
        await timed(name, mailbox, scenarios.command(text), number)

    fetch_mailbox = "bench-small"
    big = "bench-large"
    families: dict[str, Callable[[], Awaitable[None]]] = {}

    async def idle() -> None:
        report(await idlers(account, arguments.idle, memory))

    async def login() -> None:
        report(await logins(account, connections, seconds))

    async def plain() -> None:
        await one("noop", "INBOX", b"NOOP")
        await one("noop, one connection", "INBOX", b"NOOP", 1)
        await one("select", "INBOX", b'SELECT "bench-small"')
        await one("status", "INBOX", b'STATUS "bench-small" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)')

    async def fetch() -> None:
        for name, mailbox in ((f"{small}", fetch_mailbox), (f"{large}", big)):
            await one(f"fetch flags {name}", mailbox, FLAGS)
            await one(f"fetch summary {name}", mailbox, SUMMARY)
            await one(f"fetch fields {name}", mailbox, FIELDS)
        await timed("fetch body", fetch_mailbox, scenarios.random_body(small))
        await timed("fetch body, one conn.", fetch_mailbox, scenarios.random_body(small), 1)

    async def fetch_10m() -> None:
        client = await account.login()
        try:
            await client.command(b"CREATE bench-10m")
            body = scenarios.attachment(10_000_000)
            await client.command(b"APPEND bench-10m {%d+}\r\n%s" % (len(body), body))
        except Exception as error:
            print(f"# {error}", file=sys.stderr)
        client.close()
        await one("fetch 10 MB", "bench-10m", b"UID FETCH 1 BODY.PEEK[]", 1)

    async def append() -> None:
        await timed("append 2-20 KB", "Drafts", scenarios.append(None, "Drafts"))
        await timed("append 10 MB", "Drafts", scenarios.append(10_000_000, "Drafts"), 2)

    async def deliver() -> None:
        latencies, elapsed = await lmtp.deliveries(account, connections, seconds)
        report(figures("lmtp delivery 2-20 KB", connections, latencies, elapsed, 0))

    async def change() -> None:
        await timed("store one flag", fetch_mailbox, scenarios.flag(small))
        await one("copy one", fetch_mailbox, b"UID COPY 1 Archive")
        await one("search unseen", big, b"SEARCH UNSEEN", 1)
        await one("search subject", big, b'SEARCH SUBJECT "meeting"', 1)
        await one("search text", fetch_mailbox, b'SEARCH TEXT "needle"', 1)

    async def notify() -> None:
        report(await notices(account, seconds))

    async def mixed() -> None:
        await timed("mixed", fetch_mailbox, scenarios.mix(small))

    families |= {
        "idle": idle,
        "login": login,
        "plain": plain,
        "fetch": fetch,
        "fetch10m": fetch_10m,
        "append": append,
        "lmtp": deliver,
        "change": change,
        "notify": notify,
        "mixed": mixed,
    }
    if account.lmtp is None:
        del families["lmtp"]
    chosen = arguments.scenario or list(families)
    if set(chosen) - {"idle", "login", "lmtp"}:
        await scenarios.fill(account, fetch_mailbox, small)
        if {"fetch", "change"} & set(chosen):
            await scenarios.fill(account, big, large)
    for name in chosen:
        await families[name]()
    return results


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.load", description=__doc__)
    parser.add_argument("--connect", metavar="HOST:PORT", help="an IMAP server that runs already, of any make")
    parser.add_argument("--user", default="bench@example.org")
    parser.add_argument("--password", default="bench")
    parser.add_argument("--pid", type=int, help="with --connect: the server's process, for its memory")
    parser.add_argument(
        "--installation", choices=list(KINDS), default="sqlite+files", help="backends, workers and nodes"
    )
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0, help="per scenario")
    parser.add_argument("--messages", type=int, default=1_000, help="of the small mailbox")
    parser.add_argument("--large", type=int, default=10_000, help="messages of the large mailbox")
    parser.add_argument("--idle", type=int, default=1_000, help="connections of the idle scenario")
    parser.add_argument(
        "--scenario",
        action="append",
        choices=["idle", "login", "plain", "fetch", "fetch10m", "append", "lmtp", "change", "notify", "mixed"],
        help="several times for several; all when not given",
    )
    parser.add_argument("--json", action="store_true", help="figures as one JSON array")
    arguments = parser.parse_args()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if arguments.connect:
            host, _, port = arguments.connect.rpartition(":")
            account = Account(host, int(port), arguments.user, arguments.password)
            memory = Memory(lambda: [arguments.pid]) if arguments.pid else None
            results = runner.run(run(arguments, account, memory))
        else:
            with own_server(arguments.installation) as (account, memory, _):
                results = runner.run(run(arguments, account, memory))
    if arguments.json:
        print(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
