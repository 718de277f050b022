"""Fixtures that need running servers. One installation of each kind serves the whole run; tests use accounts of their own.

With several processes (`-n 3`) each test process has servers of its own, and tests/support/scheduling.py says what it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from lightmail.obs.troubles import troubles
from tests.support.installation import KINDS, Installation
from tests.support.scheduling import Groups, in_order
from tests.support.server import LightMailServer
from tests.support.services import Services


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items[:] = in_order(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


@pytest.fixture(autouse=True)
def logs_as_they_come() -> Iterator[None]:
    """A test that configures the logs of the process leaves them to the next as they were; no trouble is known yet."""
    troubles.forget()
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session", params=KINDS)
def any_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, services: Services
) -> Iterator[Installation]:
    """A running installation of each kind in turn."""
    with Installation(KINDS[request.param], tmp_path_factory.mktemp("any"), services) as installation:
        yield installation


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LightMailServer]:
    """A running server on the embedded default."""
    with LightMailServer(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """MariaDB, Redis, S3: each is started when a test first asks for it. Tests take databases, prefixes and buckets of
    their own; a test that stops a server starts one of its own.
    """
    started = Services(tmp_path_factory.mktemp("services"))
    yield started
    started.close()
