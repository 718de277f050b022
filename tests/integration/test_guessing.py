"""Guessing passwords from many addresses does no harm to those who know theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.aio import run
from tests.support.guessing import guess
from tests.support.server import LightMailServer

pytestmark = pytest.mark.integration

CONFIG = {
    "auth": {"cache_s": 0},
    "limits": {"networks": {}, "address_failed_logins": 3},
}


@pytest.mark.parametrize(
    ("addresses", "wrong", "right"),
    [(5, 100, 20), pytest.param(50, 5_000, 500, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_right_logins_go_on(tmp_path: Path, addresses: int, wrong: int, right: int) -> None:
    with LightMailServer(tmp_path / "data", CONFIG) as server:
        accounts = [server.add_user() for _ in range(4)]
        outcome = run(
            guess(server.address("imap"), accounts, addresses=addresses, wrong=wrong, right=right, at_once=4),
            timeout_s=580.0,
        )
        assert len(outcome.right_s) == right
        assert outcome.wrong.total() == wrong
        assert set(outcome.wrong) <= {"NO [AUTHENTICATIONFAILED]", "NO [UNAVAILABLE]", "none yet", "* BYE"}
        # Beyond what is free, an address has one password looked at after the other, each later than the one before.
        looked_at = outcome.wrong["NO [AUTHENTICATIONFAILED]"]
        assert looked_at <= addresses * (3 + 1 + outcome.seconds / 0.25)
