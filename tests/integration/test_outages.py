"""Redis, S3 and MySQL go away while two nodes are at work, and come back: what is answered meanwhile, and what is there
afterwards (laws 1 and 4). Nobody starts a node again, and no connection is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.aio import run
from tests.support.async_imap import AsyncImap
from tests.support.async_lmtp import AsyncLmtp
from tests.support.installation import KINDS, Installation
from tests.support.ledger import Ledger
from tests.support.mixed_load import MixedLoad, Node, Plan
from tests.support.services import Service, Services
from tests.support.trust import assert_sound

pytestmark = pytest.mark.integration

ACCOUNTS = 6
PLAN = Plan(clients=60, senders=4, operations=None, per_second=80.0)
WITHIN_S = 60.0
"""How long anything may take to come true: the machine is busy, and may stand still for seconds."""
QUIET_S = 1.5
"""Longer than anybody waits for MySQL (below): a connection that was asked for while it was frozen may never come."""
IMPATIENT: dict[str, dict[str, Any]] = {
    "mysql": {"connect_timeout_s": 0.5, "statement_timeout_s": 2.0, "lock_timeout_s": 2, "retry_s": 0.5},
    "s3": {"attempt_timeout_s": 0.5, "total_timeout_s": 1.0},
    "redis": {"timeout_s": 0.3},
    "node_cache": {"octets": 0},
    "limits": {"body_cache_octets": 0},
}
"""No body is kept anywhere but in S3, and nobody waits long for what is away."""

MESSAGE = b"Subject: calm\r\n\r\nbody\r\n"
APPEND = b"APPEND INBOX {%d+}\r\n%s" % (len(MESSAGE), MESSAGE)


class Client:
    """A connection to one node that asks and listens."""

    def __init__(self, imap: AsyncImap) -> None:
        self.imap = imap
        self.untagged: list[bytes] = []
        imap.heard = self.untagged.append

    @classmethod
    @contextlib.asynccontextmanager
    async def logged_in(cls, node: Node, account: tuple[str, str]) -> AsyncIterator[Client]:
        async with AsyncImap.logged_in(node.imap, account) as imap:
            yield cls(imap)

    async def ask(self, command: bytes) -> str:
        """The tagged response; what came before it is in `untagged`."""
        self.untagged.clear()
        return await self.imap.command(command)

    async def ok(self, command: bytes) -> list[bytes]:
        answer = await self.ask(command)
        assert answer.startswith("OK"), f"{command!r}: {answer}"
        return list(self.untagged)

    async def status(self) -> bytes:
        (line,) = [each for each in await self.ok(b"STATUS INBOX (MESSAGES UIDNEXT)") if each.startswith(b"* STATUS")]
        return line

    async def unavailable(self, command: bytes) -> None:
        answer = await self.ask(command)
        assert answer.startswith("NO [UNAVAILABLE]"), f"{command!r}: {answer}"


async def delivery(node: Node, account: str) -> tuple[str, str]:
    """Whether RCPT or DATA was answered so, and the answer."""
    async with AsyncLmtp.connected(node.lmtp) as lmtp:
        (fate,) = await lmtp.deliver([account], MESSAGE)
        return fate


@dataclass
class Scene:
    """Two nodes under load, and on each a calm session of an account that the load leaves alone."""

    services: Services
    nodes: list[Node]
    account: tuple[str, str]
    ledger: Ledger
    calm: list[Client]
    flagged: bool = False

    async def prepare(self) -> None:
        for client in self.calm:
            await client.ok(APPEND)
            await client.ok(b"SELECT INBOX")

    async def more(self, commands: int) -> None:
        """Returns once the load has got so many more answered."""
        wanted = self.ledger.counts.total() + commands
        await eventually(lambda: self.ledger.counts.total() >= wanted, "the load stands still")

    async def tries(self, commands: int) -> None:
        """Returns once the load has had so many more answers, whatever they say."""
        ledger = self.ledger
        wanted = ledger.counts.total() + len(ledger.refusals) + commands
        await eventually(lambda: ledger.counts.total() + len(ledger.refusals) >= wanted, "nobody is answered")

    async def all_works(self) -> bool:
        """On both nodes, with all that a service may be needed for."""
        for client, node in zip(self.calm, self.nodes, strict=True):
            for command in (APPEND, b"NOOP", b"UID FETCH 1 BODY.PEEK[]", b"UID STORE 1 +FLAGS.SILENT (\\Answered)"):
                if not (await client.ask(command)).startswith("OK"):
                    return False
            if (await delivery(node, self.account[0]))[1][:3] != "250":
                return False
        return True

    async def recovered(self) -> None:
        end_s = time.monotonic() + WITHIN_S
        while not await self.all_works():
            assert time.monotonic() < end_s, "it is back, and not used"
        faults = self.ledger.faults
        await eventually(lambda: not faults or time.monotonic() - faults[-1].at_s > QUIET_S, "it is back, and refused")

    async def told(self) -> None:
        """A change on each node reaches an idling client on the other."""
        await self._told(0, 1)
        await self._told(1, 0)

    async def _told(self, here: int, there: int) -> None:
        async with Client.logged_in(self.nodes[there], self.account) as listener:
            await listener.ok(b"EXAMINE INBOX")
            answer = await listener.imap.idle()
            self.flagged = not self.flagged
            sign = b"+" if self.flagged else b"-"
            listener.untagged.clear()
            await self.calm[here].ok(b"UID STORE 1 %sFLAGS.SILENT (\\Flagged)" % sign)
            await eventually(lambda: any(b" FETCH (" in line for line in listener.untagged), "nobody is told")
            listener.imap.done()
            assert (await answer).startswith("OK")


async def eventually(holds: Callable[[], bool], complaint: str) -> None:
    end_s = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < end_s, complaint
        await asyncio.sleep(0.01)


# ---- what is promised while each is away


async def without_redis(scene: Scene) -> None:
    """Nothing is to be seen."""
    assert await scene.all_works()
    await scene.told()
    for node in scene.nodes:
        async with Client.logged_in(node, scene.account) as another:
            await another.ok(b"SELECT INBOX")


WITHOUT_BODIES = (
    b'LIST "" * RETURN (STATUS (MESSAGES UNSEEN))',
    b"SELECT INBOX",
    b"NOOP",
    b"UID FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER])",
    b"UID SEARCH UNSEEN SUBJECT calm LARGER 1",
    b"UID STORE 1 +FLAGS (\\Seen)",
    b"UID COPY 1 Archive",
    b"SELECT Archive",
    b"UID MOVE 1:* Trash",
    b"SELECT Trash",
    b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)",
    b"EXPUNGE",
    b"CREATE Made",
    b"RENAME Made Renamed",
    b"DELETE Renamed",
)
"""Law 5: for these no body is read or written."""


async def without_s3(scene: Scene) -> None:
    for client, node in zip(scene.calm, scene.nodes, strict=True):
        before = await client.status()
        await client.unavailable(APPEND)
        await client.unavailable(b"UID FETCH 1 BODY.PEEK[]")
        command, answer = await delivery(node, scene.account[0])
        assert command == "DATA" and answer.startswith("451 4.3.0"), answer
        assert await client.status() == before, "what was refused is there"
        async with Client.logged_in(node, scene.account) as another:
            for asked in WITHOUT_BODIES:
                await another.ok(asked)
    await scene.told()


async def without_mysql(scene: Scene) -> None:
    for client, node in zip(scene.calm, scene.nodes, strict=True):
        await client.unavailable(b"STATUS INBOX (MESSAGES)")
        await client.unavailable(APPEND)
        await client.unavailable(b"UID STORE 1 +FLAGS (\\Seen)")
        assert (await delivery(node, scene.account[0]))[1].startswith("451 4.3.0")
        stranger = Client(await AsyncImap.connect(node.imap, lambda octets: None))
        await stranger.unavailable(b"LOGIN %s %s" % (scene.account[0].encode(), scene.account[1].encode()))
        await stranger.imap.close()


MEANWHILE: dict[str, tuple[Callable[[Scene], Awaitable[None]], set[str]]] = {
    "redis": (without_redis, set()),
    "s3": (without_s3, {"APPEND", "FETCH", "DATA"}),
    "sql": (
        without_mysql,
        {"APPEND", "FETCH", "STORE", "COPY", "MOVE", "EXPUNGE", "SELECT", "STATUS", "NOOP", "SEARCH", "RCPT", "DATA"},
    ),
}
"""What is asked while a service is away, and what the load may be refused then."""


async def outage(scene: Scene, name: str, way: str) -> None:
    service: Service = getattr(scene.services, name)
    ask, may_be_refused = MEANWHILE[name]
    await scene.more(300)
    earlier = len(scene.ledger.faults)
    await asyncio.to_thread(getattr(service, way))
    try:
        await ask(scene)
        if may_be_refused:
            await eventually(lambda: len(scene.ledger.faults) > earlier, "the load has not noticed")
        await scene.tries(80)
    finally:
        await asyncio.to_thread(service.thaw if way == "freeze" else service.start)
    await scene.recovered()
    settled = len(scene.ledger.faults)
    for fault in scene.ledger.faults[earlier:]:
        assert fault.command in may_be_refused, f"{name}: {fault}"
        assert fault.answer.startswith(("NO [UNAVAILABLE]", "451 4.3.0")), f"{name}: {fault}"
    await scene.more(300)
    assert scene.ledger.faults[settled:] == [], f"{name} is back"


@pytest.fixture
def own_services(tmp_path: Path) -> Iterator[Services]:
    services = Services(tmp_path / "services")
    yield services
    services.close()


@pytest.mark.parametrize("way", ["stop", "kill", "freeze"])
def test_each_goes_away_and_comes_back(way: str, tmp_path: Path, own_services: Services) -> None:
    kind = KINDS["mysql+s3+redis-2-nodes"]
    with Installation(kind, tmp_path, own_services, IMPATIENT) as installation:
        *accounts, calm = [installation.add_user() for _ in range(ACCOUNTS + 1)]
        nodes = [Node(node.address("imap"), node.address("lmtp")) for node in installation.nodes]
        before = installation.process_ids()

        async def scenario() -> None:
            load = MixedLoad(nodes, accounts, PLAN)
            async with contextlib.AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(Client.logged_in(node, calm)) for node in nodes]
                scene = Scene(own_services, nodes, calm, load.ledger, clients)

                async def outages() -> None:
                    await scene.prepare()
                    for name in MEANWHILE:
                        await outage(scene, name, way)

                print(f"\n{way}: {await load.run(outages)}")

        run(scenario())
        assert installation.process_ids() == before, "a process was started again"
        for node in installation.nodes:
            assert "Traceback" not in node.log(), "a line says that something is away"
        assert_sound(installation)
