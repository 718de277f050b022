from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.installation import KINDS, Installation
from tests.support.services import Services


@pytest.fixture(scope="session", params=["sqlite+files", "mysql+s3+redis"])
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, services: Services
) -> Iterator[Installation]:
    """A running installation: the embedded default, then the production backends."""
    with Installation(KINDS[request.param], tmp_path_factory.mktemp("guarded"), services) as installation:
        yield installation
