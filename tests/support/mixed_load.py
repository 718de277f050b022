"""A mixed load on one or several nodes, and the proof that they have kept what they promised meanwhile.

Many clients append, change flags, copy, move, remove, read, search, come back, and idle; senders deliver by LMTP. Each
client has a view made of what it was told; in the end every view must be what a fresh session sees on every node.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from tests.support.async_imap import AsyncImap
from tests.support.async_lmtp import AsyncLmtp
from tests.support.ledger import Box, Ledger
from tests.support.mixed_client import LITTLE_S, MAILBOXES, Listener, MixedClient
from tests.support.sealed import sealed
from tests.support.server import LightMailServer
from tests.support.view import Message, View

SETTLE_S = 30.0
"""How long the last changes may take to every session, whatever the machine is busy with."""
PROBE_S = 0.05
"""Between one change whose way is timed and the next."""
PROBE = "Probe"


@dataclass(frozen=True, slots=True)
class Node:
    """Where one server listens."""

    imap: tuple[str, int]
    lmtp: tuple[str, int]


@dataclass(slots=True)
class RestartedNode:
    """One that is killed and started again, on other ports."""

    server: LightMailServer
    up: bool = True
    """Nobody connects while it is not: the port may be somebody else's by now."""

    @property
    def imap(self) -> tuple[str, int]:
        return self._address("imap")

    @property
    def lmtp(self) -> tuple[str, int]:
        return self._address("lmtp")

    def _address(self, protocol: str) -> tuple[str, int]:
        if not self.up:
            raise ConnectionRefusedError("it does not run")
        return self.server.address(protocol)


@dataclass(frozen=True, slots=True)
class Plan:
    """clients: of them one in five does nothing but idle. operations: of all others together; None: until it is told to
    end. per_second: operations begun, at most; None: as fast as they are answered. probed: whether the way of changes
    from each node to an idling client of the next is timed. lasting: whoever loses a connection comes back; otherwise none
    may be lost.
    """

    seed: int = 1
    clients: int = 200
    senders: int = 6
    operations: int | None = 3000
    per_second: float | None = 150.0
    probed: bool = True
    lasting: bool = False


@dataclass
class Report:
    ledger: Ledger
    notices_s: list[float] = field(default_factory=list)
    """From a change's OK on one node to the idling client on another; less than 0 when that was told first."""
    elapsed_s: float = 0.0

    @property
    def operations(self) -> int:
        return self.ledger.counts.total()

    def notice_s(self, percent: int) -> float:
        return statistics.quantiles(self.notices_s, n=100, method="inclusive")[percent - 1]

    def __str__(self) -> str:
        told = f"{self.operations} commands in {self.elapsed_s:.1f} s, {len(self.ledger.faults)} refused"
        if len(self.notices_s) > 1:
            p50, p95, p99 = (1000 * self.notice_s(percent) for percent in (50, 95, 99))
            told += f"; {len(self.notices_s)} notices after {p50:.0f} ms (p50), {p95:.0f} ms (p95), {p99:.0f} ms (p99)"
        return told


