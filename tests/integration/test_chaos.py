"""Nothing lost: two nodes on Galera, S3 and Redis under many clients, with a fault every few seconds.

In the end the store is sound, what was acknowledged is there, nothing is there twice that was answered once, and what every
client was told is what a fresh one sees.

`make chaos` runs it for CHAOS_SECONDS; CHAOS_SEED repeats the order of the faults, CHAOS_ONLY has those whose names it is
part of, CHAOS_CLIENTS is how many clients there are.
"""

from __future__ import annotations

import os
import random
import re
import secrets
from pathlib import Path

import pytest

from tests.support.aio import run
from tests.support.chaos.ensemble import ensemble
from tests.support.chaos.kinds import WORST
from tests.support.chaos.rain import Chronicle, rain, recovered
from tests.support.mixed_load import MixedLoad, Plan
from tests.support.trust import assert_sound

SECONDS = float(os.environ.get("CHAOS_SECONDS", "45"))
SEED = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(1_000_000))
CLIENTS = int(os.environ.get("CHAOS_CLIENTS", "200"))
ONLY = os.environ.get("CHAOS_ONLY", "")
ACCOUNTS = 8
PER_SECOND = 50.0
"""Operations begun: two processors carry all of the servers and the clients."""
AROUND_S = 300.0
"""For the start of the servers; again for the last look at everything and the check."""

_ERRORS = re.compile(r"^Traceback .*\n(?:  .*\n)+(\S.*)$", re.MULTILINE)
_GONE = ("lightmail.ports.blobs.BlobNotFound:", "lightmail.errors.BodyMissing:")

pytestmark = [pytest.mark.integration, pytest.mark.alone, pytest.mark.timeout(SECONDS + 2 * AROUND_S)]


def surprises(log: str) -> list[str]:
    """The errors that were logged in full. A clock that steps takes the grace period with it: whoever has not been told yet
    that a message is gone may ask for a body that is gone as well.
    """
    return [error for error in _ERRORS.findall(log) if not error.startswith(_GONE)]


def test_nothing_is_lost(tmp_path: Path) -> None:
    print(f"\nCHAOS_SEED={SEED}")
    left_out: list[str] = []
    with ensemble(tmp_path, left_out) as scene:
        *accounts, calm = [scene.servers[0].add_user() for _ in range(ACCOUNTS + 1)]
        plan = Plan(SEED, CLIENTS, operations=None, per_second=PER_SECOND, probed=False, lasting=True)
        load = MixedLoad(scene.nodes, accounts, plan)
        chronicle = Chronicle()

        async def during() -> None:
            await rain(scene, load, SECONDS, random.Random(SEED), chronicle, ONLY)
            await recovered(scene, load, calm)

        try:
            report = run(load.run(during), timeout_s=SECONDS + AROUND_S)
        finally:
            print(chronicle, *left_out, sep="\n")
        print(report)
        assert ONLY or chronicle.times.keys() >= WORST
        # What was on its way when somebody was killed has no row, and goes; everything else must be there, whole.
        swept = scene.servers[0].command("gc", "--sweep", "--grace", "0", "--all-orphans")
        assert swept.returncode == 0, swept.stdout.decode() + swept.stderr.decode()
        assert_sound(scene.servers[0])
        for fault in load.ledger.faults:
            assert fault.answer.startswith(("NO [UNAVAILABLE]", "451 4.3.0")), fault
        assert report.operations > SECONDS * PER_SECOND / 10
        assert not surprises("".join(server.log() for server in scene.servers)), "a line says what is away"
