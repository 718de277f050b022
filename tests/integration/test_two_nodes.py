"""Many clients on several processes of one store: in the end all see the same, and nothing that was promised is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.aio import run
from tests.support.installation import KINDS, Installation
from tests.support.mixed_load import MixedLoad, Node, Plan, Report
from tests.support.services import Services
from tests.support.trust import assert_sound

pytestmark = pytest.mark.integration
ACCOUNTS = 8


def load(kind: str, folder: Path, services: Services, plan: Plan) -> Report:
    with Installation(KINDS[kind], folder, services) as installation:
        accounts = [installation.add_user() for _ in range(ACCOUNTS)]
        nodes = [Node(node.address("imap"), node.address("lmtp")) for node in installation.nodes]
        report = run(MixedLoad(nodes, accounts, plan).run())
        if KINDS[kind].survives:
            assert_sound(installation)
    print(f"\n{kind}: {report}")
    assert not report.ledger.faults, report.ledger.faults[:5]
    assert report.notices_s
    return report


@pytest.mark.parametrize("kind", KINDS)
def test_every_view_is_what_is(kind: str, tmp_path: Path, services: Services) -> None:
    load(kind, tmp_path, services, Plan())