class MixedLoad:
    """nodes: servers of one mail store. accounts: (address, password), with nothing in them that is not this load's."""

    def __init__(self, nodes: Sequence[Listener], accounts: Sequence[tuple[str, str]], plan: Plan) -> None:
        self.ledger = Ledger()
        self._nodes = nodes
        self._accounts = accounts
        self._plan = plan
        self._begun = 0
        self._began_s = 0.0
        self._ended = False
        self._notices_s: list[float] = []
        self._clients = [self._client(number) for number in range(plan.clients)]
        self._idlers = [client for number, client in enumerate(self._clients) if self._group(number) % 5 == 4]
        self._workers = [client for client in self._clients if client not in self._idlers]

    def _group(self, number: int) -> int:
        """Clients come in groups of one for each account."""
        return number // len(self._accounts)

    def _client(self, number: int) -> MixedClient:
        group = self._group(number)
        return MixedClient(
            self.ledger,
            self._accounts[number % len(self._accounts)],
            MAILBOXES[group % 4 // 3],
            ("plain", "CONDSTORE", "QRESYNC")[group % 3],
            random.Random(self._plan.seed * 100_000 + number),
            f"s{self._plan.seed}-{number}",
            lasting=self._plan.lasting,
        )

    async def run(self, during: Callable[[], Awaitable[None]] | None = None) -> Report:
        """The whole plan, and `during` beside it, with whose end the load ends too; then every check.

        Raises what a client raises (in groups), AssertionError when a promise was not kept.
        """
        try:
            await self._begin()
            self._began_s = time.monotonic()
            async with asyncio.TaskGroup() as tasks:
                workers = [tasks.create_task(self._work(client)) for client in self._workers]
                workers += [tasks.create_task(self._send(number)) for number in range(self._plan.senders)]
                for client in self._idlers:
                    tasks.create_task(client.idle_until(lambda: self._ended))
                for number in range(len(self._nodes) if self._plan.probed else 0):
                    tasks.create_task(self._probe(number))
                try:
                    if during is not None:
                        await during()
                        self.end()
                    await asyncio.wait(workers)
                finally:
                    self.end()
            elapsed_s = time.monotonic() - self._began_s
            await self._settle()
            return Report(self.ledger, self._notices_s, elapsed_s)
        finally:
            await asyncio.gather(*(client.end() for client in self._clients))

    def end(self) -> None:
        """No operation is begun any more."""
        self._ended = True
        for client in self._clients:
            client.news.set()

    async def _begin(self) -> None:
        for first in range(0, len(self._clients), 20):
            some = range(first, min(first + 20, len(self._clients)))
            await asyncio.gather(*(self._clients[at].begin(self._node(at)) for at in some))

    def _node(self, number: int) -> Listener:
        """Each account's clients are spread over the nodes."""
        return self._nodes[(number + self._group(number)) % len(self._nodes)]

    async def _turn(self) -> bool:
        """Wait for the next operation's time; False when there is none."""
        plan = self._plan
        if self._ended or (plan.operations is not None and self._begun >= plan.operations):
            return False
        self._begun += 1
        if plan.per_second is not None:
            await asyncio.sleep(self._began_s + self._begun / plan.per_second - time.monotonic())
        return True

    async def _work(self, client: MixedClient) -> None:
        while await self._turn():
            await client.step()

    # ---- deliveries

    async def _send(self, number: int) -> None:
        chance = random.Random(self._plan.seed * 100_000 + 90_000 + number)
        subjects = (f"s{self._plan.seed}-lmtp-{number}-{sent}" for sent in itertools.count(1))
        while True:
            try:
                async with AsyncLmtp.connected(self._node(number).lmtp) as lmtp:
                    while await self._turn():
                        await self._deliver(lmtp, chance, next(subjects))
                return
            except ConnectionError:
                if not self._plan.lasting:
                    raise
                if self._ended:
                    return
                await asyncio.sleep(LITTLE_S)

    async def _deliver(self, lmtp: AsyncLmtp, chance: random.Random, subject: str) -> None:
        recipients = chance.sample(self._accounts, chance.randint(1, min(3, len(self._accounts))))
        boxes = [(account, chance.choice(MAILBOXES)) for account, _ in recipients]
        for box in boxes:
            self.ledger.tries(box, [subject])
        fates = await lmtp.deliver([_subaddress(*box) for box in boxes], sealed(subject))
        for box, (command, answer) in zip(boxes, fates, strict=True):
            if answer.startswith("250"):
                self.ledger.answered(command)
                self.ledger.has_done(box, [subject])
                self.ledger.delivered[box].add(subject)
            else:
                self.ledger.refused(command, answer)

    # ---- how soon a change is told

    async def _probe(self, number: int) -> None:
        """Change a flag on a node again and again; each change must reach a client that idles on the next."""
        here, there = self._nodes[number], self._nodes[(number + 1) % len(self._nodes)]
        account = self._accounts[number % len(self._accounts)]
        told: asyncio.Queue[tuple[float, Message]] = asyncio.Queue()
        changed, seen = View(), View()

        def listen(octets: bytes) -> None:
            if message := seen.hear(octets.decode()):
                told.put_nowait((time.monotonic(), replace(message)))

        async with (
            AsyncImap.logged_in(here.imap, account, lambda octets: _hear(changed, octets)) as writer,
            AsyncImap.logged_in(there.imap, account, listen) as idler,
        ):
            select = f"SELECT {PROBE}{number} (CONDSTORE)"
            for command in (f"CREATE {PROBE}{number}", f"APPEND {PROBE}{number} {{5+}}\r\nhello", select):
                assert (await writer.command(command.encode())).startswith("OK")
            assert (await idler.command(select.encode())).startswith("OK")
            answer = await idler.idle()
            await self._change(writer, changed, told)
            idler.done()
            await answer

    async def _change(self, writer: AsyncImap, changed: View, told: asyncio.Queue[tuple[float, Message]]) -> None:
        """A change is told when the idler has its MODSEQ: what undoes one that was refused, and made all the same, may
        reach it together with that.
        """
        flagged = unsure = False
        known = 0
        while not self._ended:
            await asyncio.sleep(PROBE_S)
            stored = await writer.command(f"UID STORE 1 {'-' if flagged else '+'}FLAGS.SILENT (\\Flagged)".encode())
            answered_s = time.monotonic()
            if not stored.startswith("OK"):
                # It may have been done; until it is for certain, it is tried again.
                self.ledger.refused("STORE", stored)
                unsure = True
                continue
            flagged = not flagged
            wanted = changed.messages[0].modseq or 0
            assert wanted > known or unsure, "a change has a MODSEQ of its own"
            unsure = False
            if wanted <= known:
                continue  # it had been done before, and been told
            while known < wanted:
                async with asyncio.timeout(SETTLE_S):
                    at_s, message = await told.get()
                known = message.modseq or 0
            assert known > wanted or (message.flags is not None and ("\\Flagged" in message.flags) == flagged)
            self._notices_s.append(at_s - answered_s)

    # ---- the end

    async def _settle(self) -> None:
        """Everything has been answered: every view becomes the truth, which is the same on every node."""
        truths: dict[Box, list[Message]] = {}
        for box in {client.box for client in self._clients}:
            password = dict(self._accounts)[box[0]]
            seen = [await fresh(node, (box[0], password), box[1]) for node in self._nodes]
            assert all(_told(each) == _told(seen[0]) for each in seen), f"nodes differ about {box}"
            self.ledger.check(box, seen[0])
            truths[box] = seen[0]

        async def settle(client: MixedClient) -> None:
            end_s = time.monotonic() + SETTLE_S
            while (difference := client.difference(truths[client.box])) and time.monotonic() < end_s:
                await client.look()
            assert not difference, f"{client.kind} client of {client.box}: {difference}"

        await asyncio.gather(*(settle(client) for client in self._clients))


def _subaddress(account: str, mailbox: str) -> str:
    if mailbox == "INBOX":
        return account
    local, _, domain = account.partition("@")
    return f"{local}+{mailbox}@{domain}"


def _hear(view: View, octets: bytes) -> None:
    view.hear(octets.decode("latin-1"))


async def fresh(node: Listener, account: tuple[str, str], mailbox: str) -> list[Message]:
    """All messages as a session sees them that has never been here before."""
    view = View()
    async with AsyncImap.logged_in(node.imap, account, lambda octets: _hear(view, octets)) as connection:
        assert (await connection.command(f"EXAMINE {mailbox} (CONDSTORE)".encode())).startswith("OK")
        if view.messages:
            answer = await connection.command(b"FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            assert answer.startswith("OK"), answer
    return view.messages


def _told(messages: list[Message]) -> list[tuple[object, ...]]:
    return [(message.uid, message.flags, message.modseq, message.subject) for message in messages]
