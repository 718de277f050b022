"""Many writers on two processes' connections to one database."""

from __future__ import annotations

import logging

import pytest

from tests.support.aio import run
from tests.support.mysql import empty_database
from tests.support.mysql_race import STEPS, TASKS, race
from tests.support.services import Services


def test_two_processes_write_to_the_same_mailboxes(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lightmail.backends.mysql")

    async def test() -> None:
        async with empty_database(services) as url:
            await race([url, url])

    run(test())
    repeated = sum("repeated" in record.message for record in caplog.records)
    assert repeated < TASKS * STEPS / 20, "deadlocks are rare, because locks are taken in one order"
