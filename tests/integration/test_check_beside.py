"""`lightmail check` beside servers that are busy: nothing is wrong, whatever it sees half-done."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest

from lightmail.app import open_store
from lightmail.config.load import load
from lightmail.mail.check.reading import uncached
from lightmail.model import BodyId
from tests.support.aio import run
from tests.support.installation import KINDS, Installation
from tests.support.mixed_load import MixedLoad, Node, Plan
from tests.support.services import Services
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration

PLAN = Plan(clients=40, senders=4, operations=None, per_second=100.0, probed=False)
CHECKS = 3


@pytest.mark.parametrize("kind", ["sqlite+files-3-workers", "mysql+s3+redis-2-nodes"])
def test_no_false_alarm(kind: str, tmp_path: Path, services: Services) -> None:
    """With no grace an object that no body names yet is told at once, unless it has its row at the second look."""
    config = {"upkeep": {"grace_s": 0.0, "interval_s": 0.0}}
    with Installation(KINDS[kind], tmp_path, services, config) as installation:
        accounts = [installation.add_user() for _ in range(4)]
        nodes = [Node(node.address("imap"), node.address("lmtp")) for node in installation.nodes]
        busy = MixedLoad(nodes, accounts, PLAN)

        async def checks() -> None:
            seen = 0
            for _ in range(CHECKS):
                done = await asyncio.to_thread(installation.command, "check", "--full", "--json")
                found = json.loads(done.stdout)
                assert (done.returncode, found["findings"]) == (0, []), done.stdout.decode()[:4000]
                assert found["messages"] > 0 and found["read_bodies"] > 0
                assert busy.ledger.counts.total() > seen, "it was to be busy meanwhile"
                seen = busy.ledger.counts.total()

        run(busy.run(checks))


def test_what_the_node_and_redis_remember_is_not_what_is_looked_at(tmp_path: Path, services: Services) -> None:
    """A small body and a large one, both just stored and read: copies of them are on the node's disk, a layout in Redis."""
    with Installation(KINDS["mysql+s3+redis"], tmp_path, services) as installation:
        user, password = installation.add_user()
        small, large = (
            b"Subject: small\r\n\r\nbody\r\n",
            b"Subject: large\r\n\r\n" + random.Random(1).randbytes(600_000),
        )
        with ImapClient(installation.address("imap")) as client:
            client.login(user, password)
            for octets in (small, large.replace(b"\0", b"0")):
                assert client.command(b"APPEND INBOX {}", octets).ok
            assert client.command(b"SELECT INBOX").ok
            assert len(client.command(b"FETCH 1:2 BODY.PEEK[]").fetched()) == 2
            config = uncached(load(installation.nodes[0].config_file, environment={}))

            async def damage() -> None:
                async with open_store(config) as store:
                    first, second = await store.upkeep.body_counts(BodyId(0), 10)
                    await store.blobs.delete([first.object_key])
                    octets = await store.blobs.read(second.object_key, 0, second.stored_octets)
                    changed = octets[:-3] + bytes([octets[-3] ^ 1]) + octets[-2:]
                    await store.blobs.delete([second.object_key])
                    await store.blobs.put(second.object_key, changed)

            run(damage())
            assert len(client.command(b"FETCH 1:2 BODY.PEEK[]").fetched()) == 2, "the node has copies"
        done = installation.command("check", "--full", "--json")
        found = json.loads(done.stdout)
        assert (done.returncode, found["counts"]) == (1, {"object-missing": 1, "object-damaged": 1})
