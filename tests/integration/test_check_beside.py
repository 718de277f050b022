"""`lightmail check` beside servers that are busy: nothing is wrong, whatever it sees half-done."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.aio import run
from tests.support.installation import KINDS, Installation
from tests.support.mixed_load import MixedLoad, Node, Plan
from tests.support.services import Services

pytestmark = pytest.mark.integration

PLAN = Plan(clients=40, senders=4, operations=None, per_second=200.0, probed=False)
CHECKS = 4


@pytest.mark.parametrize("kind", ["sqlite+files-3-workers", "mysql+s3+redis-2-nodes"])
def test_no_false_alarm(kind: str, tmp_path: Path, services: Services) -> None:
    """With no grace an object that no body names yet is told at once, unless it has its row at the second look."""
    config = {"upkeep": {"grace_s": 0.0, "interval_s": 0.0}}
    with Installation(KINDS[kind], tmp_path, services, config) as installation:
        accounts = [installation.add_user() for _ in range(4)]
        nodes = [Node(node.address("imap"), node.address("lmtp")) for node in installation.nodes]
        load = MixedLoad(nodes, accounts, PLAN)

        async def checks() -> None:
            seen = 0
            for _ in range(CHECKS):
                done = await asyncio.to_thread(installation.command, "check", "--full", "--json")
                found = json.loads(done.stdout)
                assert (done.returncode, found["findings"]) == (0, []), done.stdout.decode()[:4000]
                assert found["messages"] > 0 and found["read_bodies"] > 0
                assert load.ledger.counts.total() > seen, "it was to be busy meanwhile"
                seen = load.ledger.counts.total()

        run(load.run(checks))
