"""A database of its own for each test, on the MariaDB of the test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lightmail.config.addresses import MysqlUrl, parse_mysql
from tests.support.services import Services, SqlServer


@pytest.fixture
def server(services: Services) -> SqlServer:
    return services.sql


@pytest.fixture
def url(server: SqlServer) -> Iterator[MysqlUrl]:
    """An empty database."""
    text = server.new_database()
    yield parse_mysql(text)
    server.drop(text)
